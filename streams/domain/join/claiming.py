"""A row whose record a row of another visit claimed first is held (`streams.domain.join.colliding`) until that gave it up."""

from typing import Final

from streams.domain.changes import RowChange
from streams.domain.join import colliding, followers
from streams.domain.join.gathering import dependents
from streams.domain.join.moving import Moving
from streams.domain.join.results import Results
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.join.withdrawing import Withdrawing, record_backed
from streams.domain.trail import trail_of

CLAIMED: Final = "claimed"
"""Outcome: a row came whose record a row of another visit claims."""
FREED: Final = "freed"
"""Outcome: no other visit claims it any more."""


def held(run: Results, row: StoredRow) -> StoredRow:
    """The row by the message in hand: held, or not held any more."""
    if not (claimed := run.incoming.claimed):
        return row._replace(claimed="")
    run.count(CLAIMED)
    return row._replace(emitted="", claimed=claimed, trail=None)


def free(  # noqa: PLR0913 - the row, and what is known of lanes
    run: Results, visit: Visit, row: StoredRow | None, *, change: RowChange, withdrawing: Withdrawing, moving: Moving
) -> None:
    """A record is this visit's now. Another one may have reported it: so the row is sent, like one that comes from there. One that
    waits for another lane itself is sent in any case.
    """
    if row is None or row.deleted:
        run.count("overtaken")
        return
    run.count(FREED)
    if colliding.was_told(row):
        colliding.close(run, visit, row)
    free_ = withdrawing.arrived(run, visit, row)._replace(claimed="", refused="", waits_for="", since=0, deadline=0)
    trail = trail_of(run.incoming, visit.mapping.institution(row.role, row.columns))
    visit.put(free_ if moving.is_open(row.trail) else free_._replace(trail=trail))
    run.rebuild(visit, [free_, *dependents(visit, free_, before=None)], committed_at=change.committed_at)


def passes(run: Results, visit: Visit, row: StoredRow | None) -> None:
    """Where another visit holds from now on what a row claimed, as it was: no person is told that it has no row any more."""
    if run.incoming.passed and row is not None:
        followers.passes_on(run, visit, row)
        colliding.held_elsewhere(run, visit, row, record_backed(run, visit, row))
