"""A table that was emptied by TRUNCATE: its rows are gone in every visit at once, and nobody lists them.

The moment is remembered beside the partition's visits; a row whose last change came before it counts as gone from then on, so
that nothing of it that waits goes out any more. What stands in the state is put right a part at a time, by ticks, when the
transaction has ended and the grace passed: a table that is emptied and filled again in one transaction, as by night, withdraws
only what did not come again. Then a person is told how many records were reported that have no row any more.

Entry key: nothing, `e`, source and table, joined by 0x1f. Entry value: as that of a row that waits; with `r` in place of the
deadline when all is put right.
"""

from collections.abc import Mapping
from functools import lru_cache
from itertools import takewhile
from typing import Final, NamedTuple

import orjson

from connector.contract import Mark
from streams.domain.again import again
from streams.domain.changes import Truncated, dotted
from streams.domain.closings import ClosedBy
from streams.domain.join import colliding, withdrawal_letters
from streams.domain.join.emptied import EMPTIED
from streams.domain.join.entries import FORM, SEPARATOR, WITHOUT_TRAIL
from streams.domain.join.recalls import recall
from streams.domain.join.remembered import Recall
from streams.domain.join.results import Results
from streams.domain.join.stored import StoredRow
from streams.domain.join.view import StateView
from streams.domain.join.visit import Visit
from streams.domain.join.withdrawing import Withdrawing, record_backed
from streams.domain.normalise.record import CompiledMapping
from streams.domain.ticks import Tick
from streams.errors import Newer

_VISITS_A_TICK: Final = 1_000
_DIGITS: Final = 13


class Emptied(NamedTuple):
    """When a table was emptied, and how far the state is put right."""

    source: str
    """Debezium's `topic.prefix`."""
    table: str
    """`schema.table`."""
    offset: int
    """Of its message: rows whose last change stands before it are gone."""
    position: str
    """In the database's log, for people."""
    transaction: str
    """As the database names it; `""` where capture did not say."""
    mark: tuple[tuple[int, ...], int, str] | None
    """By which a truncate is recognised that capture sends again."""
    deadline: int
    """From when on (ms) the state is put right; 0 when it is."""
    after: str = ""
    """The visit up to which it is."""
    gone: int = 0
    """How many records were reported whose rows went."""


def key_of(source: str, table: str) -> bytes:
    """The state key."""
    return SEPARATOR.join((EMPTIED, source.encode(), table.encode()))


def dump(emptied: Emptied) -> bytes:
    """The state value."""
    document = orjson.dumps([WITHOUT_TRAIL, *emptied])
    return b"w%013d-%b" % (emptied.deadline, document) if emptied.deadline else b"r" + document


@lru_cache(256)
def load(value: bytes) -> Emptied:
    """What is in a state value. Raises Newer where a later version wrote it."""
    form, *members = orjson.loads(value[1:] if value[:1] == b"r" else value[_DIGITS + 2 :])
    if form > FORM:
        raise Newer(f"an emptied table in visit.state (form {form}; this version knows {FORM})")
    source, table, offset, position, transaction, mark, *more = members
    known_by = None if mark is None else (tuple(mark[0]), mark[1], mark[2])
    return Emptied(source, table, offset, position, transaction, known_by, *more)


class Emptying:
    """mappings: by source name. withdrawing: says how long after a table was emptied its rows may come again, and what becomes of
    the records of rows that may come in another table.
    """

    def __init__(self, mappings: Mapping[str, CompiledMapping], recall: Recall, withdrawing: Withdrawing) -> None:
        self._mappings = mappings
        self._recall = recall
        self._withdrawing = withdrawing
        self._grace_ms = withdrawing.limits.grace_ms

    def truncated(self, run: Results, event: Truncated, view: StateView) -> bool:
        """A table was emptied. False where that is no news for a person: it is known, or the table's rows move, and are awaited."""
        mapping = self._mappings.get(event.source)
        rule = None if mapping is None else mapping.tables.get(event.table)
        if rule is None or (rule.visit_key is None and not rule.header):
            return True
        key = key_of(event.source, event.table)
        value = view.entries_beside(key).get(key)
        known = None if value is None else load(value)
        mark = event.mark
        if known is not None and known.mark is not None and again(mark, Mark(*known.mark)):
            run.count("repeated_change")
            return False
        emptied = Emptied(
            source=event.source,
            table=event.table,
            offset=run.incoming.offset,
            position=dotted(event.position),
            transaction=event.transaction,
            mark=None if mark is None else (mark.place, mark.ts_us, mark.server),
            deadline=run.incoming.timestamp_ms + max(1, self._grace_ms),
            gone=known.gone if known is not None and known.deadline else 0,
        )
        run.take([(key, dump(emptied))])
        run.count("truncated")
        return not rule.moved_ms

    def tick(self, run: Results, tick: Tick, view: StateView) -> None:
        """Put a part of the state right, and tell how many records went when all of it is."""
        for key, value in [*view.entries_beside(EMPTIED + SEPARATOR).items()]:
            if value[:1] != b"w":
                continue
            emptied = load(value)
            if emptied.deadline <= tick.at and tick.ended(emptied.source, emptied.transaction):
                run.take([(key, dump(self._put_right(run, emptied, view)))])

    def _put_right(self, run: Results, emptied: Emptied, view: StateView) -> Emptied:
        mapping = self._mappings.get(emptied.source)
        if mapping is None or emptied.table not in mapping.tables:
            return emptied._replace(deadline=0)
        found, gone = view.visits_after(emptied.after.encode(), _VISITS_A_TICK), emptied.gone
        # What this tick changed before is seen by the next one: of two changes of one entry the second would undo the first.
        visits = [*takewhile(lambda visit_key: visit_key not in run.kept, found)]
        for visit_key in visits:
            visit = Visit(visit_key, mapping, view, self._recall)
            gone += self._empty(run, visit, emptied.table)
        if len(visits) == _VISITS_A_TICK or len(visits) < len(found):
            return emptied._replace(after=visits[-1].decode() if visits else emptied.after, gone=gone)
        if gone:
            run.bury(withdrawal_letters.emptied(run.incoming, emptied.source, emptied.table, position=emptied.position, gone=gone))
        return emptied._replace(deadline=0, after="", gone=0)

    def _empty(self, run: Results, visit: Visit, table: str) -> int:
        """Delete the visit's rows of this table; how many records were reported that no row backs now."""
        gone, now = 0, run.incoming.timestamp_ms
        for row in visit.empty(table):
            if colliding.was_told(row):
                colliding.close(run, visit, row)
            run.close(visit, row, by=ClosedBy.GONE)
            if row.emitted and colliding.backing(visit, row, row.reported_as) is None:
                claiming = colliding.claiming(visit, row, row.reported_as)
                if not claiming and visit.mapping.tables[table].moved_ms:
                    self._awaits(run, visit, row)
                elif not claiming:
                    gone += 1
                    record = row.reported_as or record_backed(run, visit, row)
                    recall(run, visit, row.role, record, position=row.position, committed_at=now)
                run.rebuild(visit, claiming, committed_at=now)
        run.keep(visit, committed_at=now, now=now)
        return gone

    def _awaits(self, run: Results, visit: Visit, row: StoredRow) -> None:
        """A row may come in another table. Where its record has gone from there since, that was later, and is known."""
        if visit.gone(row.role, row.reported_as) is None:
            last = visit.current(row)._replace(reported_as=row.reported_as)
            visit.put(last)
            self._withdrawing.goes(run, visit, row, last=last, transaction="")
