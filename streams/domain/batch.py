"""Cut a plan of records into batches: a pure function, so that after a crash or a take-over the same batches have the same numbers.

A batch holds records of one service, one institution and one infno, because its envelope names them once. The size that counts is
the one after encryption (`data`, interface §3.2.1: 50,000 characters), computed exactly from the bytes.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TypeAlias

from streams.domain.records import ReadyRecord
from streams.spec.fields import ServiceCode

CUT_VERSION = 2
"""Raise it when `cut` or `halves` would divide the same records differently: open plans then carry another `mark`."""

_PROBED_BYTES = (1, 1_000, 1_001, 1_002, 20_000, 50_000)

_Kind: TypeAlias = tuple[ServiceCode, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CutLimits:
    """What one envelope carries. sealed_chars: characters of `data` for that many plain bytes."""

    max_chars: int
    max_rows: int
    sealed_chars: Callable[[int], int]

    @property
    def mark(self) -> str:
        """Eight characters that change with the limits or with the way of cutting.

        A plan that was opened under other limits must not be cut again under these: the same msgid would carry other records, and
        "repeated msgid" would then count records as delivered that never left.
        """
        probes = [self.sealed_chars(plain_bytes) for plain_bytes in _PROBED_BYTES]
        return blake2b(repr((CUT_VERSION, self.max_chars, self.max_rows, probes)).encode(), digest_size=4).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The records of one envelope. first: index of its first record in the plan's cut order."""

    service: ServiceCode
    institution: str
    infno: str
    records: tuple[ReadyRecord, ...]
    first: int

    @property
    def node(self) -> int:
        """The number of a batch that was cut from a plan (not of a half of one, see `halves`)."""
        return 2 * self.first


def fits(record: ReadyRecord, limits: CutLimits) -> bool:
    """Whether the record, alone in its batch, stays within the characters of one envelope."""
    return limits.sealed_chars(2 + len(record.value)) <= limits.max_chars


def split_oversize(records: Sequence[ReadyRecord], limits: CutLimits) -> tuple[tuple[ReadyRecord, ...], tuple[ReadyRecord, ...]]:
    """(what `cut` may get, what no envelope can carry: dead letters OVERSIZE), each in its order."""
    fitting = tuple(record for record in records if fits(record, limits))
    if len(fitting) == len(records):
        return fitting, ()
    return fitting, tuple(record for record in records if not fits(record, limits))


class _Growing:
    """A batch while it is being filled."""

    __slots__ = ("place", "plain_bytes", "records")

    def __init__(self, place: int) -> None:
        self.place = place
        self.plain_bytes = 1
        self.records: list[ReadyRecord] = []

    def takes(self, record: ReadyRecord, limits: CutLimits) -> bool:
        grown = self.plain_bytes + len(record.value) + 1
        return len(self.records) < limits.max_rows and limits.sealed_chars(grown) <= limits.max_chars

    def add(self, record: ReadyRecord) -> None:
        self.records.append(record)
        self.plain_bytes += len(record.value) + 1


def cut(records: Sequence[ReadyRecord], limits: CutLimits) -> list[Batch]:
    """Batches in the order in which they must be posted; the same records and limits give the same batches, always.

    Each record goes into the first batch of its kind that has room and stands behind no other record of its visit key, nor an
    earlier version of itself. So a visit key's records keep their order over all batches (visit, settlement, fee lines, as the join
    put them: rule R24), two versions of one record never change places, and a late settlement of one visit does not close the
    batches that others fill: encrypting costs nearly as much for one record as for thirty.
    Raises ValueError for a record that no envelope can carry: `split_oversize` takes those out first.
    """
    batches: list[_Growing] = []
    growing: dict[_Kind, list[_Growing]] = {}
    reached: dict[bytes | tuple[ServiceCode, str], int] = {}
    for record in records:
        kind, itself = (record.service, record.institution, record.infno), (record.service, record.record_key)
        first = max(reached.get(record.key, 0), reached.get(itself, 0))
        mine = growing.setdefault(kind, [])
        chosen = _with_room(mine, record, limits, first=first)
        if chosen is None:
            if not fits(record, limits):
                raise ValueError(f"record number {record.number} is larger than one envelope; split_oversize must come before cut")
            chosen = _Growing(len(batches))
            batches.append(chosen)
            mine.append(chosen)
        chosen.add(record)
        reached[record.key] = reached[itself] = chosen.place
    return _numbered(batches)


def _with_room(growing: list[_Growing], record: ReadyRecord, limits: CutLimits, *, first: int) -> _Growing | None:
    """The first of the batches at or behind place `first` that takes the record. One that once had no room is full for good."""
    for batch in growing[:]:
        if batch.place >= first:
            if batch.takes(record, limits):
                return batch
            growing.remove(batch)
    return None


def _numbered(batches: Iterable[_Growing]) -> list[Batch]:
    numbered: list[Batch] = []
    first = 0
    for growing in batches:
        example = growing.records[0]
        numbered.append(
            Batch(
                service=example.service,
                institution=example.institution,
                infno=example.infno,
                records=tuple(growing.records),
                first=first,
            )
        )
        first += len(growing.records)
    return numbered


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
