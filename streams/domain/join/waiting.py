"""What becomes of a row that misses a part: it waits, is given up and told once, and asks on where only a tick can help it."""

from collections.abc import Callable
from typing import Final

from connector.contract import TableRole
from streams.domain.join.parts import MOVED_FROM, Part
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit

_FOR_EVER_MS: Final = 10**12
"""Limit for a row that waits for another one that waits itself, or was told: the other has a deadline or a letter, and the row
none of its own.
"""
_ASK_AGAIN_MS: Final = 60_000
_MOVED: Final = Part.MOVED.value
_MOVING: Final = {
    Part.VISIT.value: TableRole.VISIT,
    Part.SETTLEMENT.value: TableRole.SETTLEMENT,
    Part.UNSETTLED.value: TableRole.SETTLEMENT,
}
"""Of what rows wait for: the role of the rows of which one may be on its way between tables."""
_LOOKUP: Final = Part.LOOKUP.value
_WITHOUT_LIMIT: Final = frozenset({Part.UNREPORTED.value, Part.UNREPORTED_LINE.value, Part.PARENT_REFUSED.value})


def wait(  # noqa: PLR0913 - what waits, how long, and what is known
    row: StoredRow, part: str, *, told: Callable[[], str], limit: int, now: int, late: bool
) -> tuple[StoredRow, bool]:
    """The row while it waits for a part, or after it waited in vain; and whether that is to be told now.

    told: by what such a wait in vain is known, so that it is told once. limit: how long it waits (ms); 0: not at all. late: whether
    the part may stand in rows that were captured by now and have not come.
    """
    asks_on = part.startswith(_LOOKUP)
    if row.refused and row.refused == told():
        # It was deleted meanwhile, and is there again.
        return row._replace(waits_for=part, since=now, deadline=now) if asks_on and not row.waits_for else row, False
    since = _since(row, part, now)
    waiting = row.waiting(part, since=since, deadline=since + (_FOR_EVER_MS if part in _WITHOUT_LIMIT else limit))
    if now < waiting.deadline or (late and limit):
        return waiting, False
    # Another row of the visit that comes late, or goes, builds those that it concerns. A lookup row does not: every tick asks.
    return waiting._replace(refused=told()) if asks_on else row._replace(refused=told(), waits_for="", since=0, deadline=0), True


def patience(visit: Visit, row: StoredRow, part: str, *, limit: int, now: int) -> int:
    """How long (ms) a row waits for a part: `limit`, and at least as long as what it misses may be on its way between tables."""
    role = _MOVING.get(part)
    if role is None or not visit.mapping.moves:
        return limit
    # Of a table that was emptied just now it is not known yet what went.
    until = max(visit.moving_until(role), now + _ASK_AGAIN_MS if visit.is_emptied else 0)
    return max(limit, until - _since(row, part, now))


def _since(row: StoredRow, part: str, now: int) -> int:
    # A row that changed after it was given up waits anew: what it misses now may be something else, which comes.
    return row.since if row.waits_for == part and not row.refused else now


def waiting_for_lane(row: StoredRow, *, now: int) -> StoredRow:
    """The row while it waits for the lane that its trail names."""
    assert row.trail is not None
    since = row.since if row.waits_for == _MOVED else now
    return row._replace(waits_for=_MOVED, since=since, deadline=MOVED_FROM + row.trail.partition)


def released(row: StoredRow, at: int) -> tuple[int, int]:
    """The times of commit and capture that count for a row which a tick released: the tick's own, where its deadline passed.
    Otherwise a lookup row has come, whose commit is not known here: the commit of the row itself, and when it began to wait.
    """
    return (at, at) if row.deadline <= at else (row.committed_at, max(row.since, row.committed_at))
