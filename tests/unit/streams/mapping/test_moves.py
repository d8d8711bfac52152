"""`moves` in a mapping: where it leads nowhere, that is told with the nearest name, before deletions are told a day late."""

import pytest

from streams.mapping import compile_site
from streams.mapping.linking import linked_tables
from tests.unit.streams.mapping.test_links import FEE, LINE, RX, load

__all__ = ["load"]

DAY = FEE.replace("}", ", moves: charges}")
YEAR = DAY.replace("his.charge", "his.charge_of_year")


def test_the_tables_of_one_name_are_told_to_the_join_with_the_time(load):
    """So long their rows may be on their way."""
    site = load(DAY + YEAR, ("records:", "deletions: {moved_within: 90m}\nrecords:"))
    (mapping,) = compile_site(site).values()
    assert {("charges", 90 * 60_000)} == {(one.moves, one.moved_ms) for one in mapping.tables.values() if "charge" in one.name}
    assert mapping.moves
    assert mapping.is_move("his.charge", "his.charge_of_year")


def test_rows_under_headers_that_move_are_awaited_as_long(load):
    """They stand in no visit meanwhile."""
    old = RX.replace("his.rx", "his.old_rx")
    tables = LINE.replace("his.rx", "[his.rx, his.old_rx]") + (RX + old).replace("}", ", moves: rx}")
    (mapping,), (linked,) = compile_site(site := load(tables)).values(), linked_tables(site).values()
    assert 24 * 3_600_000 == mapping.tables["his.charge"].moved_ms == linked.by_name["his.charge"].moved_ms
    assert not mapping.is_move("his.charge", "his.visit")


def test_a_mapping_without_it_is_as_before(load):
    """Nothing waits longer, and no record costs more."""
    (mapping,) = compile_site(load(FEE)).values()
    assert not mapping.moves


@pytest.mark.parametrize(
    ("tables", "changes", "message"),
    [
        (DAY, (), "tables[2].moves: `charges` stands at no other table; write it at each between which the rows move"),
        (
            DAY + YEAR.replace("moves: charges", "moves: chargs"),
            (),
            "tables[3].moves: `chargs` stands at no other table (did you mean `charges`?)",
        ),
        (
            DAY + YEAR.replace("role: fee", "role: settlement"),
            (),
            "tables[2].moves: rows of `his.charge_of_year` are no fee rows, and cannot move here",
        ),
        (FEE, (("records:", "deletions: {moved_within: 2h}\nrecords:"),), "deletions.moved_within: means nothing"),
        (DAY + YEAR, (("records:", "deletions: {moved_within: soon}\nrecords:"),), "moved_within: must be a time, such as"),
        (DAY + YEAR.replace("moves:", "movs:"), (), "movs"),
        (FEE, (("role: lookup", "role: lookup, moves: a"),), "`moves` means nothing for a lookup"),
    ],
)
def test_a_word_that_leads_nowhere_is_told(load, tables, changes, message):
    """A misspelt one would make every move a withdrawal, and nobody would know why."""
    told = load(tables, *changes)
    assert any(message in problem for problem in told), told
