"""What `place.state` says of rows that visits do not show as they were captured: headers, and rows under them.

Entries, placed messages and offset are one transaction, and an entry keeps what capture said of the row's last change. So a row
whose change stands in its entry was placed, and all before it. Of a change that capture sent again the first one counts.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

import orjson

from connector.contract import Op
from streams.domain.changes import Incoming, RowChange, decode
from streams.domain.place.entries import Entry, is_row, load
from streams.errors import Rejected


class _Seen(NamedTuple):
    """One row of `rows.<source>` that is remembered."""

    offset: int
    change: bytes
    """Digest of what capture said of it."""
    was_read: bool
    """By a snapshot: one that shows what is known leaves the entry as it is."""
    deleted: bool
    at_ms: int
    """The latest time of a row so far."""

    def __repr__(self) -> str:
        """Without what stands for the row's content."""
        return f"_Seen(offset={self.offset})"


class Remembered:
    """The rows of a source, as far as they are remembered, and whether the state knows them."""

    def __init__(self) -> None:
        self.entries: Mapping[bytes, bytes] = {}
        """Of `place.state`: the last value of each key."""
        self._seen: dict[bytes, list[_Seen]] = {}
        self.last: int | None = None
        """The last row that is remembered."""

    def take(self, incoming: Incoming, state: Mapping[bytes, bytes | None], *, at_ms: int) -> None:
        """Note a row. state: what it makes of a state that knows nothing. at_ms: the latest time of a row so far."""
        for key, value in state.items():
            if is_row(key) and value is not None:
                entry = load(key, value)
                seen = _Seen(incoming.offset, _digest(entry), _was_read(incoming), entry.deleted, at_ms)
                self._seen.setdefault(key, []).append(seen)
                self.last = incoming.offset

    def placed(self) -> tuple[int, int] | None:
        """Offset of the last row that was surely placed, and the latest time of a row until then; None where none is known."""
        return max(self._found(), default=None)

    def missing(self, upto: int) -> int | None:
        """A row up to this offset that the entries do not know, although one behind it was placed; None for none."""
        return next((seen.offset for key, rows in self._seen.items() for seen in self._unknown(key, rows, upto)), None)

    def _found(self) -> Iterator[tuple[int, int]]:
        for key, rows in self._seen.items():
            change = self._change(key)
            first = next((seen for seen in rows if seen.change == change), None)
            if first is not None:
                yield first.offset, first.at_ms

    def _unknown(self, key: bytes, rows: Iterable[_Seen], upto: int) -> Iterator[_Seen]:
        change, before = self._change(key), [seen for seen in rows if seen.offset <= upto]
        if change is None:
            yield from (seen for seen in before[-1:] if not seen.deleted)  # a deleted one is forgotten some day
        elif all(seen.change != change for seen in rows):
            yield from (seen for seen in before if not seen.was_read)

    def _change(self, key: bytes) -> bytes | None:
        value = self.entries.get(key)
        return None if value is None else _digest(load(key, value))


def _digest(entry: Entry) -> bytes:
    return blake2b(orjson.dumps(dict(entry.source), option=orjson.OPT_SORT_KEYS), digest_size=8).digest()


def _was_read(incoming: Incoming) -> bool:
    try:
        event = decode(incoming.value)
    except Rejected:
        return False
    return isinstance(event, RowChange) and event.op is Op.READ
