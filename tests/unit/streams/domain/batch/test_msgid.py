"""Message ids: the only thing that keeps the platform from taking a record twice."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.batch.msgid import PlanStamp, base36, check_institution, layout_of, msgid, next_plan, plan_id, stamp_of
from streams.errors import Misconfigured

HOSPITAL = "H36110200001"
MOMENT = datetime(2024, 5, 1, 4, 0, 0, tzinfo=UTC)
SECOND = 136_699_200
FIRST_LAYOUT = "20240501120000" + "0b" + "z"
SITE = "s1te"

jumps = st.lists(st.integers(-4_000, 4_000), min_size=1, max_size=80)
marks = st.text(alphabet="0123456789abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=4)


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


@given(jumps, st.sets(st.integers(0, 1295), min_size=1, max_size=2), st.sets(marks, min_size=1, max_size=2))
def test_ids_of_different_sites_plans_partitions_and_nodes_differ(seconds, partitions, sites):
    """Two requests with one id are one request to the platform."""
    ids = [
        msgid(HOSPITAL, plan_id(at, partition, site=site), node)
        for at in stamps(seconds)
        for partition in partitions
        for site in sites
        for node in (0, 1, 5999)
    ]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"H\d{11}[0-9a-z]{18}02", found) for found in ids)


def test_two_sites_of_one_institution_make_no_id_alike_in_one_second():
    """A trial beside the real site: what the one has posted the platform would call repeated to the other, which then would write
    receipts for records that were never taken.
    """
    at = next_plan(None, MOMENT)
    assert msgid(HOSPITAL, plan_id(at, 3, site="aaaa"), 0) != msgid(HOSPITAL, plan_id(at, 3, site="aaab"), 0)


@given(jumps, st.integers(0, 1295), marks)
def test_a_stamp_is_read_back_from_its_plan_id(seconds, partition, site):
    """The committed offset's metadata keeps the plan id and nothing else to remember the time by."""
    for at in stamps(seconds):
        assert at == stamp_of(plan_id(at, partition, site=site))


def test_an_id_is_written_in_thirty_two_characters():
    """Interface §3.2.1: the organisation's code, and what makes it unique."""
    at = PlanStamp(second=SECOND, sequence=1295)
    assert msgid(HOSPITAL, plan_id(at, 11, site=SITE), 998) == "H36110200001" + "29dxs0" + "s1te" + "0b" + "zz" + "00rq" + "02"
    assert 32 == len(msgid(HOSPITAL, plan_id(at, 11, site=SITE), 998))


def test_the_platform_that_wants_36_characters_gets_them():
    """The interface says 32 and describes 12 + 24; some platform will have read the description."""
    for plan in (plan_id(next_plan(None, MOMENT), 0, site=SITE), FIRST_LAYOUT):
        assert 36 == len(msgid(HOSPITAL, plan, 5, chars=36))


def test_a_plan_that_was_opened_in_the_first_layout_keeps_its_ids():
    """What of it was posted before an update goes again under the same ids, or the platform takes it twice."""
    assert "H36110200001" + "20240501120000" + "0b" + "z" + "0rq" == msgid(HOSPITAL, FIRST_LAYOUT, 998)
    assert (1, None) == (layout_of(FIRST_LAYOUT), stamp_of(FIRST_LAYOUT))


@given(st.datetimes(datetime(2024, 1, 1), datetime(2088, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants them naive
def test_the_layouts_have_no_id_in_common(now):
    """Whoever reads one can tell which it is: the year follows the code in the first alone."""
    assert not plan_id(next_plan(None, now), 0, site="2024").startswith("20")


def test_after_1296_plans_in_one_second_the_next_second_begins():
    """A busy second must not stop the lane nor repeat an id."""
    found = stamps([0] * 1297)
    assert [(at.second, at.sequence) for at in found[-2:]] == [(SECOND, 1295), (SECOND + 1, 0)]


def test_a_clock_that_starts_in_1970_stops_nothing():
    """A machine without a battery: its plans go on from the last one's time."""
    early = datetime(1970, 1, 1, tzinfo=UTC)
    assert PlanStamp(second=0, sequence=0) == next_plan(None, early)
    assert PlanStamp(second=SECOND, sequence=1) == next_plan(next_plan(None, MOMENT), early)


def test_a_naive_time_is_not_taken():
    """An id in the machine's zone would go back when the machine moves."""
    with pytest.raises(ValueError, match="time zone"):
        next_plan(None, datetime(2024, 5, 1))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize("site", ["", "abc", "ABCD", "abcde", "ab-c"])
def test_what_is_no_mark_of_a_site_makes_no_plan(site):
    """Its ids would have another length, or be another site's."""
    with pytest.raises(ValueError, match="mark"):
        plan_id(next_plan(None, MOMENT), 0, site=site)


@pytest.mark.parametrize("code", ["", "H3611020000", "H361102000011", "H3611020000 ", "医院361102000"], ids=repr)
def test_an_institution_whose_code_is_not_12_characters_stops_the_start(code):
    """Every id would have another length than the interface's; that must be known before the first record."""
    with pytest.raises(Misconfigured, match="12 letters and digits"):
        check_institution(code)
    with pytest.raises(Misconfigured):
        msgid(code, FIRST_LAYOUT, 0)


@pytest.mark.parametrize(
    "text", ["", "2024050112000000", "2024050112000000A", "20241301120000000", "202405011200000000", "29dxs0S1te0bzz"], ids=repr
)
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
