"""Lines that are built again because of their visit or settlement: a portion at a time, and in the end as if all at once."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.join.entries import load
from streams.domain.join.fold import LEFT
from streams.domain.join.rebuilding import LATER, Left, dump, is_left, key_of
from streams.domain.join.rebuilding import load as load_left
from streams.errors import Newer
from tests.unit.streams.domain.join.join_rig import LIMITS, Join, is_row

KEYS = [f"C{number}" for number in range(6)]
VISITS = st.fixed_dictionaries({"patient_id": st.sampled_from(["P1", "P2"]), "op": st.sampled_from("cud")})
SETTLEMENTS = st.fixed_dictionaries(
    {"settle_no": st.sampled_from(["S1", "S2"]), "paid_by": st.sampled_from(["cash", "card"]), "op": st.sampled_from("cuud")}
)
LINES = st.fixed_dictionaries(
    {
        "charge_id": st.sampled_from(KEYS),
        "settle_no": st.sampled_from(["S1", "S2"]),
        "amount": st.sampled_from(["20.00", "20.00", "x"]),
        "op": st.sampled_from("cccud"),
    }
)
ACTS = (
    st.tuples(st.just("h.visit"), VISITS)
    | st.tuples(st.just("h.settle"), SETTLEMENTS)
    | st.tuples(st.just("h.charge"), LINES)
    | st.tuples(st.just("tick"), st.sampled_from([1, 2_000]))
)


def small(*, lines, rows=1_000, few=32):
    join = Join(limits=replace(LIMITS, lines_a_change=lines, rows_a_tick=rows, few_lines=few, many_lines=few))
    join.patients["P2",] = join.patients["P1",] | {"patient_id": "P2"}
    return join


def left(join):
    return [key for each in join.entries.values() for key in each if is_left(key)]


def act(join, table, about):
    if table == "tick":  # what is left is done at once, before time passes
        settled(join, after_ms=0)
        settled(join, after_ms=about)
    else:
        join.change(table, **about)


def settled(join, *, after_ms=1):
    """After a tick, and as many as it asks for at once."""
    for _ in range(200):
        if not join.tick(after_ms=after_ms).counts.get(LEFT, 0):
            return join
        after_ms = 0
    raise AssertionError("it never ends")


def standing(join):
    """What each row waits for or is refused for; of others, what was reported of it. (What a line said that is refused, or waits
    again, may have gone out before that, or not: it went or changed before its turn.)
    """
    rows = [load(key, value) for key, value in join.entries[b"V1"].items() if is_row(key)]
    open_ = {(row.table, row.key): (row.waits_for, bool(row.refused)) for row in rows}
    return open_, {(row.table, row.key): row.emitted for row in rows if not row.waits_for and not row.refused}


@settings(max_examples=120, deadline=None)
@given(course=st.lists(ACTS, max_size=25), few=st.sampled_from([0, 32]))
def test_in_the_end_it_is_as_if_all_lines_were_built_at_once(course, few):
    """A portion is no other outcome: a line that is left over in it would be wrong for ever."""
    whole, portioned = small(lines=1_000, few=few), small(lines=1, few=few)
    for join in (whole, portioned):
        for table, about in course:
            act(join, table, about)
        settled(join)
        settled(join, after_ms=2_000)
    assert standing(whole) == standing(portioned)


def a_stay(join, lines):
    join.change("h.visit")
    join.change("h.settle")
    for number in range(lines):
        join.change("h.charge", charge_id=f"C{number}")
    return join


def test_a_correction_of_all_lines_leaves_them_to_ticks_and_each_goes_out_once():
    """One fold of 20,000 lines takes seconds in which no heartbeat goes out, and is one transaction of them all."""
    join = a_stay(small(lines=4), 11)
    before = len(join.ready)
    folded = join.change("h.visit", "u", patient_id="P2")
    told = [(len(folded.ready), folded.counts.get(LATER, 0))]
    between = join.change("h.visit", visit_id="another")
    while left(join):
        folded = join.tick(after_ms=1)
        told.append((len(folded.ready), folded.counts.get(LEFT, 0)))
    assert [(5, 1), (1, 1), (3, 1), (3, 1)] == told
    assert 1 == len(between.ready)
    lines = [one.record.key for one in join.ready[before:] if one.record.service.value == "fee_list_d"]
    assert sorted(lines) == sorted(f"C{number}" for number in range(11))
    assert {b"P2"} == {one.record.value.split(b'"PSN_NO":"')[1].split(b'"')[0] for one in join.ready[-7:]}
    assert 0 == join.tick(after_ms=1).counts.get(LEFT, 0)


def test_a_line_that_changes_meanwhile_is_built_with_the_new_parent_and_only_once():
    """Built with the old one it would be wrong until its turn comes."""
    join = a_stay(small(lines=2), 6)
    join.change("h.visit", "u", patient_id="P2")
    changed = join.change("h.charge", "u", charge_id="C5", amount="40.00", quantity="4.0000")
    assert b'"PSN_NO":"P2"' in changed.ready[0].record.value
    after = len(join.ready)
    settled(join)
    assert "C5" not in [one.record.key for one in join.ready[after:]]


def test_a_parent_that_changes_again_begins_anew():
    """What was built before its second change has the content of the first."""
    join = a_stay(small(lines=2), 6)
    join.change("h.visit", "u", patient_id="P2")
    join.tick(after_ms=1)
    join.change("h.visit", "u", patient_id="P1")
    settled(join)
    assert {"P1"} == {orjson_psn(value) for (service, _, _), value in join.last().items() if service.value == "fee_list_d"}


def orjson_psn(value):
    return value.split(b'"PSN_NO":"')[1].split(b'"')[0].decode()


def test_rows_that_are_due_are_not_built_twice_in_the_tick_that_goes_on():
    """Two looks at one visit in one fold: the second would not see what the first one sent."""
    join = a_stay(small(lines=2), 6)
    join.change("h.charge", charge_id="C9", settle_no="S9")
    join.change("h.visit", "u", patient_id="P2")
    join.tick(after_ms=LIMITS.wait_ms)
    settled(join)
    assert ["JOIN_INCOMPLETE MISSING_SETTLEMENT"] == join.letters()
    keys = [one.record.key for one in join.ready if one.record.service.value == "fee_list_d"]
    assert sorted(keys) == sorted([f"C{number}" for number in range(6)] * 2)


def test_what_is_left_is_written_and_read_and_refused_of_a_later_form():
    """Read as something else, lines would stay as they were for ever."""
    one = Left(5, 6, "7", 'f\x1fhis\x1fh.charge\x1f,"lookup ')
    assert one == load_left(dump(one))
    assert is_left(key_of(b"V1", "his"))
    with pytest.raises(Newer, match="to be built"):
        load_left(dump(one).replace(b"[9,", b"[12,"))
