"""Rows that are in no visit yet: the join knows nothing of them."""

import pytest

from streams.domain.changes import Incoming
from streams.domain.place.entries import NOTHING, Entry, Link, dump, row_key
from streams.explain.places import PLACED, places
from streams.explain.subject import Keys
from streams.explain.unplaced import unplaced
from tests.unit.streams.domain.join.join_rig import mappings
from tests.unit.streams.explain.in_memory import index_of

UNTIL = 1_764_000_600_000
WAITING = Entry(Link(headers="h.bill", name="B1"), "", NOTHING, {}, deadline=UNTIL)


class Placed:
    """`place.state` of one source, as `Logs` reads it."""

    def __init__(self, *entries):
        self.messages = [
            Incoming("place.state.his", 0, at, row_key("h.charge", key), entry and dump(entry), (), UNTIL)
            for at, (key, entry) in enumerate(entries)
        ]
        self.index = index_of(PLACED, self.messages)

    def placed(self, _source, keys):
        return [self.messages[one.offset] for one in places(self.index, keys, most=9)]


def told(*entries):
    return [(one.row, one.waits, one.until, one.told) for one in unplaced(Placed(*entries), Keys(mappings()), "C1", ["his"])]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (WAITING, [("h.charge/C1", True, UNTIL, "")]),
        (WAITING._replace(deadline=0, told="MISSING_HEADER"), [("h.charge/C1", False, 0, "MISSING_HEADER")]),
        (WAITING._replace(deadline=0, sent="V1"), []),
        (WAITING._replace(deleted=True), []),
        (None, []),
    ],
)
def test_a_row_waits_for_its_header_until_it_has_a_visit_or_is_gone(now, expected):
    """Of several messages of a row the last one counts."""
    assert expected == told(("C2", WAITING), ("C1", WAITING), ("C1", now))
