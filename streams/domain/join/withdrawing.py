"""What becomes of a reported record when its row goes, or becomes another record's.

What was reported belongs to a record (service, institution, record key); rows back it. A record is withdrawn when no row of its
visit backs it at the end of the transaction, and after a grace across transactions: then a person is told, once. Until then a
row of whatever table that comes with the same record takes it over, and what it says unchanged is not sent again. What comes
after a person was told is sent, and closes the letter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Final, Protocol

from connector.contract import TableRole
from streams.domain.changes import Incoming, Tick, key_in
from streams.domain.join import letters, parents
from streams.domain.join.entries import Recall, StoredRow
from streams.domain.join.gathering import dependents, gather
from streams.domain.join.gone import HELD, Gone, deadline_of, gone_group, load_gone, record_of
from streams.domain.join.origin import of_row
from streams.domain.join.visit import StateView, Visit
from streams.domain.join.withdrawal_guard import Guard, dump_guard, guard_key, load_guard
from streams.domain.normalise.record import CompiledMapping, record_key
from streams.domain.records import DeadLetter, Lookups, Record

_VISITS_A_TICK: Final = 500
"""So many visits with something to withdraw are looked at in one tick, so that no transaction grows with a night's work."""
ELSEWHERE: Final = "elsewhere"
"""In the place of the content hash of what was emitted last, where another visit emitted it."""
_ASK_AGAIN_MS: Final = 60_000
"""So long a record stays open whose row is there and waits for something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalLimits:
    """When a person is told that a reported record has no row any more."""

    grace_ms: int = 0
    """So long after its row went, and its transaction ended, another row may back it."""
    per_hour: int = 1_000
    """More of one source in one partition are held if they are also more than `share` of its changes. 0: never."""
    share: float = 0.5


class Results(Protocol):
    """What one fold leads to, while it is collected."""

    incoming: Incoming
    lookups: Lookups
    today: date

    def bury(self, letter: DeadLetter) -> None:
        """Tell a person."""

    def count(self, outcome: str) -> None:
        """Count an outcome."""

    def rebuild(self, visit: Visit, rows: Sequence[StoredRow], *, committed_at: int) -> None:
        """Build the records of rows that may have another content, or may go, now."""

    def take(self, entries: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Change state entries."""


class Withdrawing:
    """mappings: by source name."""

    def __init__(self, mappings: Mapping[str, CompiledMapping], limits: WithdrawalLimits, recall: Recall) -> None:
        self._mappings = mappings
        self._limits = limits
        self._recall = recall

    def goes(  # noqa: PLR0913 - what the letter must say
        self, run: Results, visit: Visit, row: StoredRow, *, last: StoredRow, transaction: str, became: str = ""
    ) -> None:
        """A reported row does not back its record any more. row: as it was. last: after the change."""
        mapping, now = visit.mapping, run.incoming.timestamp_ms
        institution = mapping.institution(row.role, row.columns)
        rows = gather(visit, row, institution=institution).rows
        parts = (("visit", rows.visit), ("settlement", rows.settlement), ("fee", rows.fee))
        service = mapping.services_of(row.role)
        visit.put_gone(
            Gone(
                role=row.role,
                source=row.source,
                table=row.table,
                key=row.key,
                position=last.position,
                committed_at=last.committed_at,
                offset=last.offset,
                transaction=transaction,
                record=row.reported_as or self._record(run, visit, row),
                emitted=row.emitted,
                since=now,
                deadline=now + self._limits.grace_ms,
                became=became,
                day=record_key(mapping, service, rows, run.lookups, field=mapping.records[service].business_day)[:10],
                rows={name: part for name, part in parts if part is not None},
                children=parents.reported_children(visit, row),
            )
        )

    def goes_again(self, run: Results, visit: Visit, row: StoredRow, *, transaction: str) -> None:
        """A row goes that was not reported since it went before: its record is open since now."""
        for gone in visit.all_gone():
            if gone.deadline and (gone.table, gone.key) == (row.table, row.key):
                now = run.incoming.timestamp_ms
                visit.put_gone(gone._replace(transaction=transaction, since=now, deadline=now + self._limits.grace_ms))

    def renamed(self, run: Results, visit: Visit, row: StoredRow, *, formerly: bytes, transaction: str) -> None:
        """A row has another key than before: what was reported under the former one is told together with what it is now."""
        former = key_in(formerly, visit.mapping.tables[row.table].key)
        for gone in visit.all_gone():
            mine = gone.deadline and (gone.table, gone.key, gone.transaction) == (row.table, former, transaction)
            if mine and gone.record != (record := self._record(run, visit, row)):
                visit.put_gone(gone._replace(became=record))

    def comes_back(self, run: Results, visit: Visit, row: StoredRow) -> StoredRow:
        """A row that was deleted is there again: while its record is open, that was an edit, whatever becomes of the row now."""
        gone = visit.gone(row.role, self._record(run, visit, row))
        if gone is None or not gone.deadline or (gone.table, gone.key) != (row.table, row.key):
            return row
        visit.drop_gone(gone)
        return row._replace(emitted=gone.emitted, reported_as=gone.record)

    def becomes(self, run: Results, visit: Visit, row: StoredRow, before: StoredRow, *, transaction: str) -> StoredRow:
        """A reported row after a change of its own: where it is another record's now, its old record is without a row."""
        mapping = visit.mapping
        compiled = mapping.records[mapping.services_of(row.role)]
        names = [column for role, column in compiled.key_from if role == row.role]
        if column := mapping.belonging.columns.get(row.role):
            names.append(column)
        if all(before.columns.get(name) == row.columns.get(name) for name in names):
            return row
        was, record = before.reported_as or self._record(run, visit, before), self._record(run, visit, row)
        if record == was:
            return row
        self.goes(run, visit, before, last=row, transaction=transaction, became=record)
        return row._replace(emitted="", reported_as="")

    def left(self, visit: Visit, row: StoredRow, *, transaction: str | None) -> None:
        """A row left for another visit, which reports it. transaction: the one that turns out not to have deleted it; None where
        the row was there.
        """
        for gone in visit.all_gone():
            mine = gone.deadline and (gone.table, gone.key) == (row.table, row.key)
            if mine and transaction in (None, gone.transaction):
                visit.drop_gone(gone)

    def arrived(self, run: Results, visit: Visit, row: StoredRow) -> StoredRow:
        """A row that came from another visit, where it may have been reported last: nobody but that visit knows. So it counts as
        reported, with a content that is never this one: it is sent, and told as withdrawn if it goes before.
        """
        return row._replace(emitted=ELSEWHERE, reported_as=self._record(run, visit, row))

    def taken_over(self, run: Results, visit: Visit, row: StoredRow, record: Record) -> StoredRow:
        """A row that is about to be reported for the first time, with what the platform holds of its record."""
        name = record_of(record.institution, record.key)
        gone = visit.gone(row.role, name)
        if gone is None:
            other = self._beside(visit, row, name)
            return row if other is None else row._replace(emitted=other.emitted, reported_as=name)
        visit.drop_gone(gone)
        if gone.letter:
            run.bury(self._closing(run, visit, gone))
            return row
        return row._replace(emitted=gone.emitted, reported_as=name)

    def _beside(self, visit: Visit, row: StoredRow, record: str) -> StoredRow | None:
        """A row of another table under the same key that is reported as this record: the row is moving there."""
        for table in visit.mapping.tables[row.table].beside:
            other = visit.find(row.role, table, row.key)
            if other is not None and other.emitted and other.reported_as == record:
                return other
        return None

    def at_once(self, run: Results, visit: Visit) -> None:
        """Tell of what went in a change that names no transaction, where no grace is given."""
        if self._limits.grace_ms == 0 and visit.changed_gone:
            due = [gone for gone in visit.changed_gone.values() if gone is not None and gone.deadline and not gone.transaction]
            self._tell(run, visit, self._unbacked(run, visit, due))

    def tick(self, run: Results, tick: Tick, view: StateView) -> None:
        """Tell of what nothing has backed again since its transaction ended and the grace passed, unless it is too much."""
        looked_at = {
            visit_key: [load_gone(value) for value in view.entries_beside(gone_group(visit_key)).values() if deadline_of(value)]
            for visit_key in islice(view.gone(tick.at), _VISITS_A_TICK)
        }
        for source, mapping in self._mappings.items():
            if tick.source not in ("", source):
                continue
            key = guard_key(source)
            before = load_guard(view.entries_beside(key).get(key))
            guard = before.under(self._held_by(mapping))
            due = {visit: _due(all_, source, tick) for visit, all_ in looked_at.items()}
            if guard.releases:
                due |= self._released(source, view)
            if before.held and guard.releases and not before.releases:
                run.bury(self._held_letter(run, source, before, closed=True))
            if guard.releases and not any(gone.deadline == HELD for all_ in due.values() for gone in all_):
                guard = guard._replace(held="")
            for visit_key, mine in due.items():
                if mine:
                    guard = self._judge(run, Visit(visit_key, mapping, view, self._recall), mine, guard)
            if guard != before:
                run.take([(key, dump_guard(guard))])

    def _released(self, source: str, view: StateView) -> dict[bytes, list[Gone]]:
        """A part of what was held."""
        found: dict[bytes, list[Gone]] = {}
        for visit_key in view.gone(HELD):
            values = view.entries_beside(gone_group(visit_key)).values()
            if held := [gone for value in values if deadline_of(value) == HELD and (gone := load_gone(value)).source == source]:
                found[visit_key] = held
            if len(found) == _VISITS_A_TICK:
                break
        return found

    def _judge(self, run: Results, visit: Visit, due: Sequence[Gone], guard: Guard) -> Guard:
        """Tell of those that no row backs, or hold them."""
        unbacked, limits, offset = list(self._unbacked(run, visit, due)), self._held_by(visit.mapping), run.incoming.offset
        if unbacked and not guard.held_by(limits):
            first = min(offset if gone.offset is None else gone.offset for gone in unbacked)
            guard = guard.counted(len(unbacked), now=run.incoming.timestamp_ms, first=first)
            if guard.is_too_much(per_hour=self._limits.per_hour, share=self._limits.share, offset=offset):
                guard = guard._replace(held=limits, held_at=run.incoming.timestamp_ms)
                run.bury(self._held_letter(run, visit.mapping.source, guard, closed=False))
        if guard.held_by(limits):
            for gone in unbacked:
                visit.put_gone(gone._replace(deadline=HELD))
                run.count("withdrawal_held")
        else:
            self._tell(run, visit, unbacked)
        run.take(visit.entries())
        return guard

    def _held_by(self, mapping: CompiledMapping) -> str:
        return f"{self._limits.per_hour}/{self._limits.share}/{mapping.version}"

    def _held_letter(self, run: Results, source: str, guard: Guard, *, closed: bool) -> DeadLetter:
        return letters.too_many_withdrawn(run.incoming, source, per_hour=self._limits.per_hour, since=guard.held_at, closed=closed)

    def _unbacked(self, run: Results, visit: Visit, due: Sequence[Gone]) -> Iterator[Gone]:
        """Those that no row backs. What a row backs is open no more; while that row waits itself, it stays open."""
        backing = {role: self._backing(run, visit, role) for role in {gone.role for gone in due}}
        for gone in due:
            row = backing[gone.role].get(gone.record)
            if row is None and _is_archived(visit.mapping, gone, run.today):
                self._keep_archived(visit, gone)
                run.count("deletion_ignored")
            elif row is None:
                yield gone
            elif row.is_awaited:
                visit.put_gone(gone._replace(deadline=run.incoming.timestamp_ms + _ASK_AGAIN_MS))
            else:
                visit.drop_gone(gone)
                if not row.emitted:  # it is there, and refused: the platform holds what it said before
                    visit.put(row._replace(emitted=gone.emitted, reported_as=gone.record))
                    run.rebuild(visit, dependents(visit, row, before=None), committed_at=run.incoming.timestamp_ms)

    def _keep_archived(self, visit: Visit, gone: Gone) -> None:
        """The platform keeps the record. Where its row comes back, it is known what the platform has."""
        visit.drop_gone(gone)
        row = visit.find(gone.role, gone.table, gone.key)
        if row is not None and row.deleted:
            visit.put(row._replace(emitted=gone.emitted, reported_as=gone.record))

    def _backing(self, run: Results, visit: Visit, role: TableRole) -> dict[str, StoredRow]:
        """The rows of one role by the record that each of them backs."""
        return {
            (row.reported_as if row.emitted and row.reported_as else self._record(run, visit, row)): row for row in visit.rows(role)
        }

    def _tell(self, run: Results, visit: Visit, unbacked: Iterable[Gone]) -> None:
        for gone in unbacked:
            letter = self._letter(run, visit, gone)
            run.bury(letter)
            visit.put_gone(gone._replace(deadline=0, rows={}, children="", letter=letter.content_hash))

    def _record(self, run: Results, visit: Visit, row: StoredRow) -> str:
        """The record that a row backs by what stands in it."""
        mapping = visit.mapping
        institution = mapping.institution(row.role, row.columns)
        rows = gather(visit, row, institution=institution).rows
        return record_of(institution or "", record_key(mapping, mapping.services_of(row.role), rows, run.lookups))

    def _letter(self, run: Results, visit: Visit, gone: Gone) -> DeadLetter:
        mapping = visit.mapping
        institution, _, key = gone.record.partition("/")
        row = StoredRow(gone.role, gone.source, gone.table, gone.key, {}, gone.position, gone.committed_at, gone.offset)
        failed = letters.FailedRow(
            row=row,
            rows=gone.source_rows,
            service=mapping.services_of(gone.role),
            institution=institution,
            mapping_version=mapping.version,
            visit_key=visit.key,
            origin=of_row(row, mapping, visit_key=visit.key, record_key=key),
            offset=gone.offset,
            incoming=run.incoming._replace(timestamp_ms=gone.since),
        )
        if gone.became:
            return letters.renamed(failed, became=gone.became.partition("/"))
        return letters.withdrawn(failed, gone.children)

    def _closing(self, run: Results, visit: Visit, gone: Gone) -> DeadLetter:
        """What closes the letter by which a person was told."""
        letter = self._letter(run, visit, gone)
        return letters.closing(letter, content_hash=gone.letter, at=run.incoming.timestamp_ms)


def _due(all_: Iterable[Gone], source: str, tick: Tick) -> list[Gone]:
    """Those of a source whose time has come."""
    return [gone for gone in all_ if gone.source == source and gone.deadline <= tick.at and tick.ended(source, gone.transaction)]


def _is_archived(mapping: CompiledMapping, gone: Gone, today: date) -> bool:
    """Whether its row was deleted because it is old: that withdraws nothing."""
    days = mapping.ignore_deletions_after_days
    return days is not None and not gone.became and "" < gone.day < (today - timedelta(days=days)).isoformat()
