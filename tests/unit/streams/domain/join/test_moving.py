"""A row that came from a visit of another partition waits until the lanes there have done with what they knew of it."""

import orjson
import pytest

from streams.domain.changes import ARRIVED
from streams.domain.join.entries import is_moved
from streams.domain.join.moving import Passed, first_open
from streams.domain.join.parts import MOVED_FROM
from streams.domain.join.passing import Joined, Passing
from streams.domain.series import FROM, NUMBER
from tests.unit.streams.domain.join.join_rig import CHARGE, DAY_MS, HOSPITAL, PHARMACY, SETTLE, TABLES, Join, envelope, passed

SERIES = "his/b"
UPTO_7 = Joined({"his/b": 7})


class Moves(Join):
    """One partition, 0, whose rows come numbered from others."""

    number: int = 0

    def arrives(self, table="h.charge", trail=b"1:7", op="u", **columns):
        row = {"h.charge": CHARGE, "h.settle": SETTLE}[table] | columns
        return self.numbered(self.envelope(table, op, row), *([(ARRIVED, trail)] if trail is not None else []))

    def leaves(self, now=None, **columns):
        """now: what of the row is another value where it goes."""
        value = self.envelope("h.charge", "d", CHARGE | columns)
        return self.numbered(orjson.dumps(orjson.loads(value) | {"yibao": "left", "now": CHARGE | columns | (now or {})}))

    def envelope(self, table, op, row):
        self.place += 1
        return envelope(table, op, row, at=self.place)

    def numbered(self, value, *more):
        self.number += 1
        return self.send(value, headers=((FROM, SERIES.encode()), (NUMBER, b"%d" % self.number), *more))

    def passes(self, upto):
        """The lanes of partition 1 have passed all numbers below this."""
        self.passed = passed({1: {SERIES: upto}})
        return self.tick()


@pytest.fixture
def moves():
    join = Moves()
    join.change("h.visit")
    join.change("h.settle")
    join.ready.clear()
    return join


def test_it_waits_for_the_lane_that_it_left_however_long_that_stands(moves):
    """Held for hours, the other lane would deliver the older version last. What waits for it is no incomplete record."""
    moves.arrives()
    for upto in (0, 7):
        moves.passed = passed({1: {SERIES: upto}})
        moves.tick(after_ms=90 * DAY_MS)
    (row,) = [row for row in moves.rows() if row.waits_for]
    assert ([], [], "moved", 1) == (moves.reported(), moves.letters(), row.waits_for, moves.counts["moved_waiting"])
    moves.passes(8)
    assert (["fee_list_d C1"], 1, []) == (moves.reported(), moves.counts["moved_on"], moves.waiting())


def test_where_the_lane_has_passed_it_does_not_wait(moves):
    """Most lanes stand nowhere."""
    moves.passed = passed({1: {SERIES: 8}})
    moves.arrives()
    assert (["fee_list_d C1"], 0) == (moves.reported(), moves.counts["moved_waiting"])


@pytest.mark.parametrize("trail", [None, b"", b"0:1", b"x:1", b"1:x", b"1"])
def test_without_another_lane_it_does_not_wait(moves, trail):
    """What an early version placed says nothing of it, and a lane's own records go in their order."""
    moves.arrives(trail=trail)
    assert ["fee_list_d C1"] == moves.reported()


def test_what_it_becomes_meanwhile_goes_in_the_end(moves):
    """It is changed, read again, deleted and inserted again while it waits."""
    moves.arrives()
    moves.change("h.charge", "u", item="头孢")
    moves.read("h.charge", item="头孢")
    moves.change("h.charge", "d", tx="5")
    moves.change("h.charge", "c", item="维生素", tx="5")
    assert [] == moves.reported()
    moves.passes(8)
    assert "维生素" == orjson.loads(moves.ready[0].record.value)["HILIST_NAME"]
    assert (["fee_list_d C1"], []) == (moves.reported(), moves.letters())


def test_deleted_while_it_waits_it_is_told_as_withdrawn(moves):
    """The platform has it, or is about to get it, from the lane that it left."""
    moves.arrives()
    moves.change("h.charge", "d")
    moves.passes(8)
    assert ([], ["WITHDRAWN DELETED_AFTER_REPORT"], []) == (moves.reported(), moves.letters(), moves.waiting())


def test_what_belongs_to_a_settlement_that_waits_does_not_go_before_it(moves):
    """It counts as reported, but nobody knows yet that the platform has it."""
    moves.arrives("h.settle", settle_no="S2")
    moves.change("h.charge", charge_id="C5", settle_no="S2")
    moves.tick(after_ms=90 * DAY_MS)
    assert ([], []) == (moves.reported(), moves.letters())
    moves.passes(8)
    assert ["setl_d S2", "fee_list_d C5"] == moves.reported()


def test_a_refund_waits_for_the_line_that_waits_itself(moves):
    """The platform may not have what it takes back."""
    moves.arrives()
    moves.change("h.charge", charge_id="C6", quantity="-1.0000", amount="-10.00")
    assert [] == moves.reported()
    moves.passes(8)
    assert ["fee_list_d C1", "fee_list_d C6"] == moves.reported()


def test_who_follows_a_row_that_waits_itself_must_wait_for_all_of_its_trail(moves):
    """Of several moves the last partition alone says nothing: the older version is on its way in the first."""
    moves.arrives()
    moves.leaves()
    assert {SERIES: {HOSPITAL: moves.number}} == first_open(moves)
    moves.arrives(trail=b"1:9")
    moves.leaves()
    assert {SERIES: {HOSPITAL: 2}} == first_open(moves)
    moves.passes(8)
    assert {SERIES: {HOSPITAL: 4}} == first_open(moves)
    moves.passes(10)
    assert {} == first_open(moves)


def test_within_its_partition_it_takes_its_trail_along(moves):
    """To another visit of the same partition, no lane is left, but the trail of before is still open."""
    moves.arrives()
    moves.leaves()
    moves.change("h.visit", visit_id="V2")
    moves.change("h.settle", visit_id="V2", settle_no="S2")
    moves.ready.clear()
    moves.arrives(trail=b"0:%d" % moves.number, visit_id="V2", settle_no="S2")
    assert [] == moves.reported()
    moves.passes(8)
    assert ["fee_list_d C1"] == moves.reported()


def test_who_follows_another_institutions_row_does_not_wait_for_it(moves):
    """An institution that is set aside in one partition would hold the moved rows of all the others."""
    moves.arrives(charge_id="C2")
    moves.arrives()
    moves.passed = Passed({1: Passing(all=UPTO_7, others=Joined({SERIES: 8}), of={PHARMACY: UPTO_7})})
    moves.tick()
    assert (["fee_list_d C2", "fee_list_d C1"], []) == (moves.reported(), moves.letters())
    moves.passed = Passed({1: Passing(all=UPTO_7, others=Joined({SERIES: 8}), of={HOSPITAL: UPTO_7})})
    moves.arrives(trail=b"1:7", item="头孢")
    moves.tick()
    assert 2 == len(moves.reported())


@pytest.mark.parametrize("leaves", [False, True])
def test_who_follows_what_was_another_institutions_record_waits_for_that(moves, leaves):
    """It may become that one's again where it goes, and the older version would come last. Those of others go on."""
    moves.numbered(moves.envelope("h.charge", "c", CHARGE))
    if leaves:
        moves.leaves(now={"org": "P"})
    else:
        moves.numbered(moves.envelope("h.charge", "u", CHARGE | {"org": "P"}))
    assert {SERIES: {PHARMACY: 2}} == first_open(moves)
    moves.passed = Passed({0: Passing(all=Joined({SERIES: 2}), others=Joined({SERIES: 3}), of={HOSPITAL: Joined({SERIES: 2})})})
    moves.tick()
    assert {SERIES: {PHARMACY: 2}} == first_open(moves)
    moves.passed = passed({0: {SERIES: 3}})
    moves.tick()
    assert {} == first_open(moves)


def test_a_row_that_was_a_third_institutions_record_before_is_waited_for_as_all_are(moves):
    """Of which of them an older version waits is not known."""
    for org in ("H", "P", "H"):
        moves.numbered(moves.envelope("h.charge", "u", CHARGE | {"org": org}))
    assert {SERIES: {PHARMACY: 2, HOSPITAL: 3}} == first_open(moves)
    moves.passed = Passed({0: Passing(all=Joined({SERIES: 3}), others=Joined({SERIES: 4}), of={HOSPITAL: Joined({SERIES: 3})})})
    moves.tick()
    assert {SERIES: {HOSPITAL: 3}} == first_open(moves)


@pytest.mark.parametrize("told", [False, True])
def test_a_row_that_went_and_comes_as_another_institutions_record_is_one_that_became_it(moves, told):
    """Many systems save by a delete and an insert, and perhaps after a person was told that it went."""
    moves.numbered(moves.envelope("h.charge", "c", CHARGE))
    moves.numbered(moves.envelope("h.charge", "d", CHARGE))
    if told:
        moves.tick(after_ms=1_000)
        assert ["WITHDRAWN DELETED_AFTER_REPORT"] == moves.letters()
    moves.numbered(moves.envelope("h.charge", "c", CHARGE | {"org": "P"}))
    assert {SERIES: {PHARMACY: 3}} == first_open(moves)


def test_who_takes_a_record_over_waits_for_what_its_former_row_waited_for(moves):
    """The key of that row may be another record's by then. The older version is still on its way, and would come last."""
    moves.change("m.register")
    moves.change("m.bill")
    moves.ready.clear()
    item = TABLES["m.numbered_item"]
    moves.numbered(moves.envelope("m.numbered_item", "u", item), (ARRIVED, b"1:7"))
    moves.numbered(moves.envelope("m.numbered_item", "d", item))
    moves.passed = passed({2: {SERIES: 9}})
    moves.numbered(moves.envelope("m.numbered_item", "c", item | {"item_id": "I2"}), (ARRIVED, b"2:3"))
    moves.numbered(moves.envelope("m.numbered_item", "c", item | {"row_id": "2"}))
    assert ["fee_list_d I2"] == moves.reported()
    moves.passes(8)
    assert ["fee_list_d I2", "fee_list_d I1"] == moves.reported()


def test_a_tick_looks_at_what_waits_only_when_a_lane_got_further(moves):
    """Thousands of lines may wait for a lane that stands for hours."""
    moves.arrives()
    looked = []
    moves.moved = lambda: looked.append(1) or []
    moves.passed = passed({1: {SERIES: 8}}, is_news=False)
    moves.tick()
    assert ([], []) == (looked, moves.reported())


def test_which_lane_it_waits_for_is_seen_without_parsing(moves):
    """The process asks the brokers about these partitions, and no others."""
    moves.arrives(trail=b"11:7")
    (value,) = [value for entries in moves.entries.values() for value in entries.values() if is_moved(value)]
    assert MOVED_FROM + 11 == int(value[1:14])
