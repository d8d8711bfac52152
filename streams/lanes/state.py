"""The join's memory of one partition: what is committed, and over it what the chunk in hand changed.

Entries stand in groups: those of one visit and one role (`streams.domain.visits`). Visits that changed lately are kept as they are,
all others packed, in a sixth of the memory: a hospital's state is nearly all visits that will not change again.
"""

import marshal
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping

import lz4.block

from connector.contract import TableRole
from streams.domain.visits import group, group_of, groups, visit_key_of, waits
from streams.lanes.ports import Broker, TopicPartition

_UNPACKED = 256

_Entries = dict[bytes, bytes]
_Groups = dict[bytes, _Entries]
_NONE: Mapping[bytes, bytes] = {}
_NO_GROUPS: Mapping[bytes, _Entries] = {}


class State:
    """Committed entries of one partition. position: of the changelog, up to where it is known.

    unpacked: how many visits are kept as they are.
    """

    def __init__(self, at: TopicPartition, *, unpacked: int = _UNPACKED) -> None:
        self.at = at
        self.position = 0
        self._most = unpacked
        self._entries = 0
        self._unpacked: OrderedDict[bytes, _Groups] = OrderedDict()
        self._packed: dict[bytes, bytes] = {}
        self._waiting: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return self._entries

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        """The entries of one visit by full state key."""
        found = self._groups(visit_key)
        return {key: value for entries in found.values() for key, value in entries.items()}

    def of_role(self, visit_key: bytes, role: TableRole) -> Mapping[bytes, bytes]:
        """Those of one role."""
        return self.group(group(visit_key, role))

    def group(self, name: bytes) -> Mapping[bytes, bytes]:
        """The entries of one group. Its visit is unpacked: whoever asks for a group is about to change it."""
        visit_key = visit_key_of(name)
        found = self._unpacked.get(visit_key)
        if found is None:
            if visit_key not in self._packed:
                return _NONE
            found = self._unpack(visit_key)
        return found.get(name, _NONE)

    def waiting(self) -> Iterable[bytes]:
        """The visits of which some row waits."""
        return self._waiting

    async def catch_up(self, broker: Broker) -> int:
        """Read the changelog from `position` to its end; call it after the fence, so that no older owner writes behind it.

        Returns how many entries were read.
        """
        first = await broker.first_offset(self.at)
        if self.position < first:
            self.position, self._entries = first, 0
            for known in (self._unpacked, self._packed, self._waiting):
                known.clear()
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
            visit_key = visit_key_of(key)
            found = self._unpacked.get(visit_key)
            if found is None:
                found = self._unpack(visit_key)
            else:
                self._unpacked.move_to_end(visit_key)
            name = group_of(key)
            entries = found.get(name)
            if entries is None:
                entries = found[name] = {}
            before = entries.pop(key, None) if value is None else entries.get(key)
            if value is not None:
                entries[key] = value
            elif not entries:
                del found[name]
            self._entries += (value is not None) - (before is not None)
            self._note(visit_key, more=(value is not None and waits(value)) - (before is not None and waits(before)))
        self._pack()

    def _note(self, visit_key: bytes, *, more: int) -> None:
        """Keep count of the rows of a visit that wait."""
        if more:
            self._waiting[visit_key] += more
            if not self._waiting[visit_key]:
                del self._waiting[visit_key]

    # Packing ---------------------------------------------------------------------------------------------------------------------

    def _groups(self, visit_key: bytes) -> Mapping[bytes, _Entries]:
        """A visit's groups, left packed where they are: a tick looks at many visits and changes few."""
        found = self._unpacked.get(visit_key)
        if found is None and (packed := self._packed.get(visit_key)) is not None:
            return _unpacked(packed)
        return _NO_GROUPS if found is None else found

    def _unpack(self, visit_key: bytes) -> _Groups:
        packed = self._packed.pop(visit_key, None)
        found = self._unpacked[visit_key] = {} if packed is None else _unpacked(packed)
        return found

    def _pack(self) -> None:
        """Pack the visits that did not change for longest. What a fold holds of them stays: only `_put` changes entries."""
        while len(self._unpacked) > self._most:
            visit_key, found = self._unpacked.popitem(last=False)
            if found:
                self._packed[visit_key] = lz4.block.compress(marshal.dumps(found))


def _unpacked(packed: bytes) -> _Groups:
    found: _Groups = marshal.loads(lz4.block.decompress(packed))  # noqa: S302 - written by this very process
    return found


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
