"""Building the records of a visit's rows while one event is folded, and what comes of it."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from connector.contract import TableRole
from streams.domain.changes import Incoming, RowChange, dotted
from streams.domain.closings import ClosedBy
from streams.domain.join import colliding, counting, deleting, followers, letters, parents, rebuilding, refunds, standing
from streams.domain.join.charging import SUMMED, Charging
from streams.domain.join.correcting import judged
from streams.domain.join.failing import failed_row, names_of_missing
from streams.domain.join.gathering import dependents, gather, stands, touched, unsettled
from streams.domain.join.gone import record_of
from streams.domain.join.limits import JoinLimits
from streams.domain.join.moving import GOES_ON, WAITS, Moving
from streams.domain.join.origin import names_of
from streams.domain.join.parts import Part
from streams.domain.join.results import Folded
from streams.domain.join.stored import StoredRow
from streams.domain.join.told import Told
from streams.domain.join.visit import Visit
from streams.domain.join.waiting import patience, wait, waiting_for_lane
from streams.domain.join.withdrawing import Withdrawing
from streams.domain.normalise.record import normalise
from streams.domain.ready import CLOSES, Emission
from streams.domain.records import DeadLetter, Lookups, MissingLookup, Record, Refusal, SourceRows
from streams.domain.ticks import Tick
from streams.domain.violations import outcomes_of

_MOVED: Final = Part.MOVED.value
_PARENT_REFUSED: Final = Part.PARENT_REFUSED.value
_FEE: Final = TableRole.FEE


class Building:
    """One fold: builds the records that may have another content now, and collects what comes of it."""

    transaction = ""
    time: Tick | None = None
    ends: tuple[bytes, str] | None = None
    """State key of a row, and the wait of it that a person ends."""
    _portion: rebuilding.Portion | None = None

    def __init__(  # noqa: PLR0913 - what a fold is given
        self,
        incoming: Incoming,
        lookups: Lookups,
        limits: JoinLimits,
        *,
        today: date,
        withdrawing: Withdrawing,
        moving: Moving,
        charging: Charging,
    ) -> None:
        self.incoming = incoming
        self.lookups = lookups
        self.moving, self.today = moving, today
        self.is_plain = incoming.is_plain
        self.counts: dict[str, int] = {}
        self.captured_at = self.now = incoming.timestamp_ms
        self._limits, self._withdrawing, self._charging = limits, withdrawing, charging
        self._state: dict[bytes, bytes | None] = {}
        self._missing: dict[bytes, MissingLookup] = {}
        self._recalls: list[Emission] = []
        self._ready: list[Emission] = []
        self.told = Told(incoming, self.counts)
        self.kept: set[bytes] = set()
        self._charged: list[StoredRow] = []
        """Lines that refund lines may have waited for, as they were and as they are."""

    def folded(self) -> Folded:
        recalls, ready, dead, closed = self._recalls, self._ready, self.told.dead, self.told.closed
        return Folded(self._state, tuple(recalls), tuple(ready), tuple(dead), tuple(closed), self.counts, self._missing)

    @property
    def grace_ms(self) -> int:
        return self._limits.withdrawals.grace_ms

    def recall(self, emission: Emission) -> None:
        self._recalls.append(emission)

    def bury(self, letter: DeadLetter) -> None:
        self.told.dead.append(letter)

    def close(self, visit: Visit, row: StoredRow, *, by: ClosedBy, evidence: str = "") -> StoredRow:
        return self.told.close(visit, row, by=by, evidence=evidence) if row.letter else row

    def count(self, outcome: str) -> None:
        self.counts[outcome] = self.counts.get(outcome, 0) + 1

    def keep(self, visit: Visit, *, committed_at: int, now: int) -> None:
        """Build the refund lines that may go out now (rule R9), then take over all entries that the fold changed."""
        while self._charged:
            charged, self._charged = self._charged, []
            for refund in refunds.freed_by(visit, charged, self.lookups, charging=self._charging):
                self.build(visit, refund, committed_at=committed_at, now=now)
        if visit.uncounted and self._charging.count(visit, self.lookups):
            self.count(SUMMED)
        if changed := visit.entries(at=now):
            self._state.update(changed)
            self.kept.add(visit.key)

    def take(self, entries: Iterable[tuple[bytes, bytes | None]]) -> None:
        self._state.update(entries)

    def apply(self, visit: Visit, row: StoredRow, *, before: StoredRow | None, change: RowChange) -> None:
        """Put a changed row in its place and build every record that may have another content now."""
        committed_at, self.transaction = change.committed_at, change.transaction
        if row.deleted:
            row = deleting.put(self, visit, row, before=before, change=change, withdrawing=self._withdrawing)
            self._rebuild_without(visit, row, before)
            return
        if not self.is_plain and self.incoming.doubted:
            self._withdrawing.doubts(self, visit, row)
        if before is not None and before.emitted:
            row = standing.as_reported(self, visit, row, before, change=change, withdrawing=self._withdrawing)
            followers.becomes(self, visit, before, row.columns)
        elif before is not None and before.deleted:
            followers.becomes(self, visit, before, row.columns)
            row = self._withdrawing.comes_back(self, visit, row)
        if not self.is_plain or row.claimed or change.told is not None:
            row = standing.as_placed(self, visit, row, change=change, withdrawing=self._withdrawing)
        visit.put(row)
        self.build(visit, row, committed_at=committed_at, now=self.incoming.timestamp_ms)
        if before is not None and self._charged:
            self._charged.append(before)
        if before is not None and before.emitted and before.reported_as != row.reported_as:
            self.rebuild(visit, colliding.claiming(visit, before, before.reported_as), committed_at=committed_at)
        if not self.is_plain:
            standing.renamed(self, visit, row, withdrawing=self._withdrawing)
        if others := touched(visit, row, before=before):
            self.rebuild(visit, others, committed_at=committed_at)

    def _rebuild_without(self, visit: Visit, row: StoredRow, before: StoredRow | None) -> None:
        """Build what may have another content where a row is not any more."""
        if before is None or before.deleted:
            return
        if before.emitted:
            self.rebuild(visit, colliding.claiming(visit, before, before.reported_as), committed_at=row.committed_at)
        self._charged += [before] if row.role is _FEE and before.is_awaited else []
        self.rebuild(visit, touched(visit, row, before=before), committed_at=row.committed_at)

    def rebuild(self, visit: Visit, rows: Sequence[StoredRow], *, committed_at: int, now: int | None = None) -> None:
        if rows:
            now = self.incoming.timestamp_ms if now is None else now
            self._portion = self._portion or rebuilding.Portion(self._limits.lines_a_change)
            self._portion.build(self, visit, rows, committed_at=committed_at, now=now)

    def build(self, visit: Visit, row: StoredRow, *, committed_at: int, now: int) -> None:
        """Build the record of one row: emit it, refuse it, or let it wait."""
        mapping = visit.mapping
        institution = mapping.institution(row.role, row.columns)
        if row.role is TableRole.VISIT and institution is not None and not mapping.visit_required(institution):
            self.count("not_reported")
            return
        before, counts = row, counting.verdict(self, visit, row) if mapping.by_lookup else True
        if row.role is _FEE and institution is not None and counts and self._comes_unsettled(visit, row, now=now):
            return
        if row.trail is not None:
            if self.moving.is_open(row.trail):
                self._hold(visit, row, now=now)
                return
            row = self._let_go(row)
        gathered = gather(visit, row, institution=institution)
        if gathered.missing is None or counts is not True:
            self._make(visit, row, gathered.rows, committed_at=committed_at, now=now, counts=counts)
        elif row.emitted and gathered.readings and stands(visit, row, gathered, self.lookups, today=self.today):
            visit.put(self.close(visit, row, by=ClosedBy.MENDED).reported(row.emitted, row.reported_as))
            self.count("unchanged")
        else:
            self._wait(visit, row, gathered.rows, part=str(gathered.missing), now=now, candidates=gathered.candidates)
        built = visit.current(row)
        if not (before.waits_for or before.refused or built.waits_for == _PARENT_REFUSED):
            return  # as most: nothing waited for its first record
        if built.waits_for != before.waits_for or built.refused != before.refused:
            if colliding.was_told(before):
                colliding.close(self, visit, before)
            self._release(visit, before, built, committed_at=committed_at, now=now)

    def _take_out(self, visit: Visit, row: StoredRow) -> None:
        if not row.deleted:  # it does not count
            self._rebuild_without(visit, counting.take_out(self, visit, row, withdrawing=self._withdrawing), row)

    def _comes_unsettled(self, visit: Visit, row: StoredRow, *, now: int) -> bool:
        """Whether a line of which nothing was made yet begins to wait for its settlement, as most do when they come. Then nothing
        else of its visit is looked at.
        """
        if row.waits_for or row.refused or row.emitted or row.trail is not None or (part := unsettled(visit, row)) is None:
            return False
        if (limit := self._limits.of(part)) > 0:
            visit.put(row.waiting(str(part), since=now, deadline=now + limit))
        return limit > 0

    def _hold(self, visit: Visit, row: StoredRow, *, now: int) -> None:
        """Let a row wait for the lane of the partition that it left. It has no limit: what holds that lane is told there."""
        visit.put(waiting_for_lane(row, now=now))
        if row.waits_for != _MOVED:
            self.count(WAITS)

    def _let_go(self, row: StoredRow) -> StoredRow:
        """The row when no lane has an older version of its record any more."""
        if row.waits_for == _MOVED:
            self.count(GOES_ON)
        return row._replace(trail=None)

    def _make(  # noqa: PLR0913 - of what, and when
        self, visit: Visit, row: StoredRow, rows: SourceRows, *, committed_at: int, now: int, counts: bool | MissingLookup
    ) -> None:
        mapping = visit.mapping
        result: Record | Refusal | MissingLookup | Part | bool = counts
        if counts is True:
            result = normalise(mapping, mapping.services_of(row.role), rows, self.lookups, today=self.today)
        if isinstance(result, Record):
            if (backing := self._backing(visit, row, result, rows, now=now)) is None:
                return
            row = backing
        if isinstance(result, Record) and result.content_hash != row.emitted:
            result = judged(self.told, visit, row, result, self.lookups, charging=self._charging)
        match result:
            case Record():
                self._emit(visit, row, result, committed_at=committed_at)
            case Refusal():
                self._refuse(visit, row, result, rows)
            case MissingLookup():
                self._missing[visit.place(row)] = result
                self._wait(visit, row, rows, part=f"{Part.LOOKUP.value} {result.lookup}", now=now)
            case Part():
                self._wait(visit, row, rows, part=result.value, now=now)
            case bool():
                self._take_out(visit, row)

    def _backing(self, visit: Visit, row: StoredRow, record: Record, rows: SourceRows, *, now: int) -> StoredRow | None:
        """The row with what the platform holds of its record; None where that is not to be sent now."""
        if row.emitted and row.emitted != record.content_hash:
            row = self._withdrawing.is_now(self, visit, row, record)
        if row.claimed or row.table in visit.mapping.colliding:
            claimed = colliding.claim(self, visit, row, record, rows)
            if claimed is None:
                return None
            row = claimed
        row = self._withdrawing.taken_over(self, visit, row, record)
        if self.moving.is_open(row.trail):
            self._hold(visit, row, now=now)
            return None
        return row

    def _release(self, visit: Visit, row: StoredRow, built: StoredRow, *, committed_at: int, now: int) -> None:
        """Build what waits for the first record of this row, where that came now, or was refused or given up."""
        if held := parents.outcome(row, built):
            self.count(held)
        if parents.is_settled(row, built):
            self._charged += [row] if row.role is _FEE else []
            self.rebuild(visit, dependents(visit, row, before=None), committed_at=committed_at, now=now)

    def _emit(self, visit: Visit, row: StoredRow, record: Record, *, committed_at: int) -> None:
        unchanged, entry, said = self.told.goes(visit, row, record.content_hash)
        if entry:
            self.take(entry)
        # An entry that an earlier version wrote stays as it is while its row does.
        visit.put(row.reported(record.content_hash, row.reported_as if unchanged else record_of(record.institution, record.key)))
        if unchanged:
            self.close(visit, row, by=ClosedBy.MENDED)
            self.count("unchanged")
            return
        self._charged += [row] if row.role is _FEE and not refunds.is_refund(record) else []
        self.count("corrected" if row.emitted else "emitted")
        if parents.goes_alone(visit, row):
            self.count(parents.WARNED)
        for outcome in outcomes_of(record.warnings):
            self.count(outcome)
        tail = parents.tail_of(visit, row) + (((CLOSES, row.letter.encode()),) if row.letter else ())
        tail += self.told.added(visit, row) + said
        self._ready.append(Emission(record, visit.key, dotted(row.position), committed_at, self.captured_at, tail))
        if row.table in visit.mapping.colliding:
            others = colliding.claiming(visit, row, record_of(record.institution, record.key))
            self.rebuild(visit, others, committed_at=committed_at)

    def _refuse(self, visit: Visit, row: StoredRow, refusal: Refusal, rows: SourceRows) -> None:
        print_, before = letters.fingerprint(refusal, row), row.refused
        row = row._replace(refused=print_, waits_for="", since=0, deadline=0)
        if print_ != before or self.told.added(visit, row):
            row = self.told.tell(visit, row, letters.refused(refusal, failed_row(self, visit, row, rows, key=refusal.key)))
        visit.put(row)

    def _wait(  # noqa: PLR0913 - what is waited for
        self, visit: Visit, row: StoredRow, rows: SourceRows, *, part: str, now: int, candidates: Sequence[StoredRow] = ()
    ) -> None:
        ended = self.ends is not None and self.ends == (visit.place(row), part)
        limit = 0 if ended else patience(visit, row, part, limit=self._limits.of(part), now=now)
        late = self.time is not None and not self.time.tells(row.source)
        left, in_vain = wait(row, part, told=lambda: letters.given_up(part, rows, candidates), limit=limit, now=now, late=late)
        if in_vain or (row.refused and left.refused == row.refused and self.told.added(visit, row)):
            failed = failed_row(self, visit, row, rows)
            names = names_of(candidates, visit.mapping) if candidates else names_of_missing(self, visit, part, failed)
            letter = (letters.ambiguous if candidates else letters.incomplete)(part, failed, names, ended=ended)
            left = self.told.tell(visit, left, letter)
        visit.put(left)
