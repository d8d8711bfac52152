"""Rows that went while nobody read the log: a reading of the whole table shows them by not finding them.

Whoever compares tells what it found; join and place look again, because rows go on meanwhile. A false withdrawal would
make a clerk take back a record that is right.
"""

from dataclasses import replace

import orjson
import pytest

from connector.contract import DatabaseKind
from streams.domain.absent import Comparison, Digests, Seen
from streams.domain.changes import Incoming
from streams.domain.join.withdrawing import WithdrawalLimits
from streams.domain.place.fold import Placer
from streams.lanes.place.state import Overlay, PlaceState
from streams.lanes.ports import TopicPartition
from tests.oracle.headers import SOURCE, linked
from tests.unit.streams.domain.join.join_rig import DAY_MS, LIMITS, Join, whole

GRACE_MS = 10_000
DELETED = "WITHDRAWN DELETED_AFTER_REPORT"


def seen(*rows):
    found = Seen()
    for key, visit in rows:
        found.add((key,), visit)
    return found


def comparison(*rows, only=None):
    """Of the lines, after these were read."""
    return Comparison("his", DatabaseKind.POSTGRESQL, "h.charge", ("charge_id",), seen(*rows), only)


def reported(lines=1, **limits):
    """A visit with so many reported lines."""
    join = whole(Join(limits=replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=GRACE_MS, **limits))))
    for number in range(2, lines + 1):
        join.change("h.charge", charge_id=f"C{number}")
    return join


def absent(join, found):
    """What is told of the rows that the join remembers and that were not found."""
    entries = [entry for visit in join.entries.values() for entry in visit.items()]
    told = [one for entry in entries if (one := found.of_join(*entry)) is not None]
    moved = {one.key: one.visit for one in told if one.moved}
    told += [one for entry in entries if (one := found.arrived(*entry, moved)) is not None]
    return [found.message(one, at=join.now) for one in told]


def tell(join, found):
    for value in absent(join, found):
        join.send(value)


def test_a_reported_row_that_was_not_found_is_withdrawn_after_the_grace():
    """Nobody saw it go; the platform holds its record all the same."""
    join = reported(2)
    tell(join, comparison(("C1", "V1")))
    join.tick(after_ms=GRACE_MS - 1)
    assert [] == join.letters()
    join.tick(after_ms=1)
    assert [DELETED] == join.letters()
    assert ["C2"] == [letter.record_key for letter in join.dead]


def test_rows_that_were_found_and_rows_that_nobody_asked_for_stay():
    """`--key` reads some rows; of all others it says nothing."""
    join = reported(2)
    assert [] == absent(join, comparison(("C1", "V1"), ("C2", "V1")))
    assert 1 == len(absent(join, comparison(only=frozenset({("C2",), ("C3",)}))))


@pytest.mark.parametrize("op", ["u", "d"])
def test_a_row_that_went_on_since_it_was_compared_is_left_alone(op):
    """A row that was deleted and inserted again, or changed, is there, whatever the reading found; one that is gone is gone."""
    join = reported(2)
    (late,) = absent(join, comparison(("C1", "V1")))
    join.change("h.charge", op, charge_id="C2", item="头孢", tx=7)
    join.change("h.charge", "u", charge_id="C1", item="头孢", tx=8)
    before = join.letters()
    join.send(late)
    assert (1, before) == (join.counts["overtaken"], join.letters())


def test_a_row_that_is_read_again_as_it_is_known_and_was_deleted_in_the_log_is_no_repetition():
    """Its delete may still come from the log: that is no second withdrawal."""
    join = reported(2)
    tell(join, comparison(("C1", "V1")))
    join.tick(after_ms=GRACE_MS)
    join.change("h.charge", "d", charge_id="C2")
    join.tick(after_ms=DAY_MS)
    assert [DELETED] == join.letters()


def test_a_row_that_moved_to_another_visit_is_not_withdrawn():
    """Its record is reported from there. It is sent once more, because its former visit may have sent it after that."""
    join = reported()
    for table, columns in (("h.visit", {}), ("h.settle", {"settle_no": "S2"})):
        join.change(table, visit_id="V2", **columns)
    join.change("h.charge", "r", visit_id="V2", settle_no="S2")
    before = len(join.ready)
    tell(join, comparison(("C1", "V2")))
    join.tick(after_ms=DAY_MS)
    assert ([], ["fee_list_d C1"]) == (join.letters(), join.reported()[before:])
    join.change("h.charge", "d", visit_id="V2", settle_no="S2")
    join.tick(after_ms=DAY_MS)
    assert [DELETED] == join.letters()


def test_a_row_that_was_found_without_a_visit_is_withdrawn_from_the_one_that_it_had():
    """Nobody else reports it."""
    join = reported()
    tell(join, comparison(("C1", None)))
    join.tick(after_ms=DAY_MS)
    assert [DELETED] == join.letters()


def test_a_table_that_was_restored_empty_is_held_by_the_guard():
    """A wrong backup would become thousands of letters that clerks act on."""
    join = reported(40, per_hour=20)
    tell(join, comparison())
    join.tick(after_ms=GRACE_MS)
    assert ["WITHDRAWN WITHDRAWALS_HELD"] == join.letters()


def test_a_row_under_a_header_goes_by_the_place_stage_unless_something_was_done_to_it():
    """That stage knows where it is, also while it waits for its header and the join has never heard of it."""
    placer, state = Placer({}, partitions=4, linked={SOURCE: linked()}), PlaceState(TopicPartition("place.state", 0))
    stored = {}

    def fold(value):
        overlay = Overlay(state)
        folded = placer.fold(Incoming("rows.his", 0, 0, None, value, (), 1_700_000_000_000), overlay, source=SOURCE)
        state.apply(folded.state, position=1)
        stored.update(folded.state)
        return folded

    def change(table, op="c", **row):
        said = {"connector": "postgresql", "name": SOURCE, "schema": "h", "table": table[2:], "lsn": None, "ts_ms": 1}
        return fold(orjson.dumps({"op": op, "before": None, "after": row, "source": said}))

    def gone(table, *there):
        found = Comparison(SOURCE, DatabaseKind.POSTGRESQL, table, ("id",), seen(*there))
        entries = [(key, value) for key, value in stored.items() if value is not None]
        told = [one for entry in entries if (one := found.of_place(*entry)) is not None]
        return [found.message(one, at=1) for one in told]

    change("h.bill", id="1", v="1", adm=None, reg="R1", dept="D1")
    change("h.line", id="7", v="1", bill="1")
    change("h.line", id="8", v="1", bill="9")  # its bill is not there
    assert [] == gone("h.line", ("7", ""), ("8", ""))
    (waiting,) = gone("h.line", ("7", ""))
    assert ("hopped", ()) == fold(waiting)[1::-1]
    (late,) = gone("h.bill")
    change("h.bill", "u", id="1", v="2", adm=None, reg="R2", dept="D1")
    assert ("overtaken", ()) == fold(late)[1::-1]
    (bill,) = gone("h.bill")
    (left,) = fold(bill).placed
    assert (b"R2", "d") == (left.key, orjson.loads(left.value)["op"])


def test_a_set_of_digests_knows_what_is_in_it():
    """A key that is wrongly taken for one that was read would stay reported for ever."""
    digests = Digests()
    for number in range(0, 200_000, 2):
        digests.add(f"{number}")
    assert (100, 0) == (sum(f"{n}" in digests for n in range(0, 200, 2)), sum(f"{n}" in digests for n in range(1, 20_000, 2)))
