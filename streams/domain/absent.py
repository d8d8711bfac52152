"""Rows that went while nobody read their database's log: what a reading of the whole table has not found.

Whoever has read a table to its end, and has seen every row that stands in the database, knows of each other row that the stages
remember: it is gone. So it says, in the order of the source's rows, and adds what it compared: where something was done to the row
meanwhile, that counts, and not what it says. A row that was found in another visit than the one that remembers it has moved there.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

import orjson

from connector.contract import DatabaseKind, Op
from streams.domain import keys
from streams.domain.join.entries import is_row, load
from streams.domain.place import entries as placed
from streams.domain.records import Row

_SEPARATOR: Final = keys.SEPARATOR
_BUCKETS: Final = 1 << 16
_IN_BUCKET: Final = 6


class Digests:
    """A set of texts that takes eight bytes for each. (Of a hundred million, one that is not in it is taken for one of them once in
    more than a hundred thousand million times.)
    """

    def __init__(self) -> None:
        self._new: list[bytearray | None] = [None] * _BUCKETS
        self._sorted: dict[int, frozenset[bytes]] = {}

    def add(self, text: str) -> None:
        """Put one into it; it may be in it already."""
        bucket, rest = _digest(text)
        found = self._new[bucket]
        if found is None:
            found = self._new[bucket] = bytearray()
        found += rest
        self._sorted.pop(bucket, None)

    def __contains__(self, text: str) -> bool:
        """Whether it is in it."""
        bucket, rest = _digest(text)
        found = self._new[bucket]
        if found is None:
            return False
        if len(found) <= _IN_BUCKET * 64:
            return any(found[at : at + _IN_BUCKET] == rest for at in range(0, len(found), _IN_BUCKET))
        ready = self._sorted.get(bucket)
        if ready is None:
            ready = self._sorted[bucket] = frozenset(bytes(found[at : at + _IN_BUCKET]) for at in range(0, len(found), _IN_BUCKET))
        return rest in ready


class Seen:
    """The rows of one table that were read, or whose changes came, since a reading began."""

    def __init__(self) -> None:
        self._keys = Digests()
        self._pairs = Digests()
        self._nowhere: set[str] = set()

    def add(self, key: Sequence[str], visit: str | None) -> None:
        """Take a row. visit: the one that it names; None where it names none."""
        name = _name(key)
        self._keys.add(name)
        if visit is None:
            self._nowhere.add(name)
        else:
            self._nowhere.discard(name)
            self._pairs.add(f"{name}{_SEPARATOR}{visit}")

    def __contains__(self, key: Sequence[str]) -> bool:
        """Whether the row with this key was seen."""
        return _name(key) in self._keys

    def in_visit(self, key: Sequence[str], visit: str) -> bool:
        """Whether it was seen in this visit."""
        return f"{_name(key)}{_SEPARATOR}{visit}" in self._pairs

    def is_nowhere(self, key: Sequence[str]) -> bool:
        """Whether it was seen last without a visit."""
        return _name(key) in self._nowhere


class Absent(NamedTuple):
    """A row that a stage remembers and that does not stand there in the database."""

    key: tuple[str, ...]
    """Values of its key columns."""
    visit: str
    """The visit that remembers it; `""` where the place stage does."""
    moved: bool
    """Whether it stands in another visit."""
    compared: int | str | None
    """By what it is known that nothing was done to it since."""
    arrives: Row | None = None
    """Of a row that moved here: its columns. What was reported of it there, perhaps after what was reported here, stands at the
    platform.
    """
    left: str = ""
    """And the visit that it left."""

    def __repr__(self) -> str:
        """Without the keys."""
        return f"Absent(moved={self.moved})"


class Comparison(NamedTuple):
    """What was seen of a table, to be compared with what the stages remember of it."""

    source: str
    """The table's source."""
    kind: DatabaseKind
    """The kind of its database."""
    table: str
    """`schema.table`."""
    columns: tuple[str, ...]
    """Those of its key."""
    seen: Seen
    """Every row that stands in the database, and perhaps more."""
    only: frozenset[tuple[str, ...]] | None = None
    """The keys that were asked for; None: all of the table."""

    def of_join(self, state_key: bytes, value: bytes) -> Absent | None:
        """The row of a state entry of the join, where it is not there any more."""
        if not is_row(state_key):
            return None
        visit, _, source, table, *parts = state_key.decode().split(_SEPARATOR)
        key = tuple(parts)
        if (source, table) != (self.source, self.table) or not self._asked_for(key):
            return None
        there = key in self.seen
        if there and self.seen.in_visit(key, visit):
            return None
        row = load(state_key, value)
        moved = there and not self.seen.is_nowhere(key)
        return None if row.deleted else Absent(key, visit, moved=moved, compared=row.offset)

    def arrived(self, state_key: bytes, value: bytes, moved: Mapping[tuple[str, ...], str]) -> Absent | None:
        """The row of a state entry of the join, where it is one of those that moved, and stands here. moved: by key, the visit that
        it left.
        """
        if not is_row(state_key):
            return None
        visit, _, source, table, *parts = state_key.decode().split(_SEPARATOR)
        key = tuple(parts)
        if (source, table) != (self.source, self.table) or key not in moved or not self.seen.in_visit(key, visit):
            return None
        row = load(state_key, value)
        columns = {**row.columns, **dict(zip(self.columns, key, strict=True))}  # of a line, not the number that it took over
        return None if row.deleted else Absent(key, visit, moved=True, compared=row.offset, arrives=columns, left=moved[key])

    def of_place(self, state_key: bytes, value: bytes) -> Absent | None:
        """The row of a state entry of the place stage, where it is not there any more. That stage knows by itself where a row has
        moved that was read.
        """
        if not placed.is_row(state_key) or placed.row_of(state_key)[0] != self.table:
            return None
        row = placed.load(state_key, value)
        key = tuple(f"{row.columns.get(name)}" for name in self.columns)
        if row.deleted or key in self.seen or not self._asked_for(key):
            return None
        return Absent(key, "", moved=False, compared=placed.fingerprint(row))

    def message(self, absent: Absent, *, at: int) -> bytes:
        """What says so in the source's rows. at: the time (ms)."""
        schema, _, name = self.table.partition(".")
        said = {"connector": self.kind.value, "name": self.source, "schema": schema, "table": name, "ts_ms": at}
        moved = {"moved": "left" if absent.arrives is None else "arrived"} if absent.moved else {}
        moved |= {"left": absent.left} if absent.left else {}
        place = {"place": {"visit": absent.visit, **moved}} if absent.visit else {}
        images: dict[str, object] = {"before": dict(zip(self.columns, absent.key, strict=True)), "after": None}
        if absent.arrives is not None:
            images = {"before": None, "after": dict(absent.arrives)}
        op = Op.DELETE if absent.arrives is None else Op.READ
        head = {"yibao": "absent", "op": op.value, "compared": absent.compared}
        return orjson.dumps({**head, **images, "source": said, **place})

    def _asked_for(self, key: tuple[str, ...]) -> bool:
        return self.only is None or key in self.only


def _name(key: Sequence[str]) -> str:
    return _SEPARATOR.join(key)


def _digest(text: str) -> tuple[int, bytes]:
    found = blake2b(text.encode(), digest_size=2 + _IN_BUCKET).digest()
    return int.from_bytes(found[:2]), found[2:]
