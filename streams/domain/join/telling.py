"""When a person is told that a reported record has no row any more, and when it is not told: a row backs it again, it is too old,
or too many went at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import islice
from typing import Final

from connector.contract import TableRole
from streams.domain.join import colliding, withdrawal_letters
from streams.domain.join.gathering import dependents
from streams.domain.join.gone import HELD, Gone, deadline_of, gone_group, load_gone
from streams.domain.join.recalls import recall
from streams.domain.join.remembered import Recall
from streams.domain.join.results import Results
from streams.domain.join.stored import StoredRow
from streams.domain.join.view import StateView
from streams.domain.join.visit import Visit
from streams.domain.join.withdrawal_guard import Guard, dump_guard, guard_key, load_guard
from streams.domain.join.withdrawing import Withdrawing, record_backed, withdrawal_letter
from streams.domain.normalise.record import CompiledMapping
from streams.domain.records import DeadLetter
from streams.domain.ticks import Tick

_VISITS_A_TICK: Final = 500
"""So many visits with something to withdraw are looked at in one tick, so that no transaction grows with a night's work."""
_ASK_AGAIN_MS: Final = 60_000
"""So long a record stays open whose row is there and waits for something."""


class Telling:
    """mappings: by source name."""

    def __init__(self, mappings: Mapping[str, CompiledMapping], withdrawing: Withdrawing, recall: Recall) -> None:
        self._mappings = mappings
        self._withdrawing, self._limits = withdrawing, withdrawing.limits
        self._recall = recall

    def at_once(self, run: Results, visit: Visit) -> None:
        """Tell of what went in a change that names no transaction, where no grace is given."""
        if self._limits.grace_ms == 0 and visit.changed_gone:
            changed = [gone for gone in visit.changed_gone.values() if gone is not None and not gone.transaction]
            due = [gone for gone in changed if 0 < gone.deadline <= run.incoming.timestamp_ms]
            self._tell(run, visit, self._unbacked(run, visit, due))

    def tick(self, run: Results, tick: Tick, view: StateView) -> None:
        """Tell of what nothing has backed again since its transaction ended and the grace passed, unless it is too much."""
        looked_at = {
            visit_key: [load_gone(value) for value in view.entries_beside(gone_group(visit_key)).values() if deadline_of(value)]
            for visit_key in islice(_untouched(run, view.gone(tick.at)), _VISITS_A_TICK)
        }
        for source, mapping in self._mappings.items():
            if not tick.tells(source):
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
        run.keep(visit, committed_at=run.incoming.timestamp_ms, now=run.incoming.timestamp_ms)
        return guard

    def _held_by(self, mapping: CompiledMapping) -> str:
        return f"{self._limits.per_hour}/{self._limits.share}/{mapping.version}"

    def _held_letter(self, run: Results, source: str, guard: Guard, *, closed: bool) -> DeadLetter:
        per_hour, since = self._limits.per_hour, guard.held_at
        return withdrawal_letters.too_many_withdrawn(run.incoming, source, per_hour=per_hour, since=since, closed=closed)

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
            elif row.claimed:
                colliding.held_elsewhere(run, visit, row, gone.record)
            elif colliding.claims(row):
                visit.put(colliding.freed(row))
                run.rebuild(visit, [row], committed_at=run.incoming.timestamp_ms)
            elif row.is_awaited:
                visit.put_gone(gone._replace(deadline=run.incoming.timestamp_ms + _ASK_AGAIN_MS))
            else:
                visit.drop_gone(gone)
                if not row.emitted:  # it is there, and refused: the platform holds what it said before
                    visit.put(row._replace(emitted=self._withdrawing.held(visit, gone, row), reported_as=gone.record))
                    run.rebuild(visit, dependents(visit, row, before=None), committed_at=run.incoming.timestamp_ms)

    def _keep_archived(self, visit: Visit, gone: Gone) -> None:
        """The platform keeps the record. Where its row comes back, it is known what the platform has."""
        visit.drop_gone(gone)
        row = visit.find(gone.role, gone.table, gone.key)
        if row is not None and row.deleted:
            visit.put(row._replace(emitted=gone.emitted, reported_as=gone.record))

    def _backing(self, run: Results, visit: Visit, role: TableRole) -> dict[str, StoredRow]:
        """The rows of one role by the record that each of them backs."""
        found: dict[str, StoredRow] = {}
        for row in sorted(visit.rows(role), key=_precedence):
            found.setdefault(row.reported_as if row.emitted and row.reported_as else record_backed(run, visit, row), row)
        return found

    def _tell(self, run: Results, visit: Visit, unbacked: Iterable[Gone]) -> None:
        for gone in unbacked:
            letter = withdrawal_letter(run, visit, gone)
            run.bury(letter)
            recall(run, visit, gone.role, gone.record, position=gone.position, committed_at=run.incoming.timestamp_ms)
            visit.put_gone(gone._replace(deadline=0, rows={}, children="", letter=letter.content_hash))
            row = visit.find(gone.role, gone.table, gone.key)
            if row is not None and row.deleted and row.reported_as:  # it is known for as long as the record is open
                visit.put(row._replace(reported_as=""))


def _untouched(run: Results, visits: Iterable[bytes]) -> Iterator[bytes]:
    """Those that the same tick did not change before: the next one looks at them as they are then."""
    return (visit for visit in visits if visit not in run.kept)


def _precedence(row: StoredRow) -> int:
    """Of several rows that claim a record, the one that is reported backs it; else the one that waited for it."""
    return 0 if row.emitted else 1 if colliding.claims(row) else 2


def _due(all_: Iterable[Gone], source: str, tick: Tick) -> list[Gone]:
    """Those of a source whose time has come."""
    return [gone for gone in all_ if gone.source == source and gone.deadline <= tick.at and tick.ended(source, gone.transaction)]


def _is_archived(mapping: CompiledMapping, gone: Gone, today: date) -> bool:
    """Whether its row was deleted because it is old: that withdraws nothing."""
    days = mapping.ignore_deletions_after_days
    return days is not None and not gone.became and "" < gone.day < (today - timedelta(days=days)).isoformat()
