"""The join: one event is applied to a visit's rows; the result is the records that became ready and the dead letters.

A pure function of the event, the visit's state entries and the lookups. What was emitted is remembered by content: a record goes
out again only when its content changed. Of a row, what comes later in the topic counts; a change that capture sends again is
recognised by its mark.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Final, assert_never

from connector.contract import Op
from streams.domain.again import after, again
from streams.domain.changes import Incoming, RowChange, Tombstone, Truncated, decode, server_of
from streams.domain.exchanged import Held, held
from streams.domain.join import claiming, counting, followers, letters, recapturing, releasing, renewing, renumbering, replaying
from streams.domain.join.across import Across
from streams.domain.join.building import Building
from streams.domain.join.charging import Charging
from streams.domain.join.emptying import Emptying
from streams.domain.join.entries import awaits_lookup, is_moved, is_row, source_of
from streams.domain.join.limits import JoinLimits
from streams.domain.join.moving import NOT_KNOWN, Moving, Passed, moved_in
from streams.domain.join.origin import of_change
from streams.domain.join.placing import UNAVAILABLE_VALUE, Unplaceable, own_columns, place, stored, truncated
from streams.domain.join.rebuilding import Rebuilding, is_left
from streams.domain.join.remembered import Recall
from streams.domain.join.results import Folded
from streams.domain.join.stored import Arrival, StoredRow, arrival
from streams.domain.join.telling import Telling
from streams.domain.join.view import StateView
from streams.domain.join.visit import Visit
from streams.domain.join.waiting import released
from streams.domain.join.withdrawing import Withdrawing
from streams.domain.normalise.record import CompiledMapping, TableRule
from streams.domain.place.fold import UNPLACED
from streams.domain.recapture import NotThere
from streams.domain.records import DeadLetter, Lookups
from streams.domain.release import Release
from streams.domain.replay import Replay
from streams.domain.roles import ROW_INDEX
from streams.domain.ticks import Tick
from streams.errors import Rejected

EXCHANGED: Final = "keys_exchanged"
"""Outcome: of a row under whose key another one stood, or stands, because its transaction exchanges keys."""

LEFT: Final = "due_left"
"""Outcome: a tick had something to do for more rows than one transaction may hold. The next tick goes on."""

_CREATE: Final = Op.CREATE


class Joiner:
    """The fold, with what it needs to know of a site. mappings: by source name. zone: the site's time zone."""

    def __init__(self, mappings: Mapping[str, CompiledMapping], limits: JoinLimits, *, zone: tzinfo) -> None:
        self.mappings = mappings
        self._limits = limits
        self._zone = zone
        self._recall = Recall()
        self._withdrawing = Withdrawing(limits.withdrawals)
        self._charging = Charging(mappings, few=limits.few_lines, many=limits.many_lines)
        self._telling = Telling(mappings, self._withdrawing, self._recall)
        self._emptying = Emptying(mappings, self._recall, self._withdrawing)
        self._rebuilding = Rebuilding(mappings, self._recall)
        self._day = (-1, date.min)

    def fold(self, incoming: Incoming, view: StateView, lookups: Lookups, passed: Passed = NOT_KNOWN) -> Folded:
        """Fold one message. Never raises for what a message holds: what cannot be read or placed is a dead letter. passed: how far
        the lanes of the other partitions are.
        """
        run = Building(
            incoming,
            lookups,
            self._limits,
            today=self._today(incoming),
            withdrawing=self._withdrawing,
            moving=Moving(view, passed, incoming.partition),
            charging=self._charging,
        )
        try:
            event = decode(incoming.value, server="" if run.is_plain else server_of(incoming))
        except Rejected as exc:
            run.bury(letters.undecodable(incoming, str(exc)))
            return run.folded()
        match event:
            case RowChange():
                self._change(run, event, view)
            case Tick():
                self._tick(run, event, view)
            case Truncated():
                # Told once, though all partitions hear of it.
                if self._emptying.truncated(run, event, view) and incoming.partition == UNPLACED:
                    run.bury(_unusable(run, event, None, None, why=truncated(event.table)))
            case Replay():
                self._again(run, event, view)
            case Release():
                releasing.release(run, event, self.mappings, view, self._recall)
            case NotThere():
                mapping = self.mappings.get(event.row.source)
                visit = None if mapping is None or not incoming.key else Visit(incoming.key, mapping, view, self._recall)
                run.count(recapturing.not_there(run.told, incoming, event, visit))
            case Tombstone():
                run.count("tombstone")
            case never:
                assert_never(never)
        return run.folded()

    def _today(self, incoming: Incoming) -> date:
        """The day, in the site's zone, on which the message was captured. The fold knows no other clock."""
        minute = incoming.timestamp_ms // 60_000
        if minute != self._day[0]:
            self._day = minute, datetime.fromtimestamp(minute * 60, self._zone).date()
        return self._day[1]

    def _change(self, run: Building, change: RowChange, view: StateView) -> None:
        mapping = self.mappings.get(change.source)
        rule = None if mapping is None else mapping.tables.get(change.table)
        placed = place(change, rule)
        if isinstance(placed, Unplaceable) or mapping is None or rule is None:
            assert isinstance(placed, Unplaceable)
            _bury(run, change, mapping, rule, why=placed)
            return
        visit_key, key = placed
        visit = Visit(visit_key, mapping, view, self._recall)
        before = visit.find(rule.role, rule.name, key)
        if (change.absent or change.freed) and self._said(run, visit, before, change):
            return
        if before is not None and again(change.mark, before.mark):
            run.count("repeated_change")
            if change.left:
                self._repeated_as_a_move(run, visit, before, change)
            return
        beneath = None
        if before is not None and (before.beneath is not None or (change.op is _CREATE and not before.deleted)):
            about, beneath = _held(run, visit, before, change, rule)
            if about is None:
                return
            change = about
        row = stored(change, rule, key=key, before=before, offset=run.incoming.offset)
        if row is None:
            _bury(run, change, mapping, rule, why=UNAVAILABLE_VALUE)
            return
        if row.beneath is not beneath:
            row = row._replace(beneath=beneath)
        row, change = counting.as_it_counts(run, visit, row, change) if mapping.by_lookup else (row, change)
        row = row if rule.renumbered is None else renumbering.takes_over(visit, row, before, change, self._withdrawing)
        run.told.begin(visit.place(row), before, change.position)
        if run.is_plain:
            run.apply(visit, row, before=before, change=change)
        else:
            recapturing.apply(run, visit, row, before=before, change=change)
        self._end(run, visit, before)
        run.keep(visit, committed_at=change.committed_at, now=run.incoming.timestamp_ms)

    def _end(self, run: Building, visit: Visit, before: StoredRow | None) -> None:
        """What is to be done once all records of a change are built, which concerns few changes."""
        if before is not None and before.emitted:
            run.take(run.told.touched(visit, before))
        if not run.is_plain:
            claiming.passes(run, visit, before)
        if visit.changed_gone:
            self._telling.at_once(run, visit)

    def _repeated_as_a_move(self, run: Building, visit: Visit, before: StoredRow, change: RowChange) -> None:
        """A row left at the place of the delete that this turns into a move."""
        followers.passes_on(run, visit, before)
        followers.leaves(run, visit, before, change)
        self._withdrawing.left(run, visit, before, transaction=change.transaction, now=change.now)
        run.take(visit.entries(at=run.incoming.timestamp_ms).items())

    def _again(self, run: Building, order: Replay, view: StateView) -> None:
        """Try the record of a row again, as the row is now."""
        if order.last:
            run.count(renewing.IN_FORCE)
            return
        mapping = self.mappings.get(order.source)
        rule = None if mapping is None else mapping.tables.get(order.table)
        if mapping is None or rule is None or rule.role not in ROW_INDEX:
            run.count(replaying.UNKNOWN)
            return
        visit = Visit(order.visit.encode(), mapping, view, self._recall)
        row = visit.find(rule.role, rule.name, tuple([order.key.get(name, "") for name in rule.key]))
        if row is None or row.deleted:
            run.count(replaying.GONE)
            return
        again = run.told.replaying = replaying.replaying(visit, row, order)
        if order.resend and not again.resends(visit, row):
            run.count(replaying.STALE)
            return
        at = run.incoming.timestamp_ms
        run.count("replayed")
        run.build(visit, row, committed_at=at, now=at)
        if order.is_of_ready:
            renewing.answer(run, visit, row, order)
        run.keep(visit, committed_at=at, now=at)

    def _said(self, run: Building, visit: Visit, before: StoredRow | None, change: RowChange) -> bool:
        """What is said of a row to which the database did nothing just now; whether that is all that comes of it."""
        if change.freed:
            claiming.free(run, visit, before, change=change, withdrawing=self._withdrawing, moving=run.moving)
            run.keep(visit, committed_at=change.committed_at, now=run.incoming.timestamp_ms)
            return True
        if before is None or before.deleted or before.offset != change.compared:
            run.count("overtaken")
            return True
        return False

    def _tick(self, run: Building, tick: Tick, view: StateView) -> None:
        """Try waiting rows again where a lookup may have come, or whose lane has passed; give up those whose deadline passed."""
        run.count("tick")
        run.time, run.now = tick, tick.at
        run.take(run.moving.close())
        left, across = self._limits.rows_a_tick, Across(view, self._recall)
        for visit_key, keys in self._waiting(run, tick, view):
            if left <= 0:
                break
            across.meets(keys)
            portion = self._limits.lines_a_change
            built = sum(self._rebuilding.tick(run, tick, view, key, most=portion) for key in keys if is_left(key))
            left -= built
            if built:  # what the visit is now is seen by the next tick
                run.count(LEFT)
                continue
            tried = ((key, view.get(key)) for key in keys if is_row(key))
            rows = [self._recall.load(key, value) for key, value in tried if value is not None and _is_tried(tick, key, value)]
            left -= self._due(run, tick, view, visit_key, [row for row in rows if not run.moving.is_open(row.trail)], most=left)
        if left <= 0:
            run.count(LEFT)
        self._telling.tick(run, tick, view)
        self._emptying.tick(run, tick, view)
        across.tick(run, tick.at, self.mappings, most=self._limits.rows_a_tick)

    def _waiting(self, run: Building, tick: Tick, view: StateView) -> Iterator[tuple[bytes, Collection[bytes]]]:
        """The visits with rows for which a tick may have something to do, each once, with these rows' keys."""
        moved = dict.fromkeys(view.moved()) if run.moving.is_news else {}
        for visit_key, keys in view.due(tick.at, run.lookups):
            of_lanes = moved_in(view, visit_key) if visit_key in moved else ()
            moved.pop(visit_key, None)
            yield visit_key, {*keys, *of_lanes}
        for visit_key in moved:
            yield visit_key, moved_in(view, visit_key)

    def _due(  # noqa: PLR0913 - a part of `_tick`
        self, run: Building, tick: Tick, view: StateView, visit_key: bytes, due: Sequence[StoredRow], *, most: int
    ) -> int:
        """Try the rows of a visit for which a tick may have something to do; of how many that was so, `most` at most."""
        done = 0
        for source in sorted({row.source for row in due} & self.mappings.keys()):
            visit = Visit(visit_key, self.mappings[source], view, self._recall)
            for row in sorted(filter(visit.knows, due), key=_reporting_order):
                if done >= most:
                    break
                # Building an earlier row may have released this one already.
                if (current := visit.current(row)).waits_for:
                    committed_at, run.captured_at = released(row, tick.at)
                    run.build(visit, current, committed_at=committed_at, now=tick.at)
                    done += visit.current(row) != current
            committed_at, run.captured_at = max(released(row, tick.at) for row in due)
            run.keep(visit, committed_at=committed_at, now=tick.at)
        return done


def _is_tried(tick: Tick, key: bytes, value: bytes) -> bool:
    """Whether a tick may have something to do for a row: what that waits for stands in its own source's rows, or in a lookup, or
    it waits for another lane.
    """
    return tick.tells(source_of(key)) or awaits_lookup(value) or is_moved(value)


def _unusable(
    run: Building, change: RowChange | Truncated, mapping: CompiledMapping | None, rule: TableRule | None, *, why: Unplaceable
) -> DeadLetter:
    origin = of_change(change, mapping, rule)
    return letters.unusable(run.incoming, change, origin, dead_class=why.dead_class, rule=why.rule, message=why.message)


def _bury(run: Building, change: RowChange, mapping: CompiledMapping | None, rule: TableRule | None, *, why: Unplaceable) -> None:
    letter = _unusable(run, change, mapping, rule, why=why)
    run.bury(letter if run.is_plain else recapturing.told_again(run.told, run.incoming, letter, change))


def _held(run: Building, visit: Visit, before: StoredRow, change: RowChange, rule: TableRule) -> Held:
    """Which of the rows under a key a change is about. What the place stage wrote is about the one that it says."""
    if change.left or change.told is not None:
        return Held(change, None)
    found = held(change, None if before.deleted else own_columns(before, rule), before.beneath)
    if found.change is None:
        visit.put(before._replace(mark=after(change.mark, before.mark), beneath=found.beneath))
        run.take(visit.entries(at=run.incoming.timestamp_ms).items())
    if found.change is None or found.beneath is not None:
        run.count(EXCHANGED)
    return found


def _reporting_order(row: StoredRow) -> tuple[int, Arrival]:
    return ROW_INDEX[row.role], arrival(row)
