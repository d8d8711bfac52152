"""Rows that a nightly job moves from a day table to a year table: nothing is reported twice, and nothing is called withdrawn."""

from dataclasses import replace

import orjson
import pytest

from streams.domain.join.fold import Joiner
from streams.domain.join.withdrawing import WithdrawalLimits
from tests.oracle.flow import compiled
from tests.unit.streams.domain.join.join_rig import DAY_MS, LIMITS, TABLES, Join, envelope

GRACE_MS, HOUR_MS = 10_000, 3_600_000
THREE = ["mdtrt_d R1", "setl_d B1", "fee_list_d I1"]
DELETED = "WITHDRAWN DELETED_AFTER_REPORT"
LINE, RENUMBERED = ("m.item", "m.named_item", {}), ("m.item", "m.numbered_item", {"row_id": "77"})
BILL, HEAD = ("m.bill", "m.other_bill", {}), ("m.register", "m.year_register", {})
MOVES = pytest.mark.parametrize(("day", "year", "more"), [LINE, RENUMBERED, BILL, HEAD])


def reported(*, moves=True, grace_ms=GRACE_MS):
    """A visit whose bill and line stand in the day's tables. moves: whether the mapping says that rows move."""
    limits = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=grace_ms))
    mappings = compiled(moves=moves)
    join = Join(limits=limits, joiner=Joiner(mappings, limits, zone=mappings["many"].dialect.zone))
    for table in ("m.register", "m.bill", "m.item"):
        change(join, table)
    assert THREE == join.reported()
    return join


def change(join, table, op="c", tx=None, **columns):
    """A change that the database's clock dates as the message."""
    join.place += 1
    return join.send(envelope(table, op, TABLES[table] | columns, at=join.place, committed_at=join.now, txId=tx))


def go_on(join, ms):
    """Time passes, and the place stage tells it."""
    for _ in range(4):
        join.tick(after_ms=ms // 4)


@pytest.mark.parametrize(
    ("day", "year", "more", "moves"),
    [*[(*one, moves) for one in (LINE, RENUMBERED, BILL) for moves in (False, True)], (*HEAD, True)],
)
def test_a_job_of_one_transaction_moves_rows_without_a_word(day, year, more, moves):
    """Whatever it does first: what the platform has belongs to the record, and not to the row."""
    for steps in (("d", "c"), ("c", "d")):
        join = reported(moves=moves)
        for op in steps:
            change(join, day if op == "d" else year, op, tx=7, **({} if op == "d" else more))
        go_on(join, 2 * DAY_MS)
        assert (THREE, []) == (join.reported(), join.letters())


@MOVES
def test_rows_that_are_deleted_first_and_inserted_hours_later_are_no_news(day, year, more):
    """The job deletes before midnight, and inserts when the last one is through. No grace of seconds reaches so far."""
    join = reported()
    change(join, day, "d", tx=7)
    go_on(join, 7 * HOUR_MS)
    change(join, year, tx=8, **more)
    go_on(join, 2 * DAY_MS)
    assert (THREE, [], []) == (join.reported(), join.letters(), join.recalled())


@MOVES
def test_rows_that_are_inserted_first_and_deleted_hours_later_are_no_news(day, year, more):
    """A copy that says the same is the same record."""
    join = reported()
    change(join, year, tx=7, **more)
    go_on(join, 7 * HOUR_MS)
    change(join, day, "d", tx=8)
    go_on(join, 2 * DAY_MS)
    assert (THREE, []) == (join.reported(), join.letters())


@pytest.mark.parametrize(("day", "year", "more"), [LINE, RENUMBERED])
def test_an_edit_in_the_year_table_corrects_the_record(day, year, more):
    """It is the same one, wherever its row stands."""
    join = reported()
    change(join, day, "d", tx=7)
    go_on(join, 7 * HOUR_MS)
    change(join, year, tx=8, **more)
    change(join, year, "u", tx=9, item="头孢", **more)
    go_on(join, 2 * DAY_MS)
    assert ([*THREE, "fee_list_d I1"], []) == (join.reported(), join.letters())


@pytest.mark.parametrize("tx", [7, 8])
def test_a_line_that_is_changed_as_it_moves_is_corrected_at_once(tx):
    """It is the row that went: nobody waits a day for it to come back. For so long nobody saw it, nor could say that it goes."""
    join = reported()
    change(join, "m.named_item", tx=7, item="头孢")
    change(join, "m.item", "d", tx=tx)
    go_on(join, 2 * GRACE_MS)
    assert ([*THREE, "fee_list_d I1"], []) == (join.reported(), join.letters())


@MOVES
def test_a_row_that_comes_in_no_other_table_is_withdrawn_when_the_time_is_over(day, year, more):
    """It was deleted, and not moved: somebody must take it back. Its lines waited, and are told then, too."""
    del year, more
    join = reported()
    change(join, day, "d", tx=7)
    go_on(join, DAY_MS - 1_000)
    assert [] == join.letters()
    go_on(join, 4_000)
    assert DELETED in join.letters()


def test_without_the_word_hours_are_too_long():
    """What holds for every other table: seconds later a person is told, and what comes then is sent."""
    join = reported(moves=False)
    change(join, "m.item", "d", tx=7)
    go_on(join, 7 * HOUR_MS)
    change(join, "m.named_item", tx=8)
    assert ([DELETED], [*THREE, "fee_list_d I1"]) == (join.letters(), join.reported())


def test_lines_wait_for_the_bill_that_is_on_its_way():
    """A line that is edited while its bill stands in no table is corrected when that is there; nobody is told in between."""
    join = reported()
    change(join, "m.bill", "d", tx=7)
    change(join, "m.item", "u", tx=8, item="头孢")
    change(join, "m.item", tx=8, item_id="I2")
    go_on(join, 7 * HOUR_MS)
    assert (THREE, []) == (join.reported(), join.letters())
    change(join, "m.other_bill", tx=9)
    assert ([*THREE, "fee_list_d I1", "fee_list_d I2"], []) == (join.reported(), join.letters())


def test_lines_go_on_while_their_bill_and_visit_stand_in_both_tables():
    """The copy says the same: there is one bill, and nobody has to say which is meant."""
    join = reported()
    change(join, "m.year_register", tx=7)
    change(join, "m.other_bill", tx=8)
    change(join, "m.item", tx=8, item_id="I2")
    go_on(join, 7 * HOUR_MS)
    change(join, "m.item", "u", tx=9, item="头孢")
    assert ([*THREE, "fee_list_d I2", "fee_list_d I1"], []) == (join.reported(), join.letters())
    change(join, "m.register", "d", tx=10)
    change(join, "m.bill", "d", tx=10)
    go_on(join, 2 * DAY_MS)
    assert (5, []) == (len(join.reported()), join.letters())


def test_two_bills_that_do_not_say_the_same_are_told_whatever_moves():
    """One of them is not a copy: which one counts, nobody guesses."""
    join = reported()
    change(join, "m.other_bill", tx=8, total="30.00")
    go_on(join, 7 * HOUR_MS)
    assert "COLLISION COLLISION" in join.letters()


def test_a_key_that_changes_is_told_as_ever():
    """That record is another one: nobody waits a day for it to come back."""
    join = reported()
    change(join, "m.item", "d", tx=7)
    change(join, "m.numbered_item", tx=7, row_id="5", item_id="I1")
    change(join, "m.numbered_item", "u", tx=8, row_id="5", item_id="I9")
    go_on(join, 2 * GRACE_MS)
    assert ["WITHDRAWN KEY_CHANGED_AFTER_REPORT"] == join.letters()


def test_where_no_grace_is_given_a_row_on_its_way_is_awaited_still():
    """A grace of 0 is for what is deleted; a job at night needs its hours."""
    join = reported(grace_ms=0)
    change(join, "m.item", "d")
    assert [] == join.letters()
    change(join, "m.named_item")
    assert (THREE, []) == (join.reported(), join.letters())


@pytest.mark.parametrize("first", ["copied", "emptied"])
def test_rows_whose_table_is_emptied_are_no_news(first):
    """Most jobs empty the day's table with TRUNCATE: every night a letter about it is none that anybody reads."""
    join = reported()
    for step in ("copied", "emptied") if first == "copied" else ("emptied", "copied"):
        if step == "copied":
            change(join, "m.named_item", tx=7)
        else:
            join.send(emptied("m.item", join))
        go_on(join, 7 * HOUR_MS)
    go_on(join, 2 * DAY_MS)
    assert (THREE, []) == (join.reported(), join.letters())


def test_rows_of_an_emptied_table_that_come_nowhere_are_told_when_the_time_is_over():
    """That was no move."""
    join = reported()
    join.send(emptied("m.item", join))
    go_on(join, DAY_MS - 1_000)
    assert [] == join.letters()
    go_on(join, 2 * DAY_MS)
    assert [DELETED] == join.letters()
    change(join, "m.named_item")
    assert ["DELETED_AFTER_REPORT I1"] == join.closed()


def test_lines_wait_for_a_bill_whose_table_was_emptied_before_it_was_copied():
    """The job keeps the bills in a file of its own meanwhile."""
    join = reported()
    join.send(emptied("m.bill", join))
    go_on(join, 2 * GRACE_MS)
    change(join, "m.item", "u", tx=8, item="头孢")
    go_on(join, 7 * HOUR_MS)
    assert (THREE, []) == (join.reported(), join.letters())
    change(join, "m.other_bill", tx=9)
    assert ([*THREE, "fee_list_d I1"], []) == (join.reported(), join.letters())


def emptied(table, join):
    """As capture writes it."""
    schema, _, name = table.partition(".")
    join.place += 1
    source = {"connector": "postgresql", "name": "many", "schema": schema, "table": name, "lsn": join.place, "ts_ms": join.now}
    return orjson.dumps({"op": "t", "before": None, "after": None, "source": source})
