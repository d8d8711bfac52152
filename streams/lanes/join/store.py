"""Where the join keeps the committed entries of one partition: what a store must do, and one in memory.

A store is a copy of the changelog up to a position, never more: if it is lost, it is read anew. Entries stand in groups: those of
one visit and one role (`streams.domain.join.entries`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from streams.domain.join.entries import group_of, visit_key_of

Entries: TypeAlias = dict[bytes, bytes]
"""Committed entries by full state key."""

Groups: TypeAlias = dict[bytes, Entries]
"""The entries of one visit by group."""

Changes: TypeAlias = Mapping[bytes, bytes | None]
"""New values by full state key; None where the entry goes."""

Deadlines: TypeAlias = Mapping[bytes, int | None]
"""By full state key: from when on (ms) a tick has something to do for an entry that waits; None where it waits no more."""


class Store(Protocol):
    """The entries of one partition."""

    def open(self, identity: str) -> int:
        """The offset in the changelog up to which the entries are known.

        identity: names the series of record numbers that the lane continues. A copy of another series is thrown away: it belongs to
        topics that were deleted and made anew.
        """

    def deadlines(self) -> Iterator[tuple[bytes, int]]:
        """The keys of entries that wait, each with its deadline (see `Deadlines`)."""

    def visit(self, visit_key: bytes) -> Groups:
        """All entries of one visit, for the caller to keep and to change."""

    def visits_after(self, after: bytes, most: int) -> list[bytes]:
        """The keys of the first visits behind this one, in the order of their bytes."""

    def write(self, changed: Changes, deadlines: Deadlines, *, position: int) -> None:
        """Take over changes and the position behind them as one. Raises Fatal where they cannot be kept."""

    def clear(self) -> None:
        """Forget everything."""


def grouped(entries: Iterator[tuple[bytes, bytes]]) -> Groups:
    """Entries of one visit by group."""
    groups: Groups = {}
    for key, value in entries:
        groups.setdefault(group_of(key), {})[key] = value
    return groups


@dataclass(slots=True)
class MemoryStore:
    """A store that ends with its process."""

    _identity: str = ""
    _position: int = 0
    _visits: dict[bytes, Entries] = field(default_factory=dict, repr=False)
    _deadlines: dict[bytes, int] = field(default_factory=dict, repr=False)

    def open(self, identity: str) -> int:
        """The offset up to which the entries of this identity are known."""
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

    def visits_after(self, after: bytes, most: int) -> list[bytes]:
        """The keys of the first visits behind this one."""
        return sorted(visit for visit, entries in self._visits.items() if entries and visit > after)[:most]

    def write(self, changed: Changes, deadlines: Deadlines, *, position: int) -> None:
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
        self._position = position

    def clear(self) -> None:
        """Forget everything."""
        self._position = 0
        self._visits.clear()
        self._deadlines.clear()
