"""The place stage's memory of one source: what is committed, overlaid by what the chunk in hand changed.

All entries are in the store, on disk in a worker. For which rows something is to be done at some time, and when, is always in
memory, so that a tick looks at no others.
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from streams.domain.place.entries import due_from, is_row
from streams.lanes.ports import Broker, TopicPartition

Changes: TypeAlias = Mapping[bytes, bytes | None]
"""Changed entries by key; None where the entry goes."""


class Store(Protocol):
    """The committed entries of one source: a copy of the changelog up to a position. If it is lost, it is read anew."""

    def open(self, identity: str) -> int:
        """The offset in the changelog up to which the entries are known. A copy of another identity is thrown away."""

    def deadlines(self) -> Iterator[tuple[bytes, int]]:
        """The keys of rows for which something is to be done at some time (ms)."""

    def get(self, key: bytes) -> bytes | None:
        """One entry."""

    def scan(self, prefix: bytes) -> Iterable[bytes]:
        """The keys that begin with this."""

    def write(self, changed: Changes, deadlines: Mapping[bytes, int | None], *, position: int) -> None:
        """Take over changes and the position behind them as one. Raises Fatal where they cannot be kept."""

    def clear(self) -> None:
        """Forget everything."""


@dataclass(slots=True)
class MemoryStore:
    """A store that ends with its process."""

    _entries: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    _keys: list[bytes] = field(default_factory=list, repr=False)

    def open(self, identity: str) -> int:
        """Nothing is known."""
        del identity
        return 0

    def deadlines(self) -> Iterator[tuple[bytes, int]]:
        """Nothing is known."""
        yield from ()

    def get(self, key: bytes) -> bytes | None:
        """One entry."""
        return self._entries.get(key)

    def scan(self, prefix: bytes) -> Iterable[bytes]:
        """The keys that begin with this."""
        return list(_beginning(self._keys, prefix))

    def write(self, changed: Changes, deadlines: Mapping[bytes, int | None], *, position: int) -> None:
        """Take over changes."""
        del deadlines, position
        for key, value in changed.items():
            if value is None:
                if self._entries.pop(key, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
            else:
                if key not in self._entries:
                    insort(self._keys, key)
                self._entries[key] = value

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._keys.clear()


def _beginning(keys: Sequence[bytes], prefix: bytes) -> Iterator[bytes]:
    """Those of the sorted keys that begin with this."""
    for place in range(bisect_left(keys, prefix), len(keys)):
        if not keys[place].startswith(prefix):
            return
        yield keys[place]


class PlaceState:
    """Committed entries of one source. at: its changelog."""

    def __init__(self, at: TopicPartition, store: Store | None = None) -> None:
        self.at = at
        self.position = 0
        self._store: Store = MemoryStore() if store is None else store
        self._deadlines: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []

    def get(self, key: bytes) -> bytes | None:
        """One entry."""
        return self._store.get(key)

    def scan(self, prefix: bytes) -> Iterable[bytes]:
        """The keys that begin with this."""
        return self._store.scan(prefix)

    @property
    def next_deadline(self) -> int | None:
        """When a tick has something to do for the first time (ms); None: never."""
        while self._heap and self._deadlines.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, at: int) -> list[bytes]:
        """The keys of the rows for which a tick at `at` (ms) has something to do. They stay due until a change says otherwise."""
        found, places = [], [0]
        while places:
            place = places.pop()
            if place >= len(self._heap) or self._heap[place][0] > at:
                continue
            deadline, key = self._heap[place]
            if self._deadlines.get(key) == deadline:
                found.append(key)
            places += (2 * place + 1, 2 * place + 2)
        return sorted(set(found))

    async def catch_up(self, broker: Broker, *, identity: str) -> int:
        """Read the changelog from `position` to its end; returns how many entries were read. Call it after the fence, so that no
        older owner writes behind it.

        identity: names the series of numbers that the lane continues. A store of another series is read anew.
        """
        self._open(self._store.open(identity))
        first, ends = await broker.first_offset(self.at), await broker.end_offsets([self.at])
        if not first <= self.position <= ends[self.at]:
            self._store.clear()
            self._open(first)
        read = 0
        async for page in broker.read(self.at, self.position):
            self.apply({key: value for key, value in page.entries if key is not None}, position=page.position)
            read += len(page.entries)
        return read

    def apply(self, changed: Changes, *, position: int) -> None:
        """Take over what a transaction committed. Never call it before the commit returned."""
        self.position = position
        self._store.write(changed, dict(self._moved(changed)), position=position)

    def _open(self, position: int) -> None:
        self.position = position
        self._deadlines = dict(self._store.deadlines())
        self._heap = [(deadline, key) for key, deadline in self._deadlines.items()]
        heapq.heapify(self._heap)

    def _moved(self, changed: Changes) -> Iterator[tuple[bytes, int | None]]:
        """The deadlines that these changes set or remove (None), taken over in memory at the same time."""
        for key, value in changed.items():
            deadline = due_from(value) if is_row(key) else 0
            if deadline and self._deadlines.get(key) != deadline:
                self._deadlines[key] = deadline
                heapq.heappush(self._heap, (deadline, key))
                yield key, deadline
            elif not deadline and self._deadlines.pop(key, None) is not None:
                yield key, None


class Overlay:
    """The state as a chunk that is being folded sees it: committed entries, overlaid by the chunk's changes."""

    def __init__(self, state: PlaceState) -> None:
        self.changed: dict[bytes, bytes | None] = {}
        self._state = state
        self._new: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """One entry."""
        return self.changed[key] if key in self.changed else self._state.get(key)

    def scan(self, prefix: bytes) -> Iterable[bytes]:
        """The keys that begin with this."""
        found = [key for key in self._state.scan(prefix) if self.changed.get(key, b"") is not None]
        found += [key for key in _beginning(self._new, prefix) if self.changed[key] is not None]
        return dict.fromkeys(found)

    def due(self, at: int) -> list[bytes]:
        """The keys of the rows for which a tick at `at` (ms) has something to do."""
        found = [key for key in self._state.due(at) if key not in self.changed]
        return sorted([*found, *(key for key, value in self.changed.items() if is_row(key) and 0 < due_from(value) <= at)])

    def apply(self, changed: Changes) -> None:
        """Take over what one message changed."""
        for key in changed:
            if key not in self.changed:
                insort(self._new, key)
        self.changed.update(changed)
