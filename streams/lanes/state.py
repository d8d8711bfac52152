"""The join's memory of one partition: what is committed, and over it what the chunk in hand changed."""

from collections.abc import Iterable, Iterator, Mapping

from streams.domain.visits import visit_key_of, waits
from streams.lanes.ports import Broker, TopicPartition

_Entries = dict[bytes, bytes]


class State:
    """Committed entries of one partition, by visit. position: of the changelog, up to where it is known."""

    def __init__(self, at: TopicPartition) -> None:
        self.at = at
        self.position = 0
        self._visits: dict[bytes, _Entries] = {}
        self._waiting: set[bytes] = set()

    def __len__(self) -> int:
        return sum(map(len, self._visits.values()))

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        """The entries of one visit by full state key."""
        return self._visits.get(visit_key, {})

    def waiting(self) -> Iterable[bytes]:
        """The visits of which some row waits."""
        return self._waiting

    async def catch_up(self, broker: Broker) -> int:
        """Read the changelog from `position` to its end; call it after the fence, so that no older owner writes behind it.

        Returns how many entries were read.
        """
        first = await broker.first_offset(self.at)
        if self.position < first:
            self.position = first
            self._visits.clear()
            self._waiting.clear()
        read = 0
        async for page in broker.read(self.at, self.position):
            changed = {key: value for key, value in page.entries if key is not None}
            self._put(changed)
            read += len(page.entries)
            self.position = page.position
        return read

    def apply(self, changed: Mapping[bytes, bytes | None], *, position: int | None) -> None:
        """Take over what a transaction committed. Never call it before the commit returned."""
        self._put(changed)
        if position is not None:
            self.position = position

    def _put(self, changed: Mapping[bytes, bytes | None]) -> None:
        touched = set()
        for key, value in changed.items():
            visit_key = visit_key_of(key)
            touched.add(visit_key)
            if value is not None:
                self._visits.setdefault(visit_key, {})[key] = value
            elif (entries := self._visits.get(visit_key)) is not None:
                entries.pop(key, None)
        for visit_key in touched:
            entries = self._visits.get(visit_key, {})
            if not entries:
                self._visits.pop(visit_key, None)
            if any(map(waits, entries.values())):
                self._waiting.add(visit_key)
            else:
                self._waiting.discard(visit_key)


class Overlay:
    """The view of a chunk that is being folded: committed entries with the chunk's changes over them."""

    def __init__(self, state: State) -> None:
        self.changed: dict[bytes, bytes | None] = {}
        self._state = state
        self._visits: dict[bytes, _Entries] = {}

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        """The entries of one visit by full state key."""
        own = self._visits.get(visit_key)
        return self._state.visit(visit_key) if own is None else own

    def waiting(self) -> Iterator[bytes]:
        """The visits of which some row waits."""
        for visit_key in self._state.waiting():
            if visit_key not in self._visits:
                yield visit_key
        for visit_key, entries in self._visits.items():
            if any(map(waits, entries.values())):
                yield visit_key

    def apply(self, changed: Mapping[bytes, bytes | None]) -> None:
        """Take over what one message changed."""
        for key, value in changed.items():
            visit_key = visit_key_of(key)
            entries = self._visits.get(visit_key)
            if entries is None:
                entries = self._visits[visit_key] = dict(self._state.visit(visit_key))
            if value is None:
                entries.pop(key, None)
            else:
                entries[key] = value
        self.changed.update(changed)
