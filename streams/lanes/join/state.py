"""The join's memory of one partition: what is committed, overlaid by what the chunk in hand changed.

The visits that changed last are in memory; all others are in the store, on disk in a worker. Which rows wait, and until when, is
always in memory, so that a tick looks only at visits for which it has something to do.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping

from connector.contract import TableRole
from streams.domain.join.claims import claim_of, claims_in
from streams.domain.join.entries import (
    SEPARATOR,
    due_from,
    group,
    group_of,
    groups,
    is_moved,
    visit_key_of,
    waits,
)
from streams.domain.join.gone import deadline_of, gone_group, is_gone
from streams.domain.join.parts import MOVED_FROM
from streams.lanes.join.store import Changes, Entries, Groups, MemoryStore, Store
from streams.lanes.ports import Broker, TopicPartition

_AT_HAND = 256

_NONE: Mapping[bytes, bytes] = {}


class State:
    """Committed entries of one partition.

    position: offset in the changelog up to which they are known. at_hand: how many visits are kept in memory.
    """

    def __init__(self, at: TopicPartition, store: Store | None = None, *, at_hand: int = _AT_HAND) -> None:
        self.at = at
        self.position = 0
        self._store = MemoryStore() if store is None else store
        self._most = at_hand
        self._at_hand: OrderedDict[bytes, Groups] = OrderedDict()
        self._claims: dict[bytes, dict[bytes, set[bytes]]] = {}
        """Of groups that are in memory and were asked about: by claim, the keys of the entries that have it, or had it."""
        self._waiting: dict[bytes, dict[bytes, int]] = {}
        self._gone: dict[bytes, dict[bytes, int]] = {}
        self._moved: dict[bytes, dict[bytes, int]] = {}

    @property
    def waits(self) -> bool:
        """Whether some row waits for something, or a record for a row."""
        return bool(self._waiting or self._gone or self._moved)

    @property
    def awaited(self) -> Counter[int]:
        """The partitions whose lanes are waited for, each with how many rows, or leaves of rows, wait."""
        return Counter(deadline - MOVED_FROM for deadlines in self._moved.values() for deadline in deadlines.values())

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        """The entries of one visit by full state key. The visit is not kept in memory: a tick looks at many visits and changes
        few.
        """
        found = self._at_hand.get(visit_key)
        if found is None:
            found = self._store.visit(visit_key)
        return {key: value for entries in found.values() for key, value in entries.items()}

    def of_role(self, visit_key: bytes, role: TableRole) -> Mapping[bytes, bytes]:
        """The entries of a visit's rows of one role."""
        return self.group(group(visit_key, role))

    def group(self, name: bytes) -> Mapping[bytes, bytes]:
        """The entries of one group. Its visit is kept in memory: whoever asks for a group is about to change it."""
        visit_key = visit_key_of(name)
        found = self._at_hand.get(visit_key)
        if found is None:
            found = self._at_hand[visit_key] = self._store.visit(visit_key)
            self._let_go()
        return found.get(name, _NONE)

    def claims(self, name: bytes, claim: bytes) -> Iterable[bytes]:
        """The keys of a group's entries with this claim, perhaps with others that had it."""
        entries, known = self.group(name), self._claims.get(name)
        if known is None:
            known = self._claims[name] = claims_in(entries)
        return known.get(claim, ())

    def visits_after(self, after: bytes, most: int) -> list[bytes]:
        """The keys of the first visits behind this one, in the order of their bytes."""
        return self._store.visits_after(after, most)

    def due(self, at: int) -> Iterator[bytes]:
        """The visits with a waiting row for which a tick at `at` (ms) has something to do."""
        yield from _due(self._waiting, at)

    def moved(self) -> Iterator[bytes]:
        """The visits with a row that waits for a lane of another partition."""
        yield from self._moved

    def gone(self, at: int) -> Iterator[bytes]:
        """The visits with a record that no row backs any more, for which a tick at `at` (ms) has something to do."""
        yield from _due(self._gone, at)

    async def catch_up(self, broker: Broker, *, identity: str = "") -> int:
        """Read the changelog from `position` to its end; returns how many entries were read. Call it after the fence, so that no
        older owner writes behind it.

        identity: names the series of record numbers that the lane continues (`JoinMark.born`). A store of another series is read
        anew.
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

    def apply(self, changed: Changes, *, position: int | None) -> None:
        """Take over what a transaction committed. Never call it before the commit returned."""
        self.position = self.position if position is None else position
        deadlines = dict(self._deadlines(changed))
        for key, value in changed.items():
            if (found := self._at_hand.get(visit_key := visit_key_of(key))) is not None:
                self._at_hand.move_to_end(visit_key)
                _put(found.setdefault(name := group_of(key), {}), key, value)
                if value is not None and name in self._claims:
                    self._claims[name].setdefault(claim_of(value), set()).add(key)
        self._store.write(changed, deadlines, position=self.position)

    def _open(self, position: int) -> None:
        self.position = position
        self._at_hand.clear()
        self._claims.clear()
        self._waiting.clear()
        self._gone.clear()
        self._moved.clear()
        for key, deadline in self._store.deadlines():
            waiting = self._gone if is_gone(key) else self._moved if deadline >= MOVED_FROM else self._waiting
            waiting.setdefault(visit_key_of(key), {})[key] = deadline

    def _deadlines(self, changed: Changes) -> Iterator[tuple[bytes, int | None]]:
        """The deadlines that these changes set or remove (None), taken over in memory at the same time."""
        for key, value in changed.items():
            visit_key, gone = visit_key_of(key), is_gone(key)
            waiting = self._gone if gone else self._waiting
            was_moved = bool(self._moved) and _drop(self._moved, visit_key, key)
            if value is not None and waits(value):
                deadline = deadline_of(value) if gone else due_from(value)
                if not gone and is_moved(value):
                    _drop(waiting, visit_key, key)
                    waiting, deadline = self._moved, deadline_of(value)
                known = waiting.setdefault(visit_key, {})
                if known.get(key) != deadline:
                    known[key] = deadline
                    yield key, deadline
            elif _drop(waiting, visit_key, key) or was_moved:
                yield key, None

    def _let_go(self) -> None:
        """Drop from memory the visits that did not change for longest. A fold that still holds their entries is safe: only `apply`
        changes entries.
        """
        while len(self._at_hand) > max(1, self._most):
            visit_key, _ = self._at_hand.popitem(last=False)
            if self._claims:
                for name in groups(visit_key):
                    self._claims.pop(name, None)


def _due(waiting: Mapping[bytes, Mapping[bytes, int]], at: int) -> Iterator[bytes]:
    for visit_key, deadlines in waiting.items():
        if min(deadlines.values()) <= at:
            yield visit_key


def _drop(waiting: dict[bytes, dict[bytes, int]], visit_key: bytes, key: bytes) -> bool:
    """Take a key out of what waits; whether it was there."""
    known = waiting.get(visit_key)
    if known is None or known.pop(key, None) is None:
        return False
    if not known:
        del waiting[visit_key]
    return True


def _put(entries: Entries, key: bytes, value: bytes | None) -> None:
    if value is None:
        entries.pop(key, None)
    else:
        entries[key] = value


class Overlay:
    """The state as a chunk that is being folded sees it: committed entries, overlaid by the chunk's changes."""

    def __init__(self, state: State) -> None:
        self.changed: dict[bytes, bytes | None] = {}
        self._state = state
        self._groups: dict[bytes, Entries] = {}
        self._claims: dict[bytes, dict[bytes, set[bytes]]] = {}

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        """The entries of one visit by full state key."""
        return {key: value for group in groups(visit_key) for key, value in self._group(group).items()}

    def of_role(self, visit_key: bytes, role: TableRole) -> Mapping[bytes, bytes]:
        """The entries of a visit's rows of one role."""
        return self._group(group(visit_key, role))

    def entries_beside(self, key: bytes) -> Mapping[bytes, bytes]:
        """The entries of the group that a state key belongs to."""
        return self._group(group_of(key))

    def due(self, at: int) -> Iterable[bytes]:
        """The visits with a waiting row for which a tick at `at` (ms) has something to do."""
        touched = {visit_key_of(name) for name in self._groups}
        yield from (visit_key for visit_key in self._state.due(at) if visit_key not in touched)
        for visit_key in touched:
            if any(waits(value) and due_from(value) <= at for value in self.visit(visit_key).values()):
                yield visit_key

    def claims(self, visit_key: bytes, role: TableRole, claim: bytes) -> Iterable[bytes]:
        """The keys of the entries of a visit's rows of one role with this claim, perhaps with others that had it."""
        name = group(visit_key, role)
        own = self._groups.get(name)
        if own is None:
            return self._state.claims(name, claim)
        known = self._claims.get(name)
        if known is None:
            known = self._claims[name] = claims_in(own)
        return known.get(claim, ())

    def visits_after(self, after: bytes, most: int) -> list[bytes]:
        """The keys of the first visits behind this one, in the order of their bytes."""
        changed = {visit_key for name in self._groups if (visit_key := visit_key_of(name)) > after}
        return sorted(changed.union(self._state.visits_after(after, most)))[:most]

    def moved(self) -> Iterable[bytes]:
        """The visits with a row that waits for a lane of another partition."""
        touched = {visit_key_of(name) for name in self._groups}
        yield from (visit_key for visit_key in self._state.moved() if visit_key and visit_key not in touched)
        yield from (visit_key for visit_key in touched if any(map(is_moved, self.visit(visit_key).values())))

    def gone(self, at: int) -> Iterable[bytes]:
        """The visits with a record that no row backs any more, for which a tick at `at` (ms) has something to do."""
        touched = {visit_key_of(name) for name in self._groups if is_gone(name + SEPARATOR)}
        yield from (visit_key for visit_key in self._state.gone(at) if visit_key not in touched)
        for visit_key in touched:
            if any(0 < deadline_of(value) <= at for value in self.entries_beside(gone_group(visit_key)).values()):
                yield visit_key

    def apply(self, changed: Changes) -> None:
        """Take over what one message changed."""
        for key, value in changed.items():
            name = group_of(key)
            entries = self._groups.get(name)
            if entries is None:
                entries = self._groups[name] = dict(self._state.group(name))
            _put(entries, key, value)
            if value is not None and name in self._claims:
                self._claims[name].setdefault(claim_of(value), set()).add(key)
        self.changed.update(changed)

    def _group(self, name: bytes) -> Mapping[bytes, bytes]:
        own = self._groups.get(name)
        return self._state.group(name) if own is None else own
