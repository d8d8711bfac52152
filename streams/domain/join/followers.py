"""Who follows a row to another visit waits for all that may be on its way of it: what its own trail waits for, and what it was as
the record of another institution.
"""

from streams.domain.changes import RowChange
from streams.domain.join.entries import StoredRow
from streams.domain.join.moving import BECAME
from streams.domain.join.results import Results
from streams.domain.join.visit import Visit
from streams.domain.keys import is_of_header
from streams.domain.records import Row


def passes_on(run: Results, visit: Visit, row: StoredRow | None) -> None:
    """A row went, or is another record now, perhaps while its own trail was open."""
    if row is not None and row.trail is not None and run.moving.is_open(row.trail):
        # Of one that went before, an earlier leave holds those of what it was then.
        holds = _institution(visit, row) or (row.trail.institution if row.deleted else "")
        run.take([run.moving.leaves(run.incoming, row.trail, holds)])


def becomes(run: Results, visit: Visit, row: StoredRow, now: Row | None) -> None:
    """A row is another institution's record from now on, or may be. It may become the former one's again in any visit. now: what
    stands in it then; None where that is not known.
    """
    column = visit.mapping.belonging.columns.get(row.role)
    if column is None:  # all rows are one institution's
        return
    if not row.deleted and now is not None and row.columns.get(column) == now.get(column):  # as nearly always
        return
    was, is_now = _institution(visit, row), "" if now is None else visit.mapping.institution(row.role, now) or ""
    if was is None or (was and was == is_now):
        return
    run.count(BECAME)
    if row.trail is not None and run.moving.is_open(row.trail):
        run.take([run.moving.leaves(run.incoming, row.trail, is_now)])
    else:
        run.take(run.moving.becomes(run.incoming, was, is_now))


def leaves(run: Results, visit: Visit, row: StoredRow, change: RowChange) -> None:
    """A row leaves for another visit."""
    now = change.now
    if now is None and change.told is not None:
        column = visit.mapping.belonging.columns.get(row.role)
        if visit.mapping.tables[row.table].header:  # the place stage writes such a row as it is now, but for what is of its header
            now = None if column is None or is_of_header(column) else change.row
        elif not change.absent:  # its record comes with another row, and is the same
            return
    becomes(run, visit, row, now)


def _institution(visit: Visit, row: StoredRow) -> str | None:
    """Whose record a row was last; `""` where that is not known, None where it was nobody's."""
    if not row.deleted:
        return (visit.mapping.institution(row.role, row.columns) or "") if row.emitted or row.trail is not None else None
    if row.reported_as:
        return row.reported_as.partition("/")[0]
    gone = next((one for one in visit.all_gone() if (one.role, one.table, one.key) == (row.role, row.table, row.key)), None)
    return None if gone is None else gone.record.partition("/")[0]
