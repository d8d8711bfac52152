"""Two rows of a visit with one record key: the second one is never a correction of the first, and life goes on without letters.

Two fee tables whose ids overlap would overwrite each other at the platform, and nobody would know that a charge is missing there.
"""

from dataclasses import replace

import pytest

from streams.domain.join.fold import Joiner
from streams.domain.join.gone import is_gone
from streams.domain.join.withdrawing import WithdrawalLimits
from tests.unit.streams.domain.join.join_rig import DAY_MS, LIMITS, START_MS, TABLES, Join, envelope, mappings

GRACE_MS = 10_000
PATIENT = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=GRACE_MS))
COLLISION, DELETED, RENAMED = "COLLISION COLLISION", "WITHDRAWN DELETED_AFTER_REPORT", "WITHDRAWN KEY_CHANGED_AFTER_REPORT"
BEGIN = ["mdtrt_d R1", "setl_d B1"]
LINE = "fee_list_d I1"
NAMED = "m.named_item"


def reported(*changes):
    """A visit with a settlement and the line I1, reported; then these changes: table, op, transaction and what is different."""
    join = Join(limits=PATIENT)
    for table in ("m.register", "m.bill", "m.item"):
        join.change(table, tx=1)
    return went_on(join, *changes)


def went_on(join, *changes):
    for table, op, tx, columns in changes:
        join.change(table, op, tx=tx, **columns)
    return join


def lines(join):
    """What was sent of the line I1, in order."""
    return [one.record.value.decode().partition('HILIST_NAME":"')[2][:3].strip('"') for one in join.ready[2:]]


def settled(join):
    """After all that time can bring."""
    join.tick(after_ms=DAY_MS)
    join.tick(after_ms=DAY_MS)
    return lines(join), join.letters(), join.closed(), [key for each in join.entries.values() for key in each if is_gone(key)]


def test_only_tables_of_which_two_rows_can_be_one_record_are_looked_at():
    """The common hospital, whose tables' keys are the records', pays nothing."""
    assert {"his": 0, "clinic": 0, "many": 5} == {name: len(mapping.colliding) for name, mapping in mappings().items()}
    assert {"m.bill", "m.other_bill", "m.item", NAMED, "m.numbered_item"} == mappings()["many"].colliding


def test_a_second_row_that_says_something_else_is_told_and_not_sent():
    """Sent, it would overwrite the first one, and the platform would lack a charge."""
    join = reported((NAMED, "c", 7, {"item": "头孢"}))
    join.tick(after_ms=GRACE_MS - 1)
    assert (["青霉素"], []) == (lines(join), join.letters())
    join.tick(after_ms=1)
    assert (["青霉素"], [COLLISION], [], []) == settled(join)
    (letter,) = join.dead
    assert ("fee_list_d", "I1", NAMED) == (letter.service, letter.record_key, letter.row.table)
    assert "m.item/I1、m.named_item/I1" in letter.message


def test_while_the_transaction_of_the_second_row_goes_on_nothing_is_told():
    """A night's move of a million rows lasts longer than any grace."""
    join = reported((NAMED, "c", 7, {"item": "头孢"}))
    join.tick(after_ms=DAY_MS, source="many", running="7")
    join.tick(after_ms=0, source="his")
    assert [] == join.letters()
    join.tick(after_ms=0, source="many", running="8")
    assert [COLLISION] == join.letters()


def test_two_rows_that_say_the_same_back_the_record_both():
    """Systems that write a line into two tables. Nothing is sent twice; what one table loses the other still shows."""
    join = reported((NAMED, "c", 7, {}), ("m.item", "d", 8, {}))
    assert (["青霉素"], [], [], []) == settled(join)
    went_on(join, (NAMED, "d", 9, {}))
    assert (["青霉素"], [DELETED]) == settled(join)[:2]


def test_two_rows_that_said_the_same_and_no_more_are_told():
    """The one that changed is the second one: which of both is right is for a person to say."""
    join = reported((NAMED, "c", 7, {}), ("m.item", "u", 8, {"item": "头孢"}))
    assert (["青霉素"], [COLLISION], [], []) == settled(join)
    assert "m.item" == join.dead[0].row.table


def test_two_rows_that_change_alike_are_one_correction():
    """Whoever writes each line into two tables changes it in both."""
    join = reported((NAMED, "c", 7, {}), *((table, "u", 8, {"item": "头孢"}) for table in ("m.item", NAMED)))
    assert (["青霉素", "头孢"], [], [], []) == settled(join)


@pytest.mark.parametrize("transactions", [(7, 7), (7, 8)])
@pytest.mark.parametrize("inserted_first", [True, False])
@pytest.mark.parametrize("item", ["青霉素", "头孢"])
def test_a_row_that_moves_between_tables_is_no_collision(transactions, inserted_first, item):
    """From the day's table to the year's, by night. What the year's says differently is a correction."""
    acts = [(NAMED, "c", {"item": item}), ("m.item", "d", {})]
    moves = [
        (table, op, tx, columns)
        for (table, op, columns), tx in zip(acts[:: 1 if inserted_first else -1], transactions, strict=True)
    ]
    expected = ["青霉素"] if item == "青霉素" else ["青霉素", item]
    assert (expected, [], [], []) == settled(reported(*moves))


@pytest.mark.parametrize("told", [True, False])
def test_the_second_row_takes_the_record_over_when_the_first_one_is_gone(told):
    """That is how a collision is mended. The platform is told what is right now, and the letter closes itself."""
    join = reported((NAMED, "c", 7, {"item": "头孢"}))
    if told:
        join.tick(after_ms=GRACE_MS)
    join.change("m.item", "d", tx=8)
    closed = ["COLLISION I1"] if told else []
    assert (["青霉素", "头孢"], [COLLISION] if told else [], closed, []) == settled(join)
    if told:
        assert join.dead[0].identity == join.dead[-1].identity


def test_the_letter_closes_when_the_second_row_goes_or_says_the_same():
    """A person mends one of both; nobody has to tell the product."""
    for op, columns in (("d", {}), ("u", {})):
        join = reported((NAMED, "c", 7, {"item": "头孢"}))
        join.tick(after_ms=GRACE_MS)
        join.change(NAMED, op, tx=8, **columns)
        assert (["青霉素"], [COLLISION], ["COLLISION I1"], []) == settled(join)


def test_the_letter_closes_when_the_first_row_says_the_same():
    """It is a correction then, of which the second row says nothing else."""
    join = reported((NAMED, "c", 7, {"item": "头孢"}))
    join.tick(after_ms=GRACE_MS)
    join.change("m.item", "u", tx=8, item="头孢")
    assert (["青霉素", "头孢"], [COLLISION], ["COLLISION I1"], []) == settled(join)


def test_an_edit_of_the_first_row_by_delete_and_insert_does_not_bring_the_second_one_to_the_platform():
    """The first is there again at once; between both nothing may be sent of the second."""
    join = reported((NAMED, "c", 7, {"item": "头孢"}))
    join.tick(after_ms=GRACE_MS)
    went_on(join, ("m.item", "d", 8, {}), ("m.item", "c", 8, {"item": "阿莫西"}))
    assert (["青霉素", "阿莫西"], [COLLISION], [], []) == settled(join)


def test_a_change_of_the_second_row_is_another_letter():
    """What the letter holds of it is no longer so."""
    join = reported((NAMED, "c", 7, {"item": "头孢"}))
    join.tick(after_ms=GRACE_MS)
    join.change(NAMED, "u", tx=8, item="阿莫西")
    assert (["青霉素"], [COLLISION, COLLISION], ["COLLISION I1"], []) == settled(join)
    assert join.dead[0].identity == join.dead[1].identity != join.dead[2].identity


def test_reading_both_rows_again_says_nothing_new():
    """As after a source stood."""
    join = reported((NAMED, "c", 7, {"item": "头孢"}))
    join.tick(after_ms=GRACE_MS)
    join.read("m.item")
    join.read(NAMED, item="头孢")
    assert (["青霉素"], [COLLISION], [], []) == settled(join)


def test_of_three_rows_the_next_one_takes_over_and_the_third_is_told_of_that_one():
    """The third's letter named a row that is gone. All are of one table, whose key is not the record's."""
    join = reported()
    join.change("m.item", "d", tx=2)
    for number, item in enumerate(("青霉素", "头孢", "阿莫西"), start=1):
        join.change("m.numbered_item", tx=2 + number, row_id=f"{number}", item=item)
    join.tick(after_ms=GRACE_MS)
    join.change("m.numbered_item", "d", tx=9, row_id="1")
    assert (["青霉素", "头孢"], [COLLISION] * 3, ["COLLISION I1"] * 2, []) == settled(join)
    assert "m.numbered_item/2、m.numbered_item/3" in join.dead[-1].message


@pytest.mark.parametrize("transactions", [(7, 7, 7), (7, 8, 9)])
def test_two_rows_that_exchange_their_record_keys_are_two_corrections(transactions):
    """One after the other is both for a while; in the end each number has the other one's content."""
    join = reported()
    join.change("m.numbered_item", tx=2, row_id="2", item_id="I2", item="头孢")
    join.change("m.numbered_item", tx=2, row_id="3", item_id="I3", item="阿莫西")
    acts = [("2", "I3", "头孢"), ("3", "I2", "阿莫西")]
    for tx, (row, number, item) in zip(transactions, acts, strict=False):
        join.change("m.numbered_item", "u", tx=tx, row_id=row, item_id=number, item=item)
    assert ([], [], []) == settled(join)[1:]
    last = {key: value.decode() for (_, _, key), value in join.last().items()}
    assert ("阿莫西" in last["I2"], "头孢" in last["I3"]) == (True, True)


def test_a_table_that_is_emptied_frees_the_second_row():
    """Nobody lists the rows that went."""
    join = reported((NAMED, "c", 7, {"item": "头孢"}))
    join.tick(after_ms=GRACE_MS)
    join.change("m.item", "t", tx=9)
    sent, letters, closed, _ = settled(join)
    assert (["青霉素", "头孢"], ["COLLISION I1"]) == (sent, closed)
    assert [COLLISION, "WITHDRAWN TRUNCATE"] == letters


def test_a_row_that_was_refused_claims_nothing():
    """The platform holds nothing of it. When it is mended it is the second one."""
    join = Join(limits=PATIENT)
    for table in ("m.register", "m.bill"):
        join.change(table, tx=1)
    went_on(join, ("m.item", "c", 2, {"item": None}), (NAMED, "c", 3, {}), ("m.item", "u", 4, {"item": "头孢"}))
    assert (["青霉素"], ["VALIDATION REQUIRED", COLLISION], [], []) == settled(join)
    assert "m.item" == join.dead[-1].row.table


def test_a_refused_row_knows_what_was_reported_although_another_server_has_another_clock():
    """It was there when the record lost its row: the next row that says what the platform has is no collision with it."""
    join = Join(limits=PATIENT)
    for table, columns in (("m.register", {}), ("m.bill", {}), (NAMED, {"item": None}), ("m.numbered_item", {})):
        join.change(table, tx=1, **columns)
    join.server, earlier = "another", START_MS - 3_600_000
    join.send(envelope("m.numbered_item", "d", TABLES["m.numbered_item"], at=900, committed_at=earlier, txId=7))
    join.tick(after_ms=DAY_MS)
    row = TABLES["m.numbered_item"] | {"row_id": "2"}
    join.send(envelope("m.numbered_item", "c", row, at=901, committed_at=earlier + 1, txId=8))
    assert (["青霉素"], ["VALIDATION REQUIRED"], [], []) == settled(join)


def test_a_row_that_waits_for_its_parent_claims_nothing():
    """Whichever can be sent first is the first."""
    join = Join(limits=PATIENT)
    join.change("m.register", tx=1)
    went_on(join, ("m.item", "c", 2, {}), (NAMED, "c", 3, {"item": "头孢", "bill_no": "B2"}))
    went_on(join, ("m.other_bill", "c", 4, {"bill_no": "B2"}))
    assert 1 == len(lines(join))
    sent, letters, closed, gone = settled(join)
    assert (1, [COLLISION], [], []) == (len(sent), letters, closed, gone)


def test_a_collision_outlives_a_worker():
    """Another one begins with what is committed."""
    join = reported((NAMED, "c", 7, {"item": "头孢"}))
    join.joiner = Joiner(mappings(), PATIENT, zone=mappings()["many"].dialect.zone)
    join.tick(after_ms=GRACE_MS)
    join.joiner = None
    join.change("m.item", "d", tx=8)
    assert (["青霉素", "头孢"], [COLLISION], ["COLLISION I1"], []) == settled(join)


def test_a_row_that_becomes_another_ones_record_is_told_as_both():
    """What it was is to be taken back; what it is collides."""
    join = reported()
    join.change("m.numbered_item", tx=2, row_id="2", item_id="I2", item="头孢")
    join.change("m.numbered_item", "u", tx=3, row_id="2", item_id="I1", item="头孢")
    sent, letters, closed, _ = settled(join)
    assert (["青霉素", "头孢"], sorted([RENAMED, COLLISION]), []) == (sent, sorted(letters), closed)


def test_two_bills_with_one_number_are_told_and_their_lines_are_not_guessed():
    """Of settlements as of lines."""
    join = Join(limits=PATIENT)
    for table in ("m.register", "m.bill"):
        join.change(table, tx=1)
    join.change("m.other_bill", tx=2, total="30.00")
    join.tick(after_ms=GRACE_MS)
    assert (BEGIN, [COLLISION]) == (join.reported(), join.letters())
    join.change("m.bill", "d", tx=3)
    join.tick(after_ms=GRACE_MS)
    assert ([*BEGIN, "setl_d B1"], ["COLLISION B1"]) == (join.reported(), join.closed())
    assert [COLLISION] == join.letters()
