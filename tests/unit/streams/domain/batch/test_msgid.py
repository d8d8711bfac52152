"""Message ids: the only thing that keeps the platform from taking a record twice."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.batch.msgid import PlanStamp, base36, check_institution, msgid, next_plan, plan_id, stamp_of
from streams.errors import Misconfigured

HOSPITAL = "H36110200001"
SHANGHAI = ZoneInfo("Asia/Shanghai")
MOMENT = datetime(2024, 5, 1, 12, 0, 0, tzinfo=SHANGHAI)

jumps = st.lists(st.integers(-4_000, 4_000), min_size=1, max_size=80)


def stamps(seconds):
    found, last = [], None
    now = MOMENT
    for step in seconds:
        now += timedelta(seconds=step)
        last = next_plan(last, now)
        found.append(last)
    return found


@given(jumps)
def test_plans_are_always_later_than_the_one_before_whatever_the_clock_does(seconds):
    """A clock that is set back would give a plan an id that the platform has seen: "repeated", and the records are lost."""
    found = stamps(seconds)
    assert found == sorted(set(found))


@given(jumps, st.integers(0, 1295), st.integers(0, 1295))
def test_ids_of_different_plans_partitions_and_nodes_differ(seconds, one, other):
    """Two requests with one id are one request to the platform."""
    partitions = {one, other}
    ids = [
        msgid(HOSPITAL, plan_id(at, partition), node) for at in stamps(seconds) for partition in partitions for node in (0, 1, 999)
    ]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"H\d{11}\d{14}[0-9a-z]{6}", found) for found in ids)


@given(jumps, st.integers(0, 1295))
def test_a_stamp_is_read_back_from_its_plan_id(seconds, partition):
    """The committed offset's metadata keeps the plan id and nothing else to remember the time by."""
    for at in stamps(seconds):
        assert at == stamp_of(plan_id(at, partition))


def test_an_id_is_written_as_the_interface_says():
    """Interface §3.2.1: organisation 12, time 14, and what makes it unique: 32 in all."""
    at = PlanStamp(wall="20240501120000", sequence=35)
    assert msgid(HOSPITAL, plan_id(at, 11), 998) == "H36110200001" + "20240501120000" + "0b" + "z" + "0rq"
    assert len(msgid(HOSPITAL, plan_id(at, 11), 998)) == 32


def test_the_platform_that_wants_36_characters_gets_them():
    """The interface says 32 and describes 12 + 24; some platform will have read the description."""
    assert len(msgid(HOSPITAL, plan_id(next_plan(None, MOMENT), 0), 5, chars=36)) == 36


def test_the_time_is_the_sites_wall_clock():
    """Whoever reads an id in the platform's log looks for the local hour."""
    assert next_plan(None, MOMENT.astimezone(UTC).astimezone(SHANGHAI)).wall == "20240501120000"


def test_after_36_plans_in_one_second_the_next_second_begins():
    """A busy second must not stop the lane nor repeat an id."""
    found = stamps([0] * 37)
    assert [(at.wall, at.sequence) for at in found[-2:]] == [("20240501120000", 35), ("20240501120001", 0)]


def test_the_second_moves_on_over_the_end_of_a_year():
    """Seconds of an id are a calendar, not a number."""
    last = PlanStamp(wall="20241231235959", sequence=35)
    assert next_plan(last, MOMENT) == PlanStamp(wall="20250101000000", sequence=0)


def test_a_repeated_hour_of_a_zone_with_summer_time_repeats_no_id():
    """The wall clock goes back every autumn where there is summer time."""
    berlin = ZoneInfo("Europe/Berlin")
    first = next_plan(None, datetime(2024, 10, 27, 2, 30, tzinfo=berlin, fold=0))
    again = next_plan(first, datetime(2024, 10, 27, 2, 10, tzinfo=berlin, fold=1))
    assert again > first


def test_a_naive_time_is_not_taken():
    """An id in the machine's zone would go back when the machine moves."""
    with pytest.raises(ValueError, match="time zone"):
        next_plan(None, datetime(2024, 5, 1))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize("code", ["", "H3611020000", "H361102000011", "H3611020000 ", "医院361102000"], ids=repr)
def test_an_institution_whose_code_is_not_12_characters_stops_the_start(code):
    """Every id would have another length than the interface's; that must be known before the first record."""
    with pytest.raises(Misconfigured, match="12 letters and digits"):
        check_institution(code)
    with pytest.raises(Misconfigured):
        msgid(code, plan_id(next_plan(None, MOMENT), 0), 0)


@pytest.mark.parametrize("text", ["", "2024050112000000", "2024050112000000A", "20241301120000000", "202405011200000000"], ids=repr)
def test_what_is_no_plan_id_is_not_read_as_one(text):
    """Foreign metadata must stop a lane, not set its clock."""
    with pytest.raises(ValueError, match=r".+"):
        stamp_of(text)


@given(st.integers(0, 36**3 - 1))
def test_base_36_is_what_python_reads(number):
    """The digits sort and are read as everybody's base 36."""
    written = base36(number, width=3)
    assert (3, number) == (len(written), int(written, 36))


@pytest.mark.parametrize("number", [-1, 36**3])
def test_a_number_that_does_not_fit_is_not_cut(number):
    """A cut node number would be another batch's."""
    with pytest.raises(ValueError, match="does not fit"):
        base36(number, width=3)
