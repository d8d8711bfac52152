"""Waits that a person ends: the letter comes now, once; nothing is sent for it, and what comes after all goes as ever."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.changes import decode
from streams.domain.join.parts import Part
from streams.domain.join.releasing import GONE, RELEASED, STALE, UNKNOWN, is_releasable
from streams.domain.release import Release, release_value
from streams.domain.violations import DeadClass
from streams.errors import Rejected
from tests.unit.streams.domain.join.join_rig import DAY_MS, LIMITS, PATIENT, Join, whole
from tests.unit.streams.domain.join.test_laws import ALL, arrivals

NAMES = {"h.visit": "visit_id", "h.settle": "settle_no", "h.charge": "charge_id", "m.item": "item_id"}
BACK = {"charge_id": "C9", "quantity": "-2.0000", "amount": "-20.00"}


def waits(join):
    return [row for row in join.rows() if row.waits_for]


def order_of(row, **more):
    key = {NAMES[row.table]: row.key[0]}
    return Release(row.source, row.table, key, "V1", "dawn", row.waits_for, row.since)._replace(**more)


def release(join, *orders, after_ms=1):
    join.now += after_ms
    for order in orders:
        join.send(release_value(order, at=join.now))
    return join


def settlement_without_visit():
    join = Join()
    join.change("h.settle")
    return join


def line_without_settlement():
    join = Join()
    join.change("h.visit")
    join.change("h.charge")
    return join


def line_not_settled():
    join = Join()
    join.change("h.visit")
    join.change("h.charge", settle_no=None)
    return join


def visit_without_patient():
    join = Join(patients={})
    join.change("h.visit")
    return join


def refund_of_nothing():
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge", **BACK)
    return join


def line_of_two_settlements():
    join = Join()
    join.change("m.register")
    join.change("m.bill")
    join.change("m.bill", bill_no="B2", total="-10.00")
    join.change("m.item")
    return join


ENDED = [
    (settlement_without_visit, "JOIN_INCOMPLETE MISSING_VISIT"),
    (line_without_settlement, "JOIN_INCOMPLETE MISSING_SETTLEMENT"),
    (line_not_settled, "JOIN_INCOMPLETE MISSING_UNSETTLED"),
    (visit_without_patient, "JOIN_INCOMPLETE MISSING_LOOKUP"),
    (refund_of_nothing, "JOIN_INCOMPLETE MISSING_POSITIVE_LINE"),
]


@pytest.mark.parametrize(("made", "letter"), ENDED)
def test_a_wait_that_is_ended_is_told_as_one_whose_time_is_over_and_once(made, letter):
    """The order may come twice: whoever sends it may be killed in between. Ticks tell nothing more."""
    join, timed = made(), made()
    (row,) = waits(join)
    release(join, order_of(row), order_of(row))
    join.tick(after_ms=61 * DAY_MS)
    assert ([letter], 1, 1) == (join.letters(), join.counts[RELEASED], join.counts[STALE])
    timed.tick(after_ms=61 * DAY_MS)
    assert timed.letters() == join.letters()
    (now,), (then,) = ([one for one in each.rows() if one.key == row.key] for each in (join, timed))
    assert (then.refused, then.waits_for) == (now.refused, now.waits_for)
    assert "人工" in join.dead[0].message
    assert "超时" not in join.dead[0].message


def test_the_one_of_several_that_nobody_knows_is_asked_for_at_once():
    """A line that could belong to two settlements: the letter names both, as it does after the wait."""
    join = line_of_two_settlements()
    (row,) = waits(join)
    release(join, order_of(row))
    assert [DeadClass.AMBIGUOUS] == [one.dead_class for one in join.dead]
    assert "人工" in join.dead[0].message


def test_what_comes_after_a_wait_was_ended_goes_and_closes_its_letter():
    """Ended is not given away: a visit that is registered a week late is reported with everything."""
    join = settlement_without_visit()
    join.change("h.charge")
    release(join, *map(order_of, waits(join)))
    assert ["JOIN_INCOMPLETE MISSING_VISIT"] * 2 == join.letters()
    join.change("h.visit")
    assert (["mdtrt_d V1", "setl_d S1", "fee_list_d C1"], []) == (join.reported(), join.open())


def test_what_came_meanwhile_goes_in_place_of_the_letter():
    """A lookup row that came between two ticks: the order finds nothing missing."""
    join = visit_without_patient()
    (row,) = waits(join)
    join.patients["P1",] = PATIENT
    release(join, order_of(row))
    assert (["mdtrt_d V1"], []) == (join.reported(), join.dead)


def test_what_belongs_to_the_row_waits_for_its_letter_as_after_the_time():
    """A line goes never before its settlement (R24), whoever ended the settlement's wait."""
    join = settlement_without_visit()
    join.change("h.visit", patient_id="P2")
    join.change("h.charge")
    (visit,) = [row for row in waits(join) if row.table == "h.visit"]
    release(join, order_of(visit))
    others = {row.waits_for for row in waits(join) if row.table != "h.visit"}
    assert ({Part.PARENT_REFUSED.value}, []) == (others, join.reported())
    join.patients["P2",] = PATIENT | {"patient_id": "P2"}
    join.tick(after_ms=1)
    assert (["mdtrt_d V1", "setl_d S1", "fee_list_d C1"], []) == (join.reported(), join.open())


def test_an_order_ends_the_wait_that_was_seen_and_no_later_one():
    """It may lie in the topic for days behind a stage that stands."""
    join = settlement_without_visit()
    (row,) = waits(join)
    join.change("h.settle", "d")
    join.now += 1
    join.change("h.settle")
    (anew,) = waits(join)
    release(join, order_of(row), order_of(anew, part=Part.SETTLEMENT.value))
    assert ([], 2, [anew]) == (join.dead, join.counts[STALE], waits(join))


def test_what_waits_for_another_part_by_now_waits_on():
    """The settlement came, the line's patient did not: nobody decided about that."""
    join = Join()
    join.change("h.charge", settle_no=None)
    (row,) = waits(join)
    assert Part.UNSETTLED.value == row.waits_for
    join.now += 1
    join.change("h.charge", "u")
    release(join, order_of(row))
    assert ([], [Part.SETTLEMENT.value]) == (join.dead, [one.waits_for for one in waits(join)])


def test_what_goes_with_another_row_is_not_ended_by_itself():
    """Its letter would say nothing that mends it; and what waits for a lane would pass an older version of itself."""
    join = visit_without_patient()
    join.change("h.settle")
    (row,) = [one for one in waits(join) if one.table == "h.settle"]
    assert Part.UNREPORTED.value == row.waits_for
    release(join, order_of(row))
    assert ([], 1) == (join.dead, join.counts[STALE])
    free = {one for one in Part if not is_releasable(one.value)}
    assert {Part.UNREPORTED, Part.UNREPORTED_LINE, Part.PARENT_REFUSED, Part.MOVED, Part.COLLISION} == free


def test_clocks_that_differ_do_not_keep_a_wait_going():
    """The order carries the time of another machine than the row did."""
    join = settlement_without_visit()
    (row,) = waits(join)
    release(join, order_of(row), after_ms=-LIMITS.wait_ms)
    assert ["JOIN_INCOMPLETE MISSING_VISIT"] == join.letters()


def test_an_order_for_what_is_not_there_does_nothing():
    """A row that went, a table that is mapped no more."""
    join = settlement_without_visit()
    (row,) = waits(join)
    release(join, order_of(row, table="h.nothing"), order_of(row, source="none"), order_of(row, key={"settle_no": "S8"}))
    join.change("h.settle", "d")
    release(join, order_of(row))
    assert ([], 2, 2) == (join.dead, join.counts[UNKNOWN], join.counts[GONE])


@pytest.mark.parametrize("broken", [b"{}", b'{"name":"his","schema":"h","table":"settle"}'])
def test_an_order_that_is_not_ours_is_refused(broken):
    """Whatever else can write into the topic: it becomes a letter and ends no worker."""
    with pytest.raises(Rejected):
        decode(b'{"yibao":"release","source":' + broken + b',"key":{"a":1},"visit":"V1","plan":"p","part":"visit","since":1}')


@settings(max_examples=60, deadline=None)
@given(arrivals(1), st.data())
def test_waits_that_are_ended_at_any_time_change_nothing_of_what_is_sent(orders, data):
    """The law: release costs letters, never a record, a double or an older version."""
    (changes,) = orders
    plain, ended = Join(), Join()
    for change in changes:
        plain.send(change)
        ended.send(change)
        if (waiting := waits(ended)) and data.draw(st.booleans()):
            release(ended, order_of(data.draw(st.sampled_from(waiting))))
        plain.now = ended.now
    assert (set(ended.reported()), []) == (ALL, ended.waiting())
    assert (_sent(plain), _open(plain)) == (_sent(ended), _open(ended))


def _sent(join):
    return [(one.record.service, one.record.key, one.record.content_hash) for one in join.ready]


def _open(join):
    return [letter.identity for letter in join.open() if letter.dead_class is DeadClass.JOIN_INCOMPLETE]


def test_a_visit_that_is_whole_has_nothing_to_end():
    """What is asked for by mistake does no harm."""
    join = whole(Join())
    release(join, Release("his", "h.settle", {"settle_no": "S1"}, "V1", "dawn", Part.VISIT.value, 5))
    assert (3, [], 1) == (len(join.ready), join.dead, join.counts[STALE])
