"""Where the join keeps the committed entries of one partition: what a store must do, and one in memory.

A store is a copy of the changelog up to a position, never more: if it is lost, it is read anew. Entries stand in groups: those of
one visit and one role (`streams.domain.join.entries`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from streams.domain.join.entries import group_of, visit_key_of
from streams.domain.join.indexed import HELD, Index, Place

Entries: TypeAlias = dict[bytes, bytes]
"""Committed entries by full state key."""

Groups: TypeAlias = dict[bytes, Entries]
"""The entries of one visit by group."""

Changes: TypeAlias = Mapping[bytes, bytes | None]
"""New values by full state key; None where the entry goes."""

Deadlines: TypeAlias = Mapping[bytes, int | None]
"""By full state key: from when on (ms) a tick has something to do for an entry that waits; None where it waits no more."""


Places: TypeAlias = Mapping[Place, bool]
"""Places in the index (`streams.domain.join.indexed`): whether an entry stands there, or does no more."""


class Store(Protocol):
    """The entries of one partition."""

    def open(self, identity: str, index: Index) -> int:
        """The offset in the changelog up to which the entries are known.

        identity: names the series of record numbers that the lane continues. A copy of another series is thrown away: it belongs to
        topics that were deleted and made anew. index: how entries are found; where it was made in another way, it is made anew.
        """

    def deadlines(self) -> Iterator[tuple[bytes, int]]:
        """The keys of entries that wait, each with its deadline (see `Deadlines`)."""

    def visit(self, visit_key: bytes) -> Groups:
        """All entries of one visit, for the caller to keep and to change."""

    def few(self, visit_key: bytes, most: int) -> Groups | None:
        """All entries of a visit of so many at most, for the caller to keep and to change; None where it has more."""

    def group(self, name: bytes) -> Entries:
        """The entries of one group, for the caller to keep and to change."""

    def get(self, key: bytes) -> bytes | None:
        """One entry."""

    def found(self, under: bytes) -> list[bytes]:
        """What stands in the index under this: the rest of each entry's key."""

    def visits_after(self, after: bytes, most: int) -> list[bytes]:
        """The keys of the first visits behind this one, in the order of their bytes."""

    def write(self, changed: Changes, deadlines: Deadlines, *, position: int, places: Places) -> None:
        """Take over changes, with their places in the index and the position behind them, as one. Raises Fatal where they cannot be
        kept.
        """

    def clear(self) -> None:
        """Forget everything."""


def grouped(entries: Iterator[tuple[bytes, bytes]]) -> Groups:
    """Entries of one visit by group."""
    groups: Groups = {}
    for key, value in entries:
        groups.setdefault(group_of(key), {})[key] = value
    return groups


def put(entries: Entries, key: bytes, value: bytes | None) -> None:
    """Set or remove an entry."""
    if value is None:
        entries.pop(key, None)
    else:
        entries[key] = value


@dataclass(slots=True)
class MemoryStore:
    """A store that ends with its process."""

    _identity: str = ""
    _position: int = 0
    _visits: dict[bytes, Entries] = field(default_factory=dict, repr=False)
    _deadlines: dict[bytes, int] = field(default_factory=dict, repr=False)
    _places: dict[bytes, dict[bytes, None]] = field(default_factory=dict, repr=False)

    def open(self, identity: str, index: Index) -> int:
        """The offset up to which the entries of this identity are known."""
        del index  # it is the same for as long as the process
        if identity != self._identity:
            self.clear()
            self._identity = identity
        return self._position

    def deadlines(self) -> Iterator[tuple[bytes, int]]:
        """The keys of entries that wait, each with its deadline."""
        yield from self._deadlines.items()

    def visit(self, visit_key: bytes) -> Groups:
        """All entries of one visit."""
        return grouped(iter(self._visits.get(visit_key, {}).items()))

    def few(self, visit_key: bytes, most: int) -> Groups | None:
        """All entries of a visit of so many at most."""
        return self.visit(visit_key) if len(self._visits.get(visit_key, ())) <= most else None

    def group(self, name: bytes) -> Entries:
        """The entries of one group."""
        return self.visit(visit_key_of(name)).get(name, {})

    def get(self, key: bytes) -> bytes | None:
        """One entry."""
        return self._visits.get(visit_key_of(key), {}).get(key)

    def found(self, under: bytes) -> list[bytes]:
        """What stands in the index under this."""
        if under == HELD:
            return [b"".join((above[1:], rest)) for above, those in self._places.items() if above[:1] == HELD for rest in those]
        return list(self._places.get(under, ()))

    def visits_after(self, after: bytes, most: int) -> list[bytes]:
        """The keys of the first visits behind this one."""
        return sorted(visit for visit, entries in self._visits.items() if entries and visit > after)[:most]

    def write(self, changed: Changes, deadlines: Deadlines, *, position: int, places: Places) -> None:
        """Take over changes and the position behind them."""
        for key, value in changed.items():
            entries = self._visits.setdefault(visit_key_of(key), {})
            if value is None:
                entries.pop(key, None)
            else:
                entries[key] = value
        for key, deadline in deadlines.items():
            if deadline is None:
                self._deadlines.pop(key, None)
            else:
                self._deadlines[key] = deadline
        for (above, rest), stands in places.items():
            if stands:
                self._places.setdefault(above, {})[rest] = None
            else:
                self._places.get(above, {}).pop(rest, None)
        self._position = position

    def clear(self) -> None:
        """Forget everything."""
        self._position = 0
        self._visits.clear()
        self._deadlines.clear()
        self._places.clear()
