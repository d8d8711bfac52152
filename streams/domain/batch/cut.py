"""Cut a plan of records into batches: a pure function, so that after a crash or a take-over the same batches have the same numbers.

A batch holds records of one service, one institution and one infno, because its envelope names them once. The size that counts is
the one after encryption (`data`, interface §3.2.1: 50,000 characters), computed exactly from the bytes.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from heapq import heapify, heappop, heappush
from typing import NamedTuple, TypeAlias

from streams.domain.records import ReadyRecord
from streams.spec.fields import ServiceCode

CUT_VERSION = 4
"""Raise it when `cut` or `halves` would divide the same records differently: open plans then carry another `mark`. 4: a batch holds
one version of a record.
"""
CUT_VERSIONS = (CUT_VERSION, 3)
"""In which plans can be cut that are open: they keep the one that they were opened with."""
_VERSIONS_APART = 4

_PROBED_BYTES = (1, 1_000, 1_001, 1_002, 20_000, 50_000)

_Kind: TypeAlias = tuple[ServiceCode, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CutLimits:
    """What one envelope can carry."""

    max_chars: int
    """Most characters of `data`."""
    max_rows: int
    """Most records."""
    sealed_chars: Callable[[int], int]
    """Characters of `data` for that many plain bytes. More bytes never give fewer characters."""

    @property
    def mark(self) -> str:
        """That of plans that are opened now."""
        return self.mark_of(CUT_VERSION)

    def mark_of(self, version: int) -> str:
        """Eight characters that change with the limits or with the way of cutting.

        A plan that was opened under other limits must not be cut again under these: the same msgid would carry other records, and
        "repeated msgid" would then count records as delivered that never left.
        """
        probes = [self.sealed_chars(plain_bytes) for plain_bytes in _PROBED_BYTES]
        return blake2b(repr((version, self.max_chars, self.max_rows, probes)).encode(), digest_size=4).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The records of one envelope."""

    service: ServiceCode
    institution: str
    infno: str
    records: tuple[ReadyRecord, ...]
    """In the order in which they stand in `data`."""
    first: int
    """Place of its first record when the plan's batches are laid end to end."""

    @property
    def node(self) -> int:
        """The number of a batch that was cut from a plan (not of a half of one, see `halves`)."""
        return 2 * self.first


def fits(record: ReadyRecord, limits: CutLimits) -> bool:
    """Whether the record, alone in its batch, stays within the characters of one envelope."""
    return limits.sealed_chars(2 + len(record.value)) <= limits.max_chars


def split_oversize(records: Sequence[ReadyRecord], limits: CutLimits) -> tuple[tuple[ReadyRecord, ...], tuple[ReadyRecord, ...]]:
    """Two groups in their original order: records that fit into an envelope, for `cut`; and records that fit into none, for dead
    letters OVERSIZE.
    """
    if not records or fits(max(records, key=lambda record: len(record.value)), limits):
        return tuple(records), ()
    fitting = tuple(record for record in records if fits(record, limits))
    return fitting, tuple(record for record in records if not fits(record, limits))


def cut(records: Sequence[ReadyRecord], limits: CutLimits, *, version: int = CUT_VERSION) -> list[Batch]:
    """Batches in the order in which they must be posted; the same records, limits and version give the same batches, always.

    A record comes after all earlier records of its visit key, in a later batch or further back in the same one, and in a later
    batch than earlier versions of itself: in which order a platform takes the records of one array is promised nowhere, and some
    refuse an array that names a record twice. So a visit key's records keep their order over all batches (visit, settlement, fee
    lines, as the join put them: rule R24), and two versions of one record never change places.

    Encrypting one record costs nearly as much as encrypting thirty, so batches should be few. A batch holds one kind of record
    (service, institution, infno). Of the kinds with records whose turn has come, one that fills a whole batch goes first; where
    there is none, the one that most other kinds wait for.

    Raises ValueError for a record that no envelope can carry: `split_oversize` takes those out first.
    """
    plan, batches, first = _Plan(records, limits, apart=version >= _VERSIONS_APART), list[Batch](), 0
    while (taken := plan.take()) is not None:
        (service, institution, infno), chosen = taken
        batches.append(Batch(service=service, institution=institution, infno=infno, records=chosen, first=first))
        first += len(chosen)
    return batches


class _Filling(NamedTuple):
    """What the next batch of a kind would hold."""

    places: list[int]
    """Of its records, in the plan."""
    weight: tuple[bool, int]
    """Whether it is full, and how many changes of kind follow behind its records."""


class _Plan:
    """The records of a plan that are not in a batch yet. A record's place is its index in the plan.

    waiting: how many records each one still waits for. depth: how many changes of kind follow behind a record. ready: by kind, the
    records that wait for nothing, the deepest first. apart: whether two versions of a record stand in different batches.
    """

    def __init__(self, records: Sequence[ReadyRecord], limits: CutLimits, *, apart: bool) -> None:
        self._records = records
        self._apart = apart
        self._earlier: dict[int, int] = {}
        """By record, the version of it before, where they stand apart."""
        self._sizes = [len(record.value) + 1 for record in records]
        self._most_rows = limits.max_rows
        self._most_bytes = bisect_right(range(limits.max_chars + 1), limits.max_chars, key=limits.sealed_chars) - 1
        self._kinds = [(record.service, record.institution, record.infno) for record in records]
        self._behind: list[list[int]] = [[] for _ in records]
        self._waiting = self._order()
        self._depth = self._depths()
        self._ready: dict[_Kind, list[tuple[int, int]]] = {kind: [] for kind in self._kinds}
        self._fillings: dict[_Kind, _Filling] = {}
        for place, count in enumerate(self._waiting):
            if not count:
                heappush(self._ready[self._kinds[place]], (-self._depth[place], place))

    def _order(self) -> list[int]:
        """Note for each record which ones come directly after it; return how many each one waits for."""
        last: dict[bytes | tuple[ServiceCode, str], int] = {}
        waiting, behind = list[int](), self._behind
        for place, record in enumerate(self._records):
            key, itself = record.key, (record.service, record.record_key)
            before, version, count = last.get(key), last.get(itself), 0
            if before is not None:
                behind[before].append(place)
                count = 1
            if version is not None:
                if version != before:
                    behind[version].append(place)
                    count += 1
                if self._apart:
                    self._earlier[place] = version
            waiting.append(count)
            last[key] = last[itself] = place
        return waiting

    def _depths(self) -> list[int]:
        depth, kinds, earlier = [0] * len(self._records), self._kinds, self._earlier
        for place in reversed(range(len(depth))):
            kind, deepest = kinds[place], 0
            for other in self._behind[place]:
                if (below := depth[other] + (kinds[other] != kind or earlier.get(other) == place)) > deepest:
                    deepest = below
            depth[place] = deepest
        return depth

    def take(self) -> tuple[_Kind, tuple[ReadyRecord, ...]] | None:
        """The next batch; None when every record is in one."""
        kinds = [kind for kind, ready in self._ready.items() if ready]
        if not kinds:
            return None
        for kind in kinds:
            if kind not in self._fillings:
                self._fillings[kind] = self._fill(kind)
        chosen = max(kinds, key=lambda kind: self._fillings[kind].weight)
        places = self._fillings.pop(chosen).places
        self._release(chosen, places)
        return chosen, tuple([self._records[place] for place in places])

    def _fill(self, kind: _Kind) -> _Filling:
        """Fill a batch of this kind until a record finds no room; records may follow in the same batch what they waited for."""
        ready, places, plain_bytes, full = self._ready[kind].copy(), list[int](), 1, False
        waiting: dict[int, int] = {}
        taken: set[int | None] = set()
        while ready:
            _, place = heappop(ready)
            plain_bytes += self._sizes[place]
            if len(places) == self._most_rows or plain_bytes > self._most_bytes:
                if not places:
                    number = self._records[place].number
                    raise ValueError(f"record number {number} is larger than one envelope; split_oversize must come before cut")
                full = True
                break
            places.append(place)
            taken.add(place)
            for other in self._behind[place]:
                left = waiting[other] = waiting.get(other, self._waiting[other]) - 1
                if not left and self._kinds[other] == kind and self._earlier.get(other) not in taken:
                    heappush(ready, (-self._depth[other], other))
        return _Filling(places, (full, sum([self._depth[place] for place in places])))

    def _release(self, kind: _Kind, places: Sequence[int]) -> None:
        """Take records out, and make ready what waited for them."""
        taken = set(places)
        ready = self._ready[kind] = [entry for entry in self._ready[kind] if entry[1] not in taken]
        heapify(ready)
        for place in places:
            for other in self._behind[place]:
                self._waiting[other] -= 1
                # Also where it waits for others still: it may fit into one batch with them.
                self._fillings.pop(self._kinds[other], None)
                if not self._waiting[other] and other not in taken:
                    heappush(self._ready[self._kinds[other]], (-self._depth[other], other))


def first_portion(batches: Sequence[Batch], least: int) -> Sequence[Batch]:
    """The first batches that together hold at least `least` records; all batches, where less than `least` would be left over."""
    records, left = 0, sum([len(batch.records) for batch in batches])
    for count, batch in enumerate(batches, start=1):
        records, left = records + len(batch.records), left - len(batch.records)
        if left < least:
            break
        if records >= least:
            return batches[:count]
    return batches


def halves(node: int, batch: Batch) -> tuple[tuple[int, Batch], tuple[int, Batch]]:
    """The two halves of a refused batch with their numbers: node + 1, and node + 2 x the size of the first half.

    In a plan of n records every batch, half, quarter, … down to the single records has a number of its own below 2n, so one bit per
    number holds every possible refusal.
    """
    size = len(batch.records)
    if size < 2:
        raise ValueError("a batch of one record has no halves")
    middle = (size + 1) // 2
    first = replace(batch, records=batch.records[:middle])
    second = replace(batch, records=batch.records[middle:], first=batch.first + middle)
    return (node + 1, first), (node + 2 * middle, second)
