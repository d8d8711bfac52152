"""State entries: what is written is what is read, and waiting rows are found without parsing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.contract import TableRole
from streams.domain.visits import StoredRow, deadline_of, dump, entry_key, load, prefix_of, rows_of, visit_key_of, waits

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
    deleted=st.booleans(),
    emitted=TEXTS,
    refused=TEXTS,
    waits_for=st.sampled_from(["", "visit", "settlement", "unsettled", "lookup patient"]),
    since=MOMENTS,
    deadline=MOMENTS,
)


@given(NAMES, ROWS)
def test_a_row_is_read_as_it_was_written(visit_key, row):
    """The state is all that the join remembers over restarts and take-overs."""
    key = entry_key(visit_key.encode(), row)
    assert load(key, dump(row)) == row
    assert visit_key_of(key) == visit_key.encode()


@given(ROWS)
def test_a_waiting_row_and_its_deadline_are_seen_without_parsing(row):
    """Every tick asks this of every waiting row."""
    value = dump(row)
    assert waits(value) == bool(row.waits_for)
    if waits(value):
        assert deadline_of(value) == row.deadline


@settings(max_examples=40)
@given(NAMES, st.lists(ROWS, max_size=4))
def test_rows_of_a_role_are_those_that_exist_in_capture_order(visit_key, rows):
    """A deleted row must not be reported along, and the order of reporting is that of the database."""
    key = visit_key.encode()
    entries = {entry_key(key, row): dump(row) for row in rows}
    kept = [load(place, value) for place, value in entries.items()]
    for role in (TableRole.VISIT, TableRole.SETTLEMENT, TableRole.FEE):
        found = rows_of(entries, key, role)
        assert sorted(map(dump, found)) == sorted(dump(row) for row in kept if row.role is role and not row.deleted)
        assert [row.position or () for row in found] == sorted(row.position or () for row in found)


def test_a_visits_entries_are_not_those_of_a_visit_whose_key_begins_alike():
    """`V1` and `V10` are two visits."""
    assert not b"V10\x1ff\x1f".startswith(prefix_of(b"V1", TableRole.FEE))
