"""The join's memory of one partition: what is committed, and over it what the chunk in hand changed.

Entries stand in groups: those of one visit and one role (`streams.domain.visits`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from connector.contract import TableRole
from streams.domain.visits import group, group_of, groups, visit_key_of, waits
from streams.lanes.ports import Broker, TopicPartition

_Entries = dict[bytes, bytes]
_NONE: Mapping[bytes, bytes] = {}


class State:
    """Committed entries of one partition. position: of the changelog, up to where it is known."""

    def __init__(self, at: TopicPartition) -> None:
        self.at = at
        self.position = 0
        self._groups: dict[bytes, _Entries] = {}
        self._waiting: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        """The entries of one visit by full state key."""
        return {key: value for group in groups(visit_key) for key, value in self.group(group).items()}

    def of_role(self, visit_key: bytes, role: TableRole) -> Mapping[bytes, bytes]:
        """Those of one role."""
        return self.group(group(visit_key, role))

    def group(self, name: bytes) -> Mapping[bytes, bytes]:
        """The entries of one group."""
        return self._groups.get(name, _NONE)

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
            self._groups.clear()
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
        for key, value in changed.items():
            name = group_of(key)
            entries = self._groups.get(name)
            if entries is None:
                entries = self._groups[name] = {}
            before = entries.pop(key, None) if value is None else entries.get(key)
            if value is not None:
                entries[key] = value
            elif not entries:
                del self._groups[name]
            self._note(key, more=(value is not None and waits(value)) - (before is not None and waits(before)))

    def _note(self, key: bytes, *, more: int) -> None:
        """Keep count of the rows of a visit that wait."""
        if more:
            visit_key = visit_key_of(key)
            self._waiting[visit_key] += more
            if not self._waiting[visit_key]:
                del self._waiting[visit_key]


class Overlay:
    """The view of a chunk that is being folded: committed entries with the chunk's changes over them."""

    def __init__(self, state: State) -> None:
        self.changed: dict[bytes, bytes | None] = {}
        self._state = state
        self._groups: dict[bytes, _Entries] = {}

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        """The entries of one visit by full state key."""
        return {key: value for group in groups(visit_key) for key, value in self._group(group).items()}

    def of_role(self, visit_key: bytes, role: TableRole) -> Mapping[bytes, bytes]:
        """Those of one role."""
        return self._group(group(visit_key, role))

    def entries_beside(self, key: bytes) -> Mapping[bytes, bytes]:
        """The entries of the group that a state key belongs to."""
        return self._group(group_of(key))

    def waiting(self) -> Iterator[bytes]:
        """The visits of which some row waits."""
        touched = {visit_key_of(name) for name in self._groups}
        for visit_key in self._state.waiting():
            if visit_key not in touched:
                yield visit_key
        for visit_key in touched:
            if any(map(waits, self.visit(visit_key).values())):
                yield visit_key

    def apply(self, changed: Mapping[bytes, bytes | None]) -> None:
        """Take over what one message changed."""
        for key, value in changed.items():
            name = group_of(key)
            entries = self._groups.get(name)
            if entries is None:
                entries = self._groups[name] = dict(self._state.group(name))
            if value is None:
                entries.pop(key, None)
            else:
                entries[key] = value
        self.changed.update(changed)

    def _group(self, name: bytes) -> Mapping[bytes, bytes]:
        own = self._groups.get(name)
        return self._state.group(name) if own is None else own
