"""Rows of different visits with one record key, from capture's message through place and join: one is reported, the other is told.

Out- and inpatients that are counted alike overwrote each other at the platform: a name stood under another one's number, and there
was no letter. The site is the oracle's (`tests/oracle/collisions.py`).
"""

from dataclasses import replace

import orjson
import pytest

from streams.domain.changes import Incoming
from streams.domain.join.fold import Joiner
from streams.domain.join.withdrawing import WithdrawalLimits
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING
from streams.domain.place.record_names import record_names
from streams.lanes.place.state import Overlay, PlaceState
from streams.lanes.ports import TopicPartition
from streams.mapping import compile_site, load_site
from streams.mapping.linking import claiming_tables, direct_visit_keys, linked_tables
from streams.spec.fields import ServiceCode
from tests.oracle.collisions import KEYS, site
from tests.unit.streams.domain.join.join_rig import DAY_MS, LIMITS, SITE, START_MS, Join, envelope

GRACE_MS = 10_000
IN, OUT, BILL, ITEM = "w.inpatient", "w.outpatient", "w.bill", "w.item"
COLLISION = "COLLISION COLLISION"


class Both(Join):
    """One partition behind the place stage of one source."""

    def __init__(self):
        super().__init__(limits=replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=GRACE_MS)))
        self.placer = Placer(
            direct_visit_keys(site()),
            partitions=1,
            linked=linked_tables(site()),
            names=record_names(compile_site(site())),
            claiming=claiming_tables(site()),
        )
        self.state, self.going = PlaceState(TopicPartition("place.state.two", 0)), NOTHING
        self.joiner = Joiner(compile_site(site()), self.limits, zone=compile_site(site())["two"].dialect.zone)

    def happens(self, table, op="c", *, tx=None, before=None, **row):
        self.place += 1
        tx = self.place if tx is None else tx
        more = {"txId": tx, "ts_us": (START_MS + self.place) * 1000}
        self.captured(
            envelope(table, op, row, at=self.place, before=before, source="two", **more),
            orjson.dumps({KEYS[table]: row[KEYS[table]]}),
        )
        return self

    def captured(self, value, key=b"{}"):
        overlay = Overlay(self.state)
        incoming = Incoming("rows.two", 0, self.place, key, value, (), self.now)
        folded = self.placer.fold(incoming, overlay, source="two", going=self.going)
        self.state.apply(folded.state, position=self.place)
        self.going = folded.going
        for one in folded.placed:
            self.send(one.value, headers=(("from", b"two/b"), ("seq", b"1"), *one.headers), key=one.key)

    def settled(self):
        """After all that time can bring: what was sent last of each record, and the letters, the open ones and all."""
        for _ in range(2):
            self.tick(after_ms=DAY_MS)
        return self.sent(), self.letters(), self.closed()

    def sent(self):
        """By service and key: whose record was sent last."""
        said = {}
        for one in self.ready:
            values = orjson.loads(one.record.value)
            who = next(values[name] for name in ("HILIST_NAME", "ADM_DEPT_NAME", "PSN_NAME") if name in values)
            said[f"{one.record.service.value} {one.record.key}"] = who
        return said


def numbered(number, who, **more):
    return {"visit_no": number, "who": who, **more}


@pytest.fixture
def both():
    """An in- and an outpatient with the number 7, each with a bill."""
    both = Both().happens(IN, **numbered("7", "in")).happens(BILL, **numbered("7", "in"), bill_no="B1")
    return both.happens(OUT, **numbered("7", "out")).happens("w.other_bill", **numbered("7", "out"), bill_no="B2")


def test_tables_that_cannot_collide_are_not_looked_at():
    """The common hospital, whose tables' keys are the records', pays nothing: no entry, no look-up."""
    many = {"m.bill", "m.other_bill", "m.item", "m.named_item", "m.numbered_item"}
    assert {"many": many} == {source: set(tables) for source, tables in claiming_tables(load_site(SITE)).items()}


def test_two_visits_with_one_number_do_not_overwrite_each_other(both):
    """The first is reported; what belongs to the second waits with it, or it would be charged to the first one's patient."""
    assert ({"mdtrt_d 7": "in", "setl_d B1": "in"}, [COLLISION], []) == both.settled()
    (letter,) = both.dead
    assert ("mdtrt_d", "7", OUT) == (letter.service, letter.record_key, letter.row.table)
    assert "w.inpatient/7、w.outpatient/7" in letter.message
    assert "王小明" not in letter.message


def test_the_letter_closes_itself_when_the_second_gets_a_number_of_its_own(both):
    """And what waited for it goes."""
    both.settled()
    both.happens(OUT, "d", **numbered("7", "out")).happens(OUT, **numbered("8", "out"))
    both.happens("w.other_bill", "u", before=numbered("7", "out", bill_no="B2"), **numbered("8", "out"), bill_no="B2")
    assert {"mdtrt_d 7": "in", "setl_d B1": "in", "mdtrt_d 8": "out", "setl_d B2": "out"} == both.settled()[0]
    assert ["COLLISION 7"] == both.closed()


def test_when_the_first_goes_the_second_is_reported_and_nobody_is_told_that_it_is_gone(both):
    """A clerk who had the record cancelled would cancel the second one's."""
    both.settled()
    both.happens(IN, "d", **numbered("7", "in"))
    sent, letters, closed = both.settled()
    assert ({"mdtrt_d 7": "out", "setl_d B1": "in", "setl_d B2": "out"}, ["COLLISION 7"]) == (sent, closed)
    assert [COLLISION, "JOIN_INCOMPLETE MISSING_VISIT"] == letters  # of the bill that lost its visit


def test_a_number_that_stands_in_the_header_is_claimed_until_the_header_changes():
    """An order that gives its number to its lines: it is the order's change that takes it away from them."""
    both, order = Both(), numbered("2", "order", order_no="4")
    both.happens(IN, **numbered("1", "in")).happens(BILL, **numbered("1", "in"), bill_no="B1")
    both.happens(OUT, **numbered("2", "out")).happens("w.other_bill", **numbered("2", "out"), bill_no="B2")
    both.happens(ITEM, **numbered("1", "first"), row_id="7", item_no="5")
    both.happens("w.order", **order, item_no="5").happens("w.other_item", row_id="8", order_no="4", item_no="9", who="second")
    sent, letters, _ = both.settled()
    assert ("first", [COLLISION]) == (sent["fee_list_d 5"], letters)
    both.happens("w.order", "u", before={**order, "item_no": "5"}, **order, item_no=None)
    sent, _, closed = both.settled()
    assert ("first", "second", ["COLLISION 5"]) == (sent["fee_list_d 5"], sent["fee_list_d 9"], closed)


@pytest.mark.parametrize("first_goes", [True, False])
def test_a_number_that_passes_to_another_visit_in_one_transaction_is_no_collision(first_goes):
    """A line that is booked anew in another visit, inserted there first or deleted here first."""
    both = Both()
    for number in ("1", "2"):
        both.happens(IN, **numbered(number, "in")).happens(BILL, **numbered(number, "in"), bill_no=f"B{number}")
    both.happens(ITEM, **numbered("1", "old"), row_id="1", item_no="5")
    acts = [("d", numbered("1", "old", row_id="1", item_no="5")), ("c", numbered("2", "new", row_id="2", item_no="5"))]
    for op, row in acts if first_goes else acts[::-1]:
        both.happens(ITEM, op, tx=99, **row)
    sent, letters, _ = both.settled()
    assert "new" == sent["fee_list_d 5"]
    assert [] == letters


@pytest.mark.parametrize("moved", [True, False])
@pytest.mark.parametrize("held", [True, False])
def test_a_line_that_waits_in_the_same_visit_keeps_the_record_when_the_first_is_booked_in_another_visit(moved, held):
    """Moved, or deleted and inserted there before anybody was told: the platform kept what it had said, and nobody sent the other
    line. Where corrections go by a person alone, it is one.
    """
    both = Both()
    if held:
        both.joiner = Joiner(holding(of := compile_site(site())), both.limits, zone=of["two"].dialect.zone)
    for number in ("1", "2"):
        both.happens(IN, **numbered(number, "in")).happens(BILL, **numbered(number, "in"), bill_no=f"B{number}")
    both.happens(ITEM, **numbered("1", "first"), row_id="1", item_no="5")
    both.happens(ITEM, **numbered("1", "second"), row_id="2", item_no="5")
    sent, letters, _ = both.settled()
    assert ("first", [COLLISION]) == (sent["fee_list_d 5"], letters)
    before = numbered("1", "first", row_id="1", item_no="5")
    if moved:
        both.happens(ITEM, "u", before=before, **numbered("2", "third"), row_id="1", item_no="5")
    else:
        both.happens(ITEM, "d", **before).happens(ITEM, **numbered("2", "third"), row_id="1", item_no="5")
    sent, letters, closed = both.settled()
    assert ("first" if held else "second", ["COLLISION 5"]) == (sent["fee_list_d 5"], closed)
    assert sorted([COLLISION, COLLISION, *["CORRECTION CORRECTION"] * held]) == sorted(letters)


def holding(mappings):
    """Corrections of lines go by a person alone."""
    lines = ServiceCode.FEE
    return {
        name: replace(one, records=one.records | {lines: replace(one.records[lines], holds_corrections=True)})
        for name, one in mappings.items()
    }


def test_two_rows_that_exchange_their_numbers_in_one_transaction_are_no_collision():
    """For a moment both claim one number; when the transaction has ended, each has its own."""
    both = Both()
    for number in ("1", "2"):
        both.happens(IN, **numbered(number, "in")).happens(BILL, **numbered(number, "in"), bill_no=f"B{number}")
        both.happens(ITEM, **numbered(number, f"line {number}"), row_id=number, item_no=f"L{number}")
    for number, other in (("1", "2"), ("2", "1")):
        before = numbered(number, f"line {number}", row_id=number, item_no=f"L{number}")
        both.happens(ITEM, "u", tx=99, before=before, **before | {"item_no": f"L{other}"})
    sent, letters, _ = both.settled()
    assert ("line 2", "line 1") == (sent["fee_list_d L1"], sent["fee_list_d L2"])
    assert COLLISION not in letters


def test_a_row_that_was_deleted_unseen_gives_up_what_it_claimed(both):
    """`resnapshot --wait` tells of it; without this the second one would wait for ever for a row that is not there."""
    both.settled()
    offset = next(row.offset for row in both.rows() if row.table == IN)
    source = {"connector": "postgresql", "name": "two", "schema": "w", "table": "inpatient", "ts_ms": START_MS}
    absent = {"yibao": "absent", "op": "d", "before": {"visit_no": "7"}, "after": None, "source": source, "compared": offset}
    both.captured(orjson.dumps({**absent, "place": {"visit": "I7"}}))
    assert "out" == both.settled()[0]["mdtrt_d 7"]
