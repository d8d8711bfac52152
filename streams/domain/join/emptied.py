"""Tables that were emptied (TRUNCATE) while rows of before may still stand in the state: which ones, and when.

Such a row is read as deleted until the lane has put its entry right (`streams.domain.join.emptying`).
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import orjson

from streams.domain.join.entries import SEPARATOR, waits
from streams.domain.join.stored import StoredRow
from streams.domain.join.view import StateView

EMPTIED: Final = SEPARATOR + b"e"
"""What the state keys of emptied tables have in common."""
_ALL: Final = EMPTIED + SEPARATOR
_DOCUMENT: Final = 15
"""Where the document of an entry begins that waits."""
_NOWHERE: Final[Mapping[str, int]] = {}


def emptied_tables(view: StateView, source: str) -> Mapping[str, int]:
    """By table of the source that was emptied: the offset at which it was, while rows of before may stand in the state."""
    entries = view.entries_beside(_ALL)
    return _tables_of(tuple(sorted(entries.values())), source) if entries else _NOWHERE


@lru_cache(64)
def _tables_of(values: tuple[bytes, ...], source: str) -> Mapping[str, int]:
    told = [orjson.loads(value[_DOCUMENT:]) for value in values if waits(value)]
    return {table: offset for _, of, table, offset, *_ in told if of == source}


def without_content(row: StoredRow) -> StoredRow:
    """A row after its table was emptied."""
    return row._replace(columns={}, deleted=True, waits_for="", since=0, deadline=0, beneath=None)
