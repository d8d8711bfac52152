"""The index beside the state: whatever is in a row, it is found under what it names."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from connector.contract import TableRole
from streams.domain.join.entries import dump, key_of
from streams.domain.join.indexed import Index, as_in_an_entry, claimed, under
from streams.domain.join.stored import StoredRow
from tests.unit.streams.domain.join.join_rig import mappings

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1f"), min_size=1, max_size=9)
HOSTILE = TEXTS | st.sampled_from(['"', "\\", '\\"', '"no":"S9"', ',"no":"S9', '{"no":', "号\\\\"])
INDEX = Index({"his": replace(mappings()["his"], colliding=frozenset({"h.charge"}))})
LINES = st.builds(
    StoredRow,
    role=st.just(TableRole.FEE),
    source=st.just("his"),
    table=st.just("h.charge"),
    key=st.tuples(HOSTILE),
    columns=st.dictionaries(HOSTILE | st.just("settle_no"), st.none() | HOSTILE, max_size=4),
    position=st.none(),
    committed_at=st.just(1),
    since=st.just(0),
    deadline=st.just(0),
    offset=st.none(),
    reported_as=HOSTILE,
    mark=st.none(),
    charge=st.none(),
    trail=st.none(),
    beneath=st.none(),
)


@given(LINES, TEXTS)
def test_a_line_is_found_under_the_settlement_and_the_record_that_it_names(line, visit_key):
    """A line that is not found is not reported when its settlement comes, and nobody hears of it."""
    key = key_of(visit_key.encode(), line.role, line.source, line.table, line.key)
    found = {above + rest for above, rest in INDEX.places(key, dump(line))}
    named, rest = line.columns.get("settle_no"), key[len(visit_key.encode()) + 1 :]
    group = visit_key.encode() + b"\x1ff"
    assert claimed(group, as_json(line.reported_as)) + rest in found
    if named:
        assert under(visit_key.encode(), as_in_an_entry(named)) + rest in found


def as_json(text):
    return b'"' + as_in_an_entry(text) + b'"'
