"""Where the messages of a topic stand, by a name: of `visit.changes` and `visit.ready` by visit, of `visit.ready` also by record,
of `visit.receipts` by each record, of `place.state.<source>` by row.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from streams.domain.keys import SEPARATOR
from streams.domain.place.entries import is_row
from streams.domain.ready import RECORD_KEY_AT
from streams.explain.names import name_of
from streams.indexes.shape import Shape
from streams.topics.batches import Sought

_PART: Final = SEPARATOR.encode()
_FORM: Final = 1
_TABLES: Final = """
CREATE TABLE places (
    name INTEGER NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
    PRIMARY KEY (name, partition, offset)) WITHOUT ROWID;
"""


class Place(NamedTuple):
    """Where a message stands."""

    partition: int
    offset: int


NamesOf = Callable[[Any], Iterable[int]]
"""The names of a message; none of one that is not ours."""


class _Writing:
    def __init__(self, index: sqlite3.Connection, names_of: NamesOf) -> None:
        self._index, self._names_of = index, names_of
        self.foreign = 0

    def take(self, messages: Sequence[Any]) -> None:
        """Write what these messages say."""
        names_of = self._names_of
        rows = sorted((name, one.partition, one.offset) for one in messages for name in names_of(one))
        self._index.executemany("INSERT OR IGNORE INTO places VALUES (?, ?, ?)", rows)

    def forget(self, begins: Mapping[int, int]) -> None:
        """Drop what the topic holds no more."""
        for partition, begin in begins.items():
            self._index.execute("DELETE FROM places WHERE partition = ? AND offset < ?", (partition, begin))

    def finish(self) -> None:
        """Nothing is kept."""


def _shape(names_of: NamesOf) -> Shape:
    def writing(index: sqlite3.Connection) -> _Writing:
        return _Writing(index, names_of)

    return Shape(form=_FORM, tables=_TABLES, indexes="", writing=writing, filling=writing)


def _by_visit(message: Any) -> Iterable[int]:
    key = message.key
    return () if key is None else (name_of(key),)


def _of_ready(message: Any) -> Iterable[int]:
    headers = message.headers
    if message.key is None or len(headers) <= RECORD_KEY_AT:
        return ()
    return {name_of(message.key), name_of(headers[RECORD_KEY_AT][1] or b"")}


def _of_receipt(message: Any) -> Iterable[int]:
    try:
        return {name_of(line["key"].encode()) for line in orjson.loads(message.value or b"")["records"]}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return ()


def _of_placed(message: Any) -> Iterable[int]:
    return (name_of(message.key.rpartition(_PART)[2]),) if message.key and is_row(message.key) else ()


CHANGES: Final = _shape(_by_visit)
READY: Final = _shape(_of_ready)
RECEIPTS: Final = _shape(_of_receipt)
PLACED: Final = _shape(_of_placed)

_NAMES_OF: Final[Mapping[Shape, NamesOf]] = {CHANGES: _by_visit, READY: _of_ready, RECEIPTS: _of_receipt, PLACED: _of_placed}
_PARTS: Final = 8
"""Of more, each batch is rather taken apart than looked through for one after the other."""


def sought(shape: Shape, keys: Collection[bytes]) -> Sought:
    """Finds the messages under these keys in a topic that an index of this shape is of."""
    names, names_of = {name_of(one) for one in keys}, _NAMES_OF[shape]
    parts = [orjson.dumps(one.decode()) for one in keys] if shape is RECEIPTS else [*keys]
    return Sought(parts if len(parts) <= _PARTS else (), lambda message: not names.isdisjoint(names_of(message)))


def places(index: sqlite3.Connection, names: Iterable[bytes], *, most: int) -> list[Place]:
    """Where the latest `most` messages under these keys stand, in their order. (Of two keys with one name, those of both.)"""
    found: set[Place] = set()
    for name in {name_of(one) for one in names}:
        query = "SELECT partition, offset FROM places WHERE name = ? ORDER BY partition DESC, offset DESC LIMIT ?"
        found |= {Place(*row) for row in index.execute(query, (name, most))}
    return sorted(found)[-most:]
