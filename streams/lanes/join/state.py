"""The join's memory of one partition: what is committed, overlaid by what the chunk in hand changed.

The visits that changed last are in memory; all others are in the store, on disk in a worker. Which rows wait, and until when, is
always in memory, so that a tick looks only at visits for which it has something to do.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from connector.contract import TableRole
from streams.domain.join.entries import (
    SEPARATOR,
    awaits_lookup,
    deadline_in,
    group,
    is_moved,
    is_row,
    lookup_deadline,
    visit_key_of,
    waits,
)
from streams.domain.join.gone import deadline_of, is_gone
from streams.domain.join.indexed import HELD, Index, Place, as_in_an_entry, claimed, held_at, under
from streams.domain.join.parts import MOVED_FROM
from streams.domain.join.stored import Item
from streams.domain.records import Lookups, MissingLookup
from streams.lanes.join.at_hand import FEW, MOST_BYTES, AtHand
from streams.lanes.join.awaited import AwaitedLookups
from streams.lanes.join.held import HeldRefunds
from streams.lanes.join.store import Changes, Entries, MemoryStore, Store
from streams.lanes.ports import Broker, TopicPartition


class State:
    """Committed entries of one partition.

    position: offset in the changelog up to which they are known. index: how rows are found without reading the others; None: not
    at all. at_hand: how many bytes of visits are kept in memory, about. few: a visit of more entries is not read whole.
    """

    def __init__(
        self,
        at: TopicPartition,
        store: Store | None = None,
        *,
        index: Index | None = None,
        at_hand: int = MOST_BYTES,
        few: int = FEW,
    ) -> None:
        self.at = at
        self.position = 0
        self._store = MemoryStore() if store is None else store
        self._index = Index() if index is None else index
        self._is_found = index is not None
        self._at_hand = AtHand(self._store, most=at_hand, few=few)
        self.get = self._at_hand.get
        """One entry."""
        self._waiting: dict[bytes, dict[bytes, int]] = {}
        self._gone: dict[bytes, dict[bytes, int]] = {}
        self._moved: dict[bytes, dict[bytes, int]] = {}
        self._lookups = AwaitedLookups()
        self._refunds = HeldRefunds()

    @property
    def waits(self) -> bool:
        """Whether some row waits for something, or a record for a row."""
        return bool(self._waiting or self._gone or self._moved or self._lookups)

    @property
    def awaited(self) -> Counter[int]:
        """The partitions whose lanes are waited for, each with how many rows, or leaves of rows, wait."""
        return Counter(deadline - MOVED_FROM for deadlines in self._moved.values() for deadline in deadlines.values())

    def stored(self, key: bytes) -> bytes | None:
        """One committed entry, which is not kept in memory for that it was looked at."""
        return self._store.get(key)

    def waiting(self) -> Iterator[bytes]:
        """The keys of the rows' entries that wait for something, each visit's as they are when it has its turn."""
        for waiting in (self._waiting, self._moved):
            for visit_key in filter(None, list(waiting)):
                yield from [key for key in waiting.get(visit_key, ()) if is_row(key)]
        for key in self._lookups.told():
            if is_row(key) and key not in self._waiting.get(visit_key_of(key), ()):
                yield key

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        """The entries of one visit by full state key. The visit is not kept in memory: a tick looks at many visits and changes
        few.
        """
        return {key: value for entries in self._at_hand.whole(visit_key).values() for key, value in entries.items()}

    def of_role(self, visit_key: bytes, role: TableRole) -> Mapping[bytes, bytes]:
        """The entries of a visit's rows of one role."""
        return self.group(group(visit_key, role))

    def group(self, name: bytes) -> Entries:
        """The entries of one group. It is kept in memory: whoever asks for a group is about to change it."""
        return self._at_hand.group(name)

    def note(self, missing: Mapping[bytes, MissingLookup]) -> None:
        """Which rows of lookups the entries wait for that a chunk built which was committed."""
        self._lookups.note(missing)

    def lines_known(self, visit_key: bytes) -> int | None:
        """How many entries a visit's fee lines have; None where only looking at each would tell."""
        return self._at_hand.known(group(visit_key, TableRole.FEE))

    def holds_refunds(self, visit_key: bytes) -> bool:
        """Whether any refund line of a visit is held."""
        return visit_key in self._refunds

    def refunds(self, visit_key: bytes, items: Collection[Item] | None = None) -> Collection[bytes]:
        """The keys of a visit's refund lines that are held, of these items or of what their entries do not say; None: of all."""
        return self._refunds.of(visit_key, items)

    def lines_under(self, visit_key: bytes, settlement: str) -> Iterable[bytes]:
        """The keys of the visit's lines that name this settlement, perhaps with others."""
        if not self._is_found:
            return self.of_role(visit_key, TableRole.FEE)
        begin = visit_key + SEPARATOR
        return [begin + rest for rest in self._store.found(under(visit_key, as_in_an_entry(settlement.strip(" "))))]

    def claims(self, name: bytes, claim: bytes) -> Iterable[bytes]:
        """The keys of a group's entries with this claim, perhaps with others that had it."""
        known = self._at_hand.claims(name, claim)
        if known is None and not self._is_found:
            self.group(name)
            known = self._at_hand.claims(name, claim)
        if known is not None:
            return known
        begin = visit_key_of(name) + SEPARATOR
        return [begin + rest for rest in self._store.found(claimed(name, claim))]

    def visits_after(self, after: bytes, most: int) -> list[bytes]:
        """The keys of the first visits behind this one, in the order of their bytes."""
        return self._store.visits_after(after, most)

    def due(self, at: int, lookups: Lookups) -> Iterator[tuple[bytes, Collection[bytes]]]:
        """The visits with rows for which a tick at `at` (ms) has something to do, with the keys of these rows' entries."""
        come: dict[bytes, set[bytes]] = {}
        for key in self._lookups.come(lookups):
            come.setdefault(visit_key_of(key), set()).add(key)
        for visit_key in filter(None, _due(self._waiting, at)):  # what stands beside the visits is no row
            over = {key for key, deadline in self._waiting[visit_key].items() if deadline <= at}
            yield visit_key, over | come.pop(visit_key, set())
        yield from come.items()

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
        self._open(self._store.open(identity, self._index))
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
        deadlines, places = dict(self._deadlines(changed)), dict[Place, bool]()
        for key, value in changed.items():
            self._at_hand.put(key, value)
            if value is not None:
                places.update(dict.fromkeys(self._index.places(key, value), True))
            places.update(self._refunds.put(key, value))
        self._store.write(changed, deadlines, position=self.position, places=places)

    def _open(self, position: int) -> None:
        self.position = position
        self._at_hand.clear()
        self._refunds.clear()
        self._lookups.clear()
        self._waiting.clear()
        self._gone.clear()
        self._moved.clear()
        for key, deadline in self._store.deadlines():
            if deadline <= 0:
                self._lookups.add(key)
            if deadline := abs(deadline):
                waiting = self._gone if is_gone(key) else self._moved if deadline >= MOVED_FROM else self._waiting
                waiting.setdefault(visit_key_of(key), {})[key] = deadline
        for place in self._store.found(HELD):
            self._refunds.add(*held_at(place))

    def _deadlines(self, changed: Changes) -> Iterator[tuple[bytes, int | None]]:
        """The deadlines that these changes set or remove (None), taken over in memory at the same time."""
        for key, value in changed.items():
            visit_key = visit_key_of(key)
            waited = visit_key in self._waiting or visit_key in self._gone or visit_key in self._moved
            if not waited and key not in self._lookups and (value is None or not waits(value)):
                continue  # as most: it waits for nothing, and nothing of its visit did
            gone = is_gone(key)
            awaited = value is not None and not gone and awaits_lookup(value)
            if awaited or key in self._lookups:
                yield from self._of_lookup(visit_key, key, value if awaited else None)
            if awaited:
                continue
            waiting = self._gone if gone else self._waiting
            was_moved = bool(self._moved) and _drop(self._moved, visit_key, key)
            if value is not None and waits(value):
                deadline = deadline_of(value) if gone else deadline_in(value)
                if not gone and is_moved(value):
                    _drop(waiting, visit_key, key)
                    waiting, deadline = self._moved, deadline_of(value)
                known = waiting.setdefault(visit_key, {})
                if known.get(key) != deadline:
                    known[key] = deadline
                    yield key, deadline
            elif _drop(waiting, visit_key, key) or was_moved:
                yield key, None

    def _of_lookup(self, visit_key: bytes, key: bytes, value: bytes | None) -> Iterator[tuple[bytes, int | None]]:
        """The same of an entry that waits for a lookup, or did so before (None)."""
        _drop(self._waiting, visit_key, key)
        _drop(self._moved, visit_key, key)
        if value is None:
            self._lookups.drop(key)
            yield key, None
            return
        self._lookups.add(key)
        deadline = lookup_deadline(value)
        if deadline:
            self._waiting.setdefault(visit_key, {})[key] = -deadline
        yield key, deadline


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
