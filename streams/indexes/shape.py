"""What an index is of: its tables, and how messages get into them."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

BOOKKEEPING: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE positions (partition INTEGER PRIMARY KEY, offset INTEGER NOT NULL, begin INTEGER NOT NULL);
"""
"""Tables of every index. `positions.offset`: the offset to go on from; all rows are of messages before it, for both are written as
one. Where it is `begin`, nothing was read of the partition yet.
"""


class Writing(Protocol):
    """Writes into an open index, in whose transaction the caller is. One at a time does."""

    @property
    def foreign(self) -> int:
        """Messages that are none of ours, so far."""

    def take(self, messages: Sequence[Any]) -> None:
        """Write what these messages say, in their order."""

    def forget(self, begins: Mapping[int, int]) -> None:
        """Drop what stands before these offsets, by partition: the topic holds it no more."""


class Filling(Protocol):
    """Writes into an empty index, whose own indexes are made behind it."""

    @property
    def foreign(self) -> int:
        """Messages that are none of ours, so far."""

    def take(self, messages: Sequence[Any]) -> None:
        """Write what these messages say, in their order, or keep it for `finish`."""

    def finish(self) -> None:
        """Write what was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One kind of index."""

    form: int
    """Rises with whatever changes about the tables or what is put into them: an index of another form is thrown away."""
    tables: str
    """SQL that makes its tables, beside those of the bookkeeping."""
    indexes: str
    """SQL that makes the tables' indexes, run when the topic is read for the first time."""
    writing: Callable[[sqlite3.Connection], Writing]
    """Who reads on."""
    filling: Callable[[sqlite3.Connection], Filling]
    """Who reads the topic for the first time."""
    objection: Callable[[sqlite3.Connection], str] = lambda _index: ""
    """Why what stands in it cannot be true; `""` where it can."""
    longest_pause_ms: int = 0
    """Of a compacted topic: what went there leaves a trace for a day only, so a partition of which more came, and that was not read
    for so long, is read from its beginning; 0 of other topics."""
