"""Lines that are built again because their visit or settlement changed, a portion at a time: a stay has thousands of them, and one
fold of all would let no heartbeat and no other visit come to its turn, and be one transaction of them all.

The change itself builds its own record, its settlements and the first lines. That lines are left stands in the state, and ticks go
on, each with as many, in the order of the lines' state keys. What happens between two portions finds the visit as it is: a line
that changes itself is built with the new parents, and unchanged when its turn comes. A further change of a parent begins anew.

Entry key: visit key, `b` and source, joined by 0x1f. Entry value: `w`, 13 digits (as of a row that waits) and `-`, and a JSON
array: form and what stands in `Left`. It goes with the last line.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import orjson

from connector.contract import TableRole
from streams.domain.join.entries import FORM, SEPARATOR, WITH_CHARGE, visit_key_of
from streams.domain.join.remembered import Recall
from streams.domain.join.results import Results
from streams.domain.join.stored import StoredRow
from streams.domain.join.view import StateView
from streams.domain.join.visit import Visit
from streams.domain.normalise.record import CompiledMapping
from streams.domain.ticks import Tick
from streams.errors import Newer
from streams.spec.fields import ServiceCode

LATER: Final = "built_later"
"""Outcome: a change left lines for ticks to build."""

_LETTER: Final = b"b"
_DIGITS: Final = 13
_DUE: Final = 1
_FEE: Final = TableRole.FEE


class Left(NamedTuple):
    """That lines are left, and what is to be said of them."""

    committed_at: int
    """Of the change that they are built because of (ms)."""
    captured_at: int
    """Likewise."""
    transaction: str
    """Likewise, as the database names it."""
    after: str = ""
    """State key, without the visit's, of the last line that was built."""

    def __repr__(self) -> str:
        """Without a line's key."""
        return f"Left(transaction={self.transaction!r})"


def key_of(visit_key: bytes, source: str) -> bytes:
    """The state key."""
    return SEPARATOR.join((visit_key, _LETTER, source.encode()))


def is_behind(visit: Visit) -> bool:
    """Whether lines of a visit are still to be built because their visit or settlement changed: what was reported of them last is
    of before that.
    """
    return visit.view.get(key_of(visit.key, visit.mapping.source)) is not None


def _left(visit: Visit, committed_at: int, captured_at: int, transaction: str) -> tuple[bytes, bytes]:
    """The state entry that lets ticks build a visit's lines: all of them, because which it is about is not remembered."""
    return key_of(visit.key, visit.mapping.source), dump(Left(committed_at, captured_at, transaction))


def is_left(key: bytes) -> bool:
    """Whether a state key says that lines are left, and is not of a row."""
    after = key.index(SEPARATOR) + 1
    return key[after : after + 2] == _LETTER + SEPARATOR


def dump(left: Left) -> bytes:
    """The state value. The key of a line stands in it by name, so that it is taken for no part that a row waits for."""
    return b"w%013d-%b" % (_DUE, orjson.dumps([WITH_CHARGE, *left[:-1], {"after": left.after}]))


def load(value: bytes) -> Left:
    """What is in a state value. Raises Newer where a later version wrote it."""
    form, *members = orjson.loads(value[_DIGITS + 2 :])
    if form > FORM:
        raise Newer(f"lines of a visit in visit.state that are to be built (form {form}; this version knows {FORM})")
    committed_at, captured_at, transaction, more = members
    return Left(committed_at, captured_at, transaction, more["after"])


def can_wait(visit: Visit, row: StoredRow) -> bool:
    """Whether a line's turn may come later. Of lines of which two can be one record, only where it is known which that is: while
    one is not built, it would keep no other from saying something else of it.
    """
    if row.role is not _FEE or row.table not in visit.mapping.colliding:
        return row.role is _FEE
    is_its_own = all(role == _FEE for role, _ in visit.mapping.records[ServiceCode.FEE].key_from)
    return is_its_own and bool(row.emitted)


class Portion:
    """How many lines one fold has built because of others, by visit. most: so many may be."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._built: dict[bytes, int] = {}

    def build(self, run: Results, visit: Visit, rows: Sequence[StoredRow], *, committed_at: int, now: int) -> None:
        """Build a visit's rows, and let ticks build those that are too many."""
        portion = [*self._of(visit, rows)]
        for row in portion:
            run.build(visit, visit.current(row), committed_at=committed_at, now=now)
        if len(portion) < len(rows):
            run.take([_left(visit, committed_at, run.captured_at, run.transaction)])
            run.count(LATER)

    def _of(self, visit: Visit, rows: Sequence[StoredRow]) -> Iterator[StoredRow]:
        """Those of a visit's rows that are to be built now. They are counted."""
        for row in rows:
            if not can_wait(visit, visit.current(row)):
                yield row
            elif (built := self._built.get(visit.key, 0)) < self._most:
                self._built[visit.key] = built + 1
                yield row


class Rebuilding:
    """mappings: by source name."""

    def __init__(self, mappings: Mapping[str, CompiledMapping], recall: Recall) -> None:
        self._mappings = mappings
        self._recall = recall

    def tick(self, run: Results, tick: Tick, view: StateView, key: bytes, *, most: int) -> int:
        """Build the next lines, `most` at most; how many."""
        value, mapping = view.get(key), self._mappings.get(key.rpartition(SEPARATOR)[2].decode())
        if value is None or mapping is None:
            return 0
        left, visit = load(value), Visit(visit_key_of(key), mapping, view, self._recall)
        run.captured_at, run.transaction = left.captured_at, left.transaction
        begin, done, end = visit.key + SEPARATOR, 0, left.after
        before = run.counts.get(LATER)
        places = sorted(where for where in view.of_role(visit.key, _FEE) if where > begin + left.after.encode())
        for where in places[:most]:
            row = visit.at(where)
            if row is not None and visit.stands(row):
                run.build(visit, row, committed_at=left.committed_at, now=tick.at)
            done, end = done + 1, where[len(begin) :].decode()
        run.keep(visit, committed_at=left.committed_at, now=tick.at)
        if run.counts.get(LATER) == before:  # what the lines led to may have left them all again
            run.take([(key, dump(left._replace(after=end)) if done < len(places) else None)])
        run.transaction = ""
        return done
