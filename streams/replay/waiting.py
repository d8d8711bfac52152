"""What waits in `visit.ready`, by record: which versions, and whether one of them is still to be answered by the join. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from streams.domain.changes import Incoming
from streams.domain.join.gone import record_of
from streams.domain.join.stored import StoredRow
from streams.domain.kinship import Identity, identity_of
from streams.domain.normalise.record import CompiledMapping
from streams.domain.ready import RECALL, decode, number_of
from streams.domain.records import ReadyRecord
from streams.domain.renewed import Answers
from streams.domain.replay import Replay
from streams.errors import Rejected
from streams.lanes.passed_marks import Delivered

_ORDER: Final = {"mdtrt_d": 0, "setl_d": 1}
"""Of services: what belongs to another record is ordered behind it."""


class Fare(StrEnum):
    """What a dry run says of a record that waits. PASSES: it would go in another version. FAILS: it would be refused, and get a
    letter. WAITS: a part is missing, for which it would wait. UNCHANGED: it would be the same; where an older version waits before
    it, that would not go. GONE: its row is not there any more; it goes as it is, and its withdrawal is told by itself.
    UNREAD: today's mapping reads a column of its visit's rows that the one before did not: nobody remembers it; it goes as it is.
    """

    PASSES = "passes"
    FAILS = "fails"
    WAITS = "waits"
    UNCHANGED = "unchanged"
    GONE = "gone"
    UNREAD = "unread"


@dataclass(slots=True)
class Waiting:
    """One record that waits."""

    partition: int
    """Of `visit.ready`."""
    record: ReadyRecord
    """Its last version that waits, without its bytes."""
    first: int
    """Number of the first one."""
    is_mixed: bool = False
    """Whether they differ."""

    @property
    def identity(self) -> Identity:
        """What it is to the platform."""
        return identity_of(self.record)

    @property
    def order(self) -> tuple[int, int, int]:
        """Sorts what waits in the order in which it is to be made anew."""
        return _ORDER.get(self.record.service.value, 2), self.partition, self.first


class Backlog:
    """What waits in one partition, from its messages in their order.

    delivered: how far its lane is. institution, services: of what is meant; empty: of all.
    """

    def __init__(self, partition: int, delivered: Delivered, *, institution: str = "", services: Collection[str] = ()) -> None:
        self._partition = partition
        self._delivered = delivered
        self._institution = institution
        self._services = services
        self._records: dict[Identity, list[ReadyRecord]] = {}
        self._answers = Answers()
        self.answered = 0
        """Behind the last answer: what must be in force for it to count."""
        self.visit = ""
        """A visit of this partition; `""` where nothing waits."""

    def take(self, message: Incoming) -> None:
        """Take the next message; what another program wrote is passed over."""
        try:
            number = number_of(message.headers)
        except Rejected:
            return
        if number < min([self._delivered.seq, *self._delivered.aside.values()]):
            return
        record = decode(message)
        self.visit = record.key.decode(errors="replace")
        if self._answers.take(record):
            self.answered = number + 1
        if RECALL not in record.added and self._is_meant(record):
            self._records.setdefault(identity_of(record), []).append(record._replace(value=b""))

    def _is_meant(self, record: ReadyRecord) -> bool:
        if self._institution not in ("", record.institution) or (self._services and record.service.value not in self._services):
            return False
        return record.number >= self._delivered.aside.get(record.institution, self._delivered.seq)

    def waiting(self) -> Iterator[Waiting]:
        """What waits and was not answered."""
        for versions in self._records.values():
            left = [one for one in versions if not self._answers.supersedes(one)]
            if left:
                yield Waiting(
                    self._partition,
                    left[-1],
                    left[0].number,
                    is_mixed=len({one.content_hash for one in left}) > 1,
                )


class Rows:
    """The rows that were handed on as records. mappings: of the site, by source. rows: by visit, what the join remembers."""

    def __init__(self, mappings: Mapping[str, CompiledMapping], rows: Mapping[str, list[StoredRow]]) -> None:
        self._mappings = mappings
        self._by_record: dict[tuple[str, str, str], StoredRow] = {}
        self._unread: dict[str, set[str]] = {}
        for visit, all_ in rows.items():
            for row in all_:
                mapping = mappings.get(row.source)
                if mapping is None or row.deleted or row.table not in mapping.tables:
                    continue
                if not row.columns.keys() >= {*mapping.tables[row.table].columns}:
                    self._unread.setdefault(visit, set()).add(row.table)
                if row.emitted:
                    self._by_record.setdefault((visit, mapping.services_of(row.role).value, row.reported_as), row)

    def unread_of(self, waiting: Waiting) -> tuple[str, ...]:
        """The tables of which something that its record may be made of was never read."""
        return tuple(sorted(self._unread.get(waiting.record.key.decode(errors="replace"), ())))

    def order(self, waiting: Waiting, *, plan: str) -> Replay | None:
        """The order for a record that waits; None where no row backs it."""
        record = waiting.record
        visit = record.key.decode(errors="replace")
        row = self._by_record.get((visit, record.service.value, record_of(record.institution, record.record_key)))
        if row is None:
            return None
        key = dict(zip(self._mappings[row.source].tables[row.table].key, row.key, strict=True))
        return Replay(row.source, row.table, key, visit, plan, letter="", times=0, first_failed_at=0)


def is_ordered(fare: Fare, waiting: Waiting) -> bool:
    """Whether the join is to answer for a record."""
    return fare in (Fare.PASSES, Fare.FAILS, Fare.WAITS) or (fare is Fare.UNCHANGED and waiting.is_mixed)
