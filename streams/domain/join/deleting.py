"""A row that is deleted, or leaves its visit: what becomes of its record and of the letters about it."""

from streams.domain.changes import RowChange
from streams.domain.closings import ClosedBy
from streams.domain.join import colliding, followers
from streams.domain.join.results import Results
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.join.withdrawing import Withdrawing
from streams.domain.place.counting import NOT_COUNTED


def put(  # noqa: PLR0913 - what a change of a row is
    run: Results, visit: Visit, row: StoredRow, *, before: StoredRow | None, change: RowChange, withdrawing: Withdrawing
) -> StoredRow:
    """Put a deleted row in its place; the row as it stands there. before: as it was; None where nobody knew it."""
    there = None if before is None or before.deleted else before
    if there is not None and there.emitted:
        if not change.left:
            withdrawing.goes(run, visit, there, last=row, transaction=change.transaction)
        row = row._replace(emitted="")
    elif there is not None and not change.left:
        withdrawing.goes_again(run, visit, row, transaction=change.transaction)
    followers.passes_on(run, visit, before)
    if change.left:
        followers.leaves(run, visit, before, change)
        withdrawing.left(run, visit, row, transaction=None)
        if there is not None and there.emitted:
            withdrawing.leaves(run, visit, there, last=row, now=change.now)
        row = withdrawing.named(visit, row)._replace(refused="")  # what is told of it there is another letter
    if there is not None and colliding.was_told(there):
        colliding.close(run, visit, there)
        row = row._replace(refused="")
    if there is not None and row.letter:
        # If it comes back as it was, it is told anew: that letter is closed.
        row = run.close(visit, row, by=ClosedBy.MENDED if change.left else ClosedBy.GONE)._replace(refused="")
    if not change.uncounted:
        run.count("deleted" if not change.left else "left")
    else:
        run.count(NOT_COUNTED)
        if before is None:  # nothing is to be remembered of a row that never counted
            return row
    visit.put(row)
    return row
