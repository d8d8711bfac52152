"""Building the records of a visit's rows while one event is folded, and what comes of it: state, ready records, letters, counts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final

from connector.contract import TableRole
from streams.domain.changes import Incoming, RowChange, dotted
from streams.domain.join import letters, parents, refunds
from streams.domain.join.entries import Part, StoredRow
from streams.domain.join.gathering import Gathered, dependents, gather, touched
from streams.domain.join.gone import record_of
from streams.domain.join.origin import names_of, of_row
from streams.domain.join.visit import Visit
from streams.domain.join.waiting import wait
from streams.domain.join.withdrawing import WithdrawalLimits, Withdrawing
from streams.domain.normalise.record import normalise, record_key
from streams.domain.ready import Emission
from streams.domain.records import DeadLetter, Lookups, MissingLookup, Record, Refusal, SourceRows

_UNSETTLED: Final = Part.UNSETTLED.value
_VISIT: Final = TableRole.VISIT
_FEE: Final = TableRole.FEE


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinLimits:
    """How long (ms) a row waits for a part that should already be there, and for a settlement that is still to be made."""

    wait_ms: int
    unsettled_wait_ms: int
    withdrawals: WithdrawalLimits = field(default_factory=WithdrawalLimits)

    def of(self, part: str) -> int:
        """How long a row waits for this part."""
        return self.unsettled_wait_ms if part == _UNSETTLED else self.wait_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What one message leads to."""

    state: Mapping[bytes, bytes | None] = field(repr=False)
    """Changed state entries by key; None where the entry goes."""
    ready: tuple[Emission, ...] = ()
    dead: tuple[DeadLetter, ...] = ()
    counts: Mapping[str, int]
    """How often each outcome happened, to be counted by the caller."""


class Building:
    """One fold: builds the records that may have another content now, and collects what comes of it."""

    def __init__(self, incoming: Incoming, lookups: Lookups, limits: JoinLimits, *, today: date, withdrawing: Withdrawing) -> None:
        self.incoming = incoming
        self.lookups = lookups
        self.today = today
        self.counts: dict[str, int] = {}
        self.captured_at = incoming.timestamp_ms
        """When the change that makes records ready was captured (ms)."""
        self._limits = limits
        self._withdrawing = withdrawing
        self._state: dict[bytes, bytes | None] = {}
        self._ready: list[Emission] = []
        self._dead: list[DeadLetter] = []
        self._charged = False
        """Whether a line was reported, or stopped waiting, that refund lines may have waited for."""

    def folded(self) -> Folded:
        return Folded(state=self._state, ready=tuple(self._ready), dead=tuple(self._dead), counts=self.counts)

    def bury(self, letter: DeadLetter) -> None:
        self._dead.append(letter)

    def count(self, outcome: str) -> None:
        self.counts[outcome] = self.counts.get(outcome, 0) + 1

    def keep(self, visit: Visit, *, committed_at: int, now: int) -> None:
        """Build the refund lines that may go out now (rule R9), then take over all entries that the fold changed."""
        while self._charged:
            self._charged = False
            for refund in visit.waiting_refunds():
                self.build(visit, refund, committed_at=committed_at, now=now)
        self.take(visit.entries())

    def take(self, entries: Iterable[tuple[bytes, bytes | None]]) -> None:
        self._state.update(entries)

    def apply(self, visit: Visit, row: StoredRow, *, before: StoredRow | None, change: RowChange) -> None:
        """Put a changed row in its place and build every record that may have another content now."""
        committed_at = change.committed_at
        if row.deleted:
            self._delete(visit, row, before=before, change=change)
            return
        if before is not None and before.emitted:
            row = self._as_reported(visit, row, before, change)
        elif before is not None and before.deleted:
            row = self._withdrawing.comes_back(self, visit, row)
        if self.incoming.arrived or (change.told is not None and change.told.moved == "arrived"):
            row = self._withdrawing.arrived(self, visit, row)
        visit.put(row)
        self.build(visit, row, committed_at=committed_at, now=self.incoming.timestamp_ms)
        if (formerly := self.incoming.formerly) is not None:
            self._withdrawing.renamed(self, visit, row, formerly=formerly, transaction=change.transaction)
        if others := touched(visit, row, before=before):
            self.rebuild(visit, others, committed_at=committed_at)

    def _as_reported(self, visit: Visit, row: StoredRow, before: StoredRow, change: RowChange) -> StoredRow:
        """The row with what the platform holds of it after this change of its own."""
        if not before.deleted:
            return self._withdrawing.becomes(self, visit, row, before, transaction=change.transaction)
        # An early version told a person at once when it was deleted, and did not forget it.
        return row if before.reported_as else row._replace(emitted="")

    def _delete(self, visit: Visit, row: StoredRow, *, before: StoredRow | None, change: RowChange) -> None:
        if before is not None and before.emitted and not before.deleted:
            if not change.left:
                self._withdrawing.goes(self, visit, before, last=row, transaction=change.transaction)
            row = row._replace(emitted="", reported_as="")
        elif before is not None and not before.deleted and not change.left:
            self._withdrawing.goes_again(self, visit, row, transaction=change.transaction)
        if change.left:
            was_there = before is not None and not before.deleted
            self._withdrawing.left(visit, row, transaction=None if was_there else change.transaction)
            row = row._replace(refused="")  # what is told of it in its other visit is another letter
        self.count("deleted" if not change.left else "left")
        visit.put(row)
        if before is not None and not before.deleted:
            self._charged |= row.role is _FEE and before.is_awaited
            self.rebuild(visit, touched(visit, row, before=before), committed_at=row.committed_at)

    def rebuild(self, visit: Visit, rows: Sequence[StoredRow], *, committed_at: int) -> None:
        for row in rows:
            self.build(visit, visit.current(row), committed_at=committed_at, now=self.incoming.timestamp_ms)

    def build(self, visit: Visit, row: StoredRow, *, committed_at: int, now: int) -> None:
        """Build the record of one row: emit it, refuse it, or let it wait."""
        mapping = visit.mapping
        institution = mapping.institution(row.role, row.columns)
        if row.role is _VISIT and institution is not None and not mapping.visit_required(institution):
            self.count("not_reported")
            return
        gathered = gather(visit, row, institution=institution)
        if gathered.missing is None:
            self._make(visit, row, gathered.rows, committed_at=committed_at, now=now)
        elif row.emitted and gathered.readings and self._stands(visit, row, gathered):
            visit.put(row.reported(row.emitted, row.reported_as))
            self.count("unchanged")
        else:
            self._wait(visit, row, gathered.rows, part=gathered.missing.value, now=now, candidates=gathered.candidates)
        built = visit.current(row)
        if built.waits_for != row.waits_for or built.refused != row.refused:
            self._release(visit, row, built, committed_at=committed_at, now=now)

    def _make(self, visit: Visit, row: StoredRow, rows: SourceRows, *, committed_at: int, now: int) -> None:
        mapping = visit.mapping
        result: Record | Refusal | MissingLookup | Part
        result = normalise(mapping, mapping.services_of(row.role), rows, self.lookups, today=self.today)
        if isinstance(result, Record) and not row.emitted:
            row = self._withdrawing.taken_over(self, visit, row, result)
        if isinstance(result, Record) and refunds.is_refund(result) and result.content_hash != row.emitted:
            result = refunds.judge(visit, row, result, self.lookups)
        match result:
            case Record():
                self._emit(visit, row, result, committed_at=committed_at)
            case Refusal():
                self._refuse(visit, row, result, rows)
            case MissingLookup():
                self._wait(visit, row, rows, part=f"{Part.LOOKUP.value} {result.lookup}", now=now)
            case Part():
                self._wait(visit, row, rows, part=result.value, now=now)

    def _stands(self, visit: Visit, row: StoredRow, gathered: Gathered) -> bool:
        """Whether what was reported of a row is true if one of the candidates for a part is meant. Then it is left as it is."""
        service = visit.mapping.services_of(row.role)
        made = (normalise(visit.mapping, service, rows, self.lookups, today=self.today) for rows in gathered.readings)
        return any(isinstance(one, Record) and one.content_hash == row.emitted for one in made)

    def _release(self, visit: Visit, row: StoredRow, built: StoredRow, *, committed_at: int, now: int) -> None:
        """Build what waits for the first record of this row, where that came now, or was refused or given up."""
        if held := parents.outcome(row, built):
            self.count(held)
        if parents.is_settled(row, built):
            self._charged |= row.role is _FEE
            for dependent in dependents(visit, row, before=None):
                self.build(visit, visit.current(dependent), committed_at=committed_at, now=now)

    def _emit(self, visit: Visit, row: StoredRow, record: Record, *, committed_at: int) -> None:
        unchanged = record.content_hash == row.emitted
        # An entry that an earlier version wrote stays as it is while its row does.
        visit.put(row.reported(record.content_hash, row.reported_as if unchanged else record_of(record.institution, record.key)))
        if unchanged:
            self.count("unchanged")
            return
        self._charged |= row.role is _FEE and not refunds.is_refund(record)
        self.count("corrected" if row.emitted else "emitted")
        if parents.goes_alone(visit, row):
            self.count(parents.WARNED)
        for warning in record.warnings:
            self.count(f"warned_{warning.rule}")
        self._ready.append(
            Emission(
                record=record,
                visit_key=visit.key,
                position=dotted(row.position),
                committed_at=committed_at,
                captured_at=self.captured_at,
                tail=parents.tail_of(visit, row),
            )
        )

    def _refuse(self, visit: Visit, row: StoredRow, refusal: Refusal, rows: SourceRows) -> None:
        print_ = letters.fingerprint(refusal, row)
        visit.put(row._replace(refused=print_, waits_for="", since=0, deadline=0))
        if print_ != row.refused:
            self.bury(letters.refused(refusal, self._failed(visit, row, rows, key=refusal.key)))

    def _wait(  # noqa: PLR0913 - what is waited for
        self, visit: Visit, row: StoredRow, rows: SourceRows, *, part: str, now: int, candidates: Sequence[StoredRow] = ()
    ) -> None:
        told = partial(letters.given_up, part, rows, candidates)
        left, in_vain = wait(row, part, told=told, limit=self._limits.of(part), now=now)
        visit.put(left)
        if in_vain and candidates:
            self.bury(letters.ambiguous(part, self._failed(visit, row, rows), names_of(candidates, visit.mapping)))
        elif in_vain:
            self.bury(letters.incomplete(part, self._failed(visit, row, rows)))

    def _failed(
        self, visit: Visit, row: StoredRow, rows: SourceRows, *, last: StoredRow | None = None, key: str | None = None
    ) -> letters.FailedRow:
        """What is to be said of a row. last: the row after its last change, where that is a delete. key: of its record."""
        mapping, last = visit.mapping, last or row
        service = mapping.services_of(row.role)
        if key is None:
            key = record_key(mapping, service, rows, self.lookups)
        return letters.FailedRow(
            row=row,
            rows=rows,
            service=service,
            institution=mapping.institution(row.role, row.columns) or "",
            mapping_version=mapping.version,
            visit_key=visit.key,
            origin=of_row(last, mapping, visit_key=visit.key, record_key=key),
            offset=last.offset,
            incoming=self.incoming,
        )
