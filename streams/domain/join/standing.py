"""What a row stands for when it changes: what the platform holds of it, what the place stage says of it, which key it had."""

from streams.domain.changes import RowChange
from streams.domain.join import claiming, followers
from streams.domain.join.results import Results
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.join.withdrawing import Withdrawing
from streams.domain.trail import trail_of


def as_reported(  # noqa: PLR0913 - what a change of a row is
    run: Results, visit: Visit, row: StoredRow, before: StoredRow, *, change: RowChange, withdrawing: Withdrawing
) -> StoredRow:
    """The row with what the platform holds of it after this change of its own."""
    if not before.deleted:
        became = withdrawing.becomes(run, visit, row, before, transaction=change.transaction)
        if not became.emitted:
            followers.passes_on(run, visit, before)
        return became
    # An early version told a person at once when it was deleted, and did not forget it.
    return row if before.reported_as else row._replace(emitted="")


def as_placed(run: Results, visit: Visit, row: StoredRow, *, change: RowChange, withdrawing: Withdrawing) -> StoredRow:
    """The row with what the place stage says of it: another visit holds its record, or it comes from another one."""
    if row.claimed or run.incoming.claimed:
        row = claiming.held(run, row)
    if not row.claimed and (run.incoming.arrived or (change.told is not None and change.told.moved == "arrived")):
        trail = trail_of(run.incoming, visit.mapping.institution(row.role, row.columns))
        return withdrawing.arrived(run, visit, row)._replace(trail=trail)
    return row


def renamed(run: Results, visit: Visit, row: StoredRow, *, withdrawing: Withdrawing) -> None:
    """A row may have had another key before this change."""
    formerly = run.incoming.formerly  # the columns of that key
    if formerly is not None:
        withdrawing.renamed(run, visit, row, formerly=formerly, transaction=run.transaction)
        followers.renamed(run, visit, row, formerly=formerly)
