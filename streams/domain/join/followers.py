"""Who follows a row to another visit waits for all that may be on its way of it: what its own trail waits for, and what it was as
the record of another institution.
"""

from streams.domain.changes import RowChange, key_in
from streams.domain.join.gone import record_of
from streams.domain.join.moving import BECAME
from streams.domain.join.results import Results
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.join.withdrawing import record_backed
from streams.domain.keys import is_of_header
from streams.domain.records import Row


def passes_on(run: Results, visit: Visit, row: StoredRow | None) -> None:
    """A row went, or is another record now, perhaps while its own trail was open."""
    if row is None or row.trail is None or not run.moving.is_open(row.trail):
        return
    # What one was that is deleted has a leave of its own, made when it went.
    now = _named(row) or row.trail.institution if row.deleted else visit.mapping.institution(row.role, row.columns)
    holds = now or ""
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
    is_now = "" if now is None else visit.mapping.institution(row.role, now) or ""
    was = _institution(run, visit, row, now, is_now)
    if was is None or (was and was == is_now):
        return
    run.count(BECAME)
    if row.trail is not None and run.moving.is_open(row.trail):
        run.take([run.moving.leaves(run.incoming, row.trail, is_now)])
    else:
        run.take(run.moving.becomes(run.incoming, was, is_now))


def renamed(run: Results, visit: Visit, row: StoredRow, *, formerly: bytes) -> None:
    """A row has another key than before, and may be another institution's record. formerly: the former key's columns."""
    former = visit.find(row.role, row.table, key_in(formerly, visit.mapping.tables[row.table].key))
    if former is not None:
        becomes(run, visit, former, row.columns)


def leaves(run: Results, visit: Visit, row: StoredRow | None, change: RowChange) -> None:
    """A row leaves for another visit; None for one that was never seen here."""
    if row is None:
        return
    now = change.now
    if now is None and change.told is not None:
        column = visit.mapping.belonging.columns.get(row.role)
        if visit.mapping.tables[row.table].header:  # the place stage writes such a row as it is now, but for what is of its header
            now = None if column is None or is_of_header(column) else change.row
        elif not change.absent:  # its record comes with another row, and is the same
            return
    becomes(run, visit, row, now)


def _institution(run: Results, visit: Visit, row: StoredRow, now: Row | None, is_now: str) -> str | None:
    """Whose record a row was last; `""` where that is not known, None where it was nobody's, or the one's that it is now."""
    if not row.deleted:
        return (visit.mapping.institution(row.role, row.columns) or "") if row.emitted or row.trail is not None else None
    if row.reported_as:
        return _named(row)
    if now is None:
        return ""
    # A person was told that it went: its record still stands here under whatever institution it was.
    number = record_backed(run, visit, row._replace(columns=now, deleted=False)).partition("/")[2]
    others = (code for code in visit.mapping.institutions if code != is_now)
    return next((code for code in others if visit.gone(row.role, record_of(code, number)) is not None), None)


def _named(row: StoredRow) -> str:
    """The institution in the name of the record that a row was reported as."""
    return row.reported_as.partition("/")[0]
