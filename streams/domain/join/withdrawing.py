"""What becomes of a reported record when its row goes, or becomes another record's.

What was reported belongs to a record (service, institution, record key); rows back it. A record is withdrawn when no row of its
visit backs it at the end of the transaction, and after a grace across transactions: then a person is told, once
(`streams.domain.join.telling`). Until then a row of whatever table that comes with the same record takes it over, and what it says
unchanged is not sent again. What comes after a person was told is sent, and closes the letter.
"""

from dataclasses import dataclass

from streams.domain.changes import key_in
from streams.domain.join import colliding, letters, parents, withdrawal_letters
from streams.domain.join.gathering import gather
from streams.domain.join.gone import Gone, record_of
from streams.domain.join.moving import WENT
from streams.domain.join.origin import of_row
from streams.domain.join.parts import ELSEWHERE
from streams.domain.join.placing import own_columns
from streams.domain.join.recalls import recall
from streams.domain.join.results import Results
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.normalise.record import CompiledMapping, record_key
from streams.domain.place.ended import ENDED_MS
from streams.domain.records import DeadLetter, Record, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalLimits:
    """When a person is told that a reported record has no row any more."""

    grace_ms: int = 0
    """So long after its row went, and its transaction ended, another row may back it."""
    per_hour: int = 1_000
    """More of one source in one partition are held if they are also more than `share` of its changes. 0: never."""
    share: float = 0.5
    known_ms: int = ENDED_MS
    """So long, by the database's clock, the place stage knows which visit a record was in last."""


class Withdrawing:
    """What a change of a row does to the record that it backs."""

    def __init__(self, limits: WithdrawalLimits) -> None:
        self.limits = limits

    def goes(  # noqa: PLR0913 - what the letter must say
        self, run: Results, visit: Visit, row: StoredRow, *, last: StoredRow, transaction: str, became: str = ""
    ) -> None:
        """A reported row does not back its record any more. row: as it was. last: after the change."""
        mapping, now = visit.mapping, run.incoming.timestamp_ms
        record = row.reported_as or record_backed(run, visit, row)
        if colliding.backing(visit, row, record) is not None:
            return
        institution = mapping.institution(row.role, row.columns)
        moves_ms = 0 if became else mapping.tables[row.table].moved_ms
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
                record=record,
                emitted=row.emitted,
                since=now,
                deadline=now + max(self.limits.grace_ms, moves_ms),
                became=became,
                day=record_key(mapping, service, rows, run.lookups, field=mapping.records[service].business_day)[:10],
                rows={name: part for name, part in parts if part is not None},
                children=parents.reported_children(visit, row),
                trail=row.trail,
            )
        )
        if row.trail is not None:
            run.count(WENT)

    def goes_again(self, run: Results, visit: Visit, row: StoredRow, *, transaction: str) -> None:
        """A row goes that was not reported since it went before: its record is open since now."""
        gone = _open(visit, row)
        if gone is not None:
            now, trail = run.incoming.timestamp_ms, row.trail or gone.trail
            grace_ms = max(self.limits.grace_ms, visit.mapping.tables[row.table].moved_ms)
            visit.put_gone(gone._replace(transaction=transaction, since=now, deadline=now + grace_ms, trail=trail))
            if trail is not None:
                run.count(WENT)

    def renamed(self, run: Results, visit: Visit, row: StoredRow, *, formerly: bytes, transaction: str) -> None:
        """A row has another key than before: what was reported under the former one is told together with what it is now."""
        former = visit.find(row.role, row.table, key_in(formerly, visit.mapping.tables[row.table].key))
        gone = None if former is None else _open(visit, former)
        if gone is not None and gone.transaction == transaction and gone.record != (record := record_backed(run, visit, row)):
            visit.put_gone(gone._replace(became=record, deadline=gone.since + self.limits.grace_ms))

    def comes_back(self, run: Results, visit: Visit, row: StoredRow) -> StoredRow:
        """A row that was deleted is there again: while its record is open, that was an edit, whatever becomes of the row now."""
        gone = visit.gone(row.role, record_backed(run, visit, row))
        if gone is None or not gone.deadline or (gone.table, gone.key) != (row.table, row.key):
            return row
        visit.drop_gone(gone)
        return row._replace(emitted=self.held(visit, gone, row), reported_as=gone.record)

    def held(self, visit: Visit, gone: Gone, row: StoredRow) -> str:
        """What the platform holds of a record whose row this is now. Where that comes so late that the place stage has forgotten
        who had the record meanwhile, nobody knows: but of rows that move between tables, which stay in their visit. A row that was
        there before the record went has not come, whatever the clocks of two servers say.
        """
        stayed = row.offset is not None and gone.offset is not None and row.offset < gone.offset
        known = stayed or row.committed_at - gone.committed_at <= self.limits.known_ms
        return gone.emitted if known or visit.mapping.is_move(gone.table, row.table) else ELSEWHERE

    def doubts(self, run: Results, visit: Visit, row: StoredRow) -> None:
        """A row may have come from another visit: then the platform does not hold what this one said of its record last."""
        for gone in visit.all_gone():
            mine = (gone.table, gone.key) == (row.table, row.key)
            if gone.role is not row.role or visit.mapping.is_move(gone.table, row.table):
                continue
            if mine or gone.record == record_backed(run, visit, row):
                visit.put_gone(gone._replace(emitted=ELSEWHERE))

    def becomes(self, run: Results, visit: Visit, row: StoredRow, before: StoredRow, *, transaction: str) -> StoredRow:
        """A reported row after a change of its own: where it is another record's now, its old record is without a row."""
        if not _names_another(visit.mapping, before, row.columns):
            return row
        was, record = before.reported_as or record_backed(run, visit, before), record_backed(run, visit, row)
        if record == was:
            return row
        self.goes(run, visit, before, last=row, transaction=transaction, became=record)
        return row._replace(emitted="", reported_as="")

    def is_now(self, run: Results, visit: Visit, row: StoredRow, record: Record) -> StoredRow:
        """A reported row that is about to be corrected: where it is another record's now, because its key stands in a row that
        changed, its old record is without a row.
        """
        name = record_of(record.institution, record.key)
        if row.reported_as in ("", name) or row.emitted == ELSEWHERE:
            return row
        self.goes(run, visit, row, last=row, transaction=run.transaction, became=name)
        return row._replace(emitted="", reported_as="")

    def leaves(self, run: Results, visit: Visit, row: StoredRow, *, last: StoredRow, now: Row | None) -> None:
        """A reported row left for another visit, which reports it. Where it is another record's there, its old one is without a row
        until a person is told. One whose own trail is open was not sent from here. now: what stands in it after the change,
        where that is known.
        """
        record, rule = row.reported_as or record_backed(run, visit, row), visit.mapping.tables[row.table]
        now = own_columns(row, rule) if now is None and rule.renumbered is not None else now
        if now is not None and _names_another(visit.mapping, row, now):
            became = record_backed(run, visit, row._replace(columns=now))
            self.goes(run, visit, row, last=last, transaction=run.transaction, became=became)
        elif row.trail is None and colliding.claiming(visit, row, record):  # one of this visit has it from now on
            self.goes(run, visit, row, last=last, transaction=run.transaction)
        elif row.trail is None and colliding.backing(visit, row, record) is None:
            recall(run, visit, row.role, record, position=last.position, committed_at=last.committed_at)

    def left(self, run: Results, visit: Visit, row: StoredRow, *, transaction: str | None, now: Row | None = None) -> None:
        """A row left for another visit, which reports it. transaction: the one that turns out not to have deleted it; None where
        the row was there, or went before. now: what stands in it, where it may have left before, as another record (`leaves`).
        """
        gone = _open(visit, row)
        if gone is not None and gone.became and _left_before(run, visit, row, gone, now):
            return
        if gone is None or colliding.claiming(visit, row, gone.record):
            return  # a row that waits here keeps the record in this visit: where the other one came, it is held
        if transaction in (None, gone.transaction):
            visit.drop_gone(gone)
            recall(run, visit, gone.role, gone.record, position=row.position, committed_at=row.committed_at)

    def named(self, visit: Visit, row: StoredRow) -> StoredRow:
        """A row that left, with its record's name for as long as that is open here."""
        return row if _open(visit, row) is not None else row._replace(reported_as="")

    def arrived(self, run: Results, visit: Visit, row: StoredRow) -> StoredRow:
        """A row that came from another visit, where it may have been reported last: nobody but that visit knows. So it counts as
        reported, with a content that is never this one: it is sent, and told as withdrawn if it goes before. What was told of it
        here was told before that.
        """
        record = record_backed(run, visit, row)
        if row.emitted not in ("", ELSEWHERE) and colliding.backing(visit, row, record) is None:
            # It went out from here already, before it was known that it came: what of that still waits is sent anew.
            recall(run, visit, row.role, row.reported_as or record, position=row.position, committed_at=row.committed_at)
        row = row if colliding.was_told(row) else row._replace(refused="")
        return row._replace(emitted=ELSEWHERE, reported_as=record)

    def taken_over(self, run: Results, visit: Visit, row: StoredRow, record: Record) -> StoredRow:
        """A row that is about to be reported for the first time in its visit, with what the platform holds of its record, and with
        the trail of the row that had this before.
        """
        if row.emitted not in ("", ELSEWHERE):
            return row
        name = record_of(record.institution, record.key)
        gone = visit.gone(row.role, name)
        if gone is None:
            return row
        visit.drop_gone(gone)
        trail = gone.trail
        if trail is None and (former := visit.find(gone.role, gone.table, gone.key)) is not None and former.deleted:
            trail = former.trail  # an earlier version kept it there alone
        row = row._replace(trail=trail)
        if gone.letter:
            letter = withdrawal_letter(run, visit, gone)
            run.bury(letters.closing(letter, content_hash=gone.letter, at=run.incoming.timestamp_ms))
            return row
        return row if row.emitted else row._replace(emitted=self.held(visit, gone, row), reported_as=name)


def _names_another(mapping: CompiledMapping, row: StoredRow, now: Row) -> bool:
    """Whether what names a row's record in the row itself is another one now."""
    names = [column for role, column in mapping.records[mapping.services_of(row.role)].key_from if role == row.role]
    if column := mapping.belonging.columns.get(row.role):
        names.append(column)
    return any(row.columns.get(name) != now.get(name) for name in names)


def _left_before(run: Results, visit: Visit, row: StoredRow, gone: Gone, now: Row | None) -> bool:
    """Whether a record is open because its row left as the record that it is elsewhere (`Withdrawing.leaves`), and not because it
    was deleted.
    """
    rule = visit.mapping.tables.get(row.table)
    of = None if rule is None else rule.renumbered
    if of is not None and gone.became.partition("/")[2] == f"{of.prefix}{row.key[0]}":
        return True
    return now is not None and record_backed(run, visit, row._replace(columns=now, deleted=False)) == gone.became


def _open(visit: Visit, row: StoredRow) -> Gone | None:
    """The record that this row backed last, while it is open because of it. A row keeps the record's name after it went."""
    gone = visit.gone(row.role, row.reported_as) if row.reported_as else None
    mine = gone is not None and gone.deadline and (gone.table, gone.key) == (row.table, row.key)
    return gone if mine else None


def record_backed(run: Results, visit: Visit, row: StoredRow) -> str:
    """The record that a row backs by what stands in it."""
    mapping = visit.mapping
    institution = mapping.institution(row.role, row.columns)
    rows = gather(visit, row, institution=institution).rows
    return record_of(institution or "", record_key(mapping, mapping.services_of(row.role), rows, run.lookups))


def withdrawal_letter(run: Results, visit: Visit, gone: Gone) -> DeadLetter:
    """The letter by which a person is told."""
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
        return withdrawal_letters.renamed(failed, became=gone.became.partition("/"))
    return withdrawal_letters.withdrawn(failed, gone.children)
