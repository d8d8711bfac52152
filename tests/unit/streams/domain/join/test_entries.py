"""State entries: what is written is what is read, and waiting rows are found without parsing."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.contract import Mark, TableRole
from streams.domain.exchanged import Beneath
from streams.domain.join import emptying, gone, withdrawal_guard
from streams.domain.join.claims import claim_of
from streams.domain.join.entries import (
    due_from,
    dump,
    group,
    group_of,
    groups,
    is_held_refund,
    is_row,
    item_in,
    key_of,
    load,
    visit_key_of,
    waits,
)
from streams.domain.join.parts import Part
from streams.domain.join.remembered import Recall
from streams.domain.join.stored import Charge, StoredRow
from streams.domain.trail import Trail

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1f"), min_size=1, max_size=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
MOMENTS = st.integers(0, 10**13 - 1)
ROWS = st.builds(
    StoredRow,
    role=st.sampled_from([TableRole.VISIT, TableRole.SETTLEMENT, TableRole.FEE]),
    source=NAMES,
    table=NAMES,
    key=st.lists(NAMES, min_size=1, max_size=3).map(tuple),
    columns=st.dictionaries(NAMES, st.none() | TEXTS, max_size=4),
    position=st.none() | st.tuples(st.integers(0, 2**63)) | st.tuples(st.integers(0, 2**63), st.integers(0, 2**63)),
    committed_at=MOMENTS,
    offset=st.none() | st.integers(0, 2**63 - 1),
    mark=st.none() | st.builds(Mark, st.lists(st.integers(0, 2**63), min_size=2, max_size=4).map(tuple), MOMENTS, TEXTS),
    deleted=st.booleans(),
    emitted=TEXTS,
    refused=TEXTS | st.just("waited positive_line 0123"),
    waits_for=st.sampled_from(
        ["", "visit", "settlement", "unsettled", "lookup patient", "positive_line", "positive_line_unreported"]
    ),
    since=MOMENTS,
    deadline=MOMENTS,
    trail=st.none() | st.builds(Trail, NAMES, st.integers(0, 10_000), st.integers(0, 2**63 - 1)),
    beneath=st.none() | st.builds(Beneath, NAMES, st.tuples(st.dictionaries(NAMES, st.none() | TEXTS, max_size=2))),
    charge=st.none() | st.builds(Charge, TEXTS, TEXTS, TEXTS),
)


@given(NAMES, ROWS)
def test_a_row_is_read_as_it_was_written(visit_key, row):
    """The state is all that the join remembers over restarts and take-overs."""
    key = key_of(visit_key.encode(), row.role, row.source, row.table, row.key)
    assert load(key, dump(row)) == row
    assert visit_key_of(key) == visit_key.encode()


@given(ROWS)
def test_a_waiting_row_and_its_deadline_are_seen_without_parsing(row):
    """Every tick asks this of every waiting row; for a lookup it asks at once, because that may have come."""
    value = dump(row)
    assert waits(value) == bool(row.waits_for)
    if waits(value):
        assert due_from(value) == (0 if row.waits_for == "lookup patient" else row.deadline)


@given(NAMES, st.lists(ROWS, max_size=4))
def test_rows_of_a_role_stand_in_one_group(visit_key, rows):
    """A fee line must find its visit without looking through all lines."""
    key = visit_key.encode()
    for row in rows:
        assert group_of(key_of(key, row.role, row.source, row.table, row.key)) == group(key, row.role)
        assert group(key, row.role) in groups(key)


@given(NAMES, st.lists(ROWS, max_size=4))
def test_a_remembered_row_is_the_one_that_its_value_holds(visit_key, rows):
    """The memory is a shortcut: a value that changed must never be taken for the earlier one."""
    recall = Recall()
    for row in rows:
        key = key_of(visit_key.encode(), row.role, row.source, row.table, row.key)
        for version in (row, row._replace(emitted="x"), row):
            assert recall.load(key, dump(version)) == version


def test_a_visits_entries_are_not_those_of_a_visit_whose_key_begins_alike():
    """`V1` and `V10` are two visits."""
    assert group_of(b"V10\x1ff\x1fhis") != group(b"V1", TableRole.FEE)


@given(NAMES, ROWS)
def test_the_entries_of_rows_are_told_from_all_others(visit_key, row):
    """Who computes from them how far a partition is must not take a table that was emptied for a row."""
    assert is_row(key_of(visit_key.encode(), row.role, row.source, row.table, row.key))
    others = (
        gone.gone_key(visit_key.encode(), row.role, "H/1"),
        emptying.key_of("his", "h.fee"),
        withdrawal_guard.guard_key("his"),
    )
    assert [False] * 4 == [is_row(key) for key in (*others, b"\x1f!lookup\x1ff")]


@given(NAMES, ROWS)
def test_a_refund_that_is_awaited_is_found_without_parsing(visit_key, row):
    """Whatever line is reported may be the one that it takes back; one that is overlooked is never reported."""
    is_awaited = row.role is TableRole.FEE and "positive_line" in (row.waits_for or row.refused)
    key = key_of(visit_key.encode(), row.role, row.source, row.table, row.key)
    assert is_held_refund(key, dump(row)) >= is_awaited


@pytest.mark.parametrize("trail", [None, Trail("his", 7, 2, "H1")], ids=["without a trail", "with one"])
def test_the_item_of_a_held_line_is_read_of_each_form_that_says_it(trail):
    """One that is not known is asked by the lines of every item."""
    line = StoredRow(TableRole.FEE, "his", "h.fee", ("1",), {"je": "-1"}, (1,), 0)
    held = line._replace(trail=trail, refused=Part.POSITIVE_LINE.value, charge=Charge("H1", "X1", "-1.00"))
    assert item_in(dump(held)) == ("H1", "X1")
    assert item_in(dump(held._replace(charge=None))) is None


@given(ROWS, ROWS, TEXTS)
def test_what_becomes_of_a_row_keeps_the_rest_of_it(row, other, text):
    """The short ways by position say the same as the names do."""
    reported = {
        "emitted": text,
        "refused": "",
        "waits_for": "",
        "since": 0,
        "deadline": 0,
        "reported_as": "H/1",
        "trail": None,
        "letter": "",
    }
    assert row.reported(text, "H/1") == row._replace(**reported)
    assert row.waiting(text, since=3, deadline=5) == row._replace(refused="", waits_for=text, since=3, deadline=5)
    changed = row.changed(other.columns, position=other.position, committed_at=other.committed_at, offset=7, mark=other.mark)
    named = {
        "columns": other.columns,
        "position": other.position,
        "committed_at": other.committed_at,
        "deleted": False,
        "offset": 7,
        "mark": other.mark,
    }
    assert changed == row._replace(**named)


@given(ROWS, TEXTS | st.sampled_from(["H36110200001/C1", 'H/1,"2', "H/1]", "H/1,"]))
def test_what_a_row_claims_is_read_without_parsing_it(row, record):
    """All rows of a visit are asked when two of its tables can show one record."""
    assert orjson.dumps(record) == claim_of(dump(row._replace(reported_as=record)))
