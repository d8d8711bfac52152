"""The first reading of a topic into an empty index: a letter that nothing was told of yet is put down without looking for it, for
the table has no index of ids until all are there. What is told of a letter that may be there waits until then.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from streams.deadletter.index.entry import Entry
from streams.deadletter.index.schema import INDEX_OF_IDS
from streams.deadletter.index.writing import Writing
from streams.deadletter.record import Message

_PLACES: Final = 1 << 27
_AT_ONCE: Final = 5_000


class Filling:
    """Writes into an empty index, in whose transaction the caller is. `finish` at the end. most_wait: when more messages than so
    many wait, the index of ids is made before the end.
    """

    def __init__(self, index: sqlite3.Connection, *, most_wait: int = 100_000) -> None:
        self._index, self._most_wait = index, most_wait
        self._writing = Writing(index)
        self._perhaps = bytearray(_PLACES >> 3)
        self._waits: list[Entry] = []
        self._is_filled = False

    @property
    def foreign(self) -> int:
        """Messages that are no letters of ours, so far."""
        return self._writing.foreign

    def take(self, messages: Sequence[Message]) -> None:
        """Write what these messages say, in their order, or keep it for `finish`."""
        entries = self._writing.entries(messages)
        if self._is_filled:
            self._writing.put(entries)
            return
        self._writing.put_new([entry for entry in entries if self._is_new(entry)])
        if len(self._waits) > self._most_wait:
            self.finish()

    def finish(self) -> None:
        """Write what waits."""
        if self._is_filled:
            return
        self._is_filled = True
        self._index.execute(INDEX_OF_IDS)
        for first in range(0, len(self._waits), _AT_ONCE):
            self._writing.put(self._waits[first : first + _AT_ONCE])
        self._waits.clear()

    def _is_new(self, entry: Entry) -> bool:
        """Whether surely nothing was put down of the letter. Of one in a thousand that are new it is not sure."""
        place = int.from_bytes(entry.id[:4], "big") % _PLACES
        bit = 1 << (place & 7)
        if self._perhaps[place >> 3] & bit:
            self._waits.append(entry)
            return False
        if not entry.group.dead_class:  # what closes a letter that the topic holds no more closes nothing
            return False
        self._perhaps[place >> 3] |= bit
        return True
