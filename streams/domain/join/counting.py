"""Rows that count, or do not, by what stands in a lookup (`streams.domain.normalise.which`).

A row that turns out not to count is deleted for the join, when it comes or when its record is made anew. While the lookup row is
missing it waits, as for a lookup that a field reads.
"""

from typing import Protocol

from connector.contract import Op
from streams.domain.changes import RowChange
from streams.domain.join import deleting
from streams.domain.join.results import Results
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.join.withdrawing import Withdrawing
from streams.domain.records import Lookups, MissingLookup


class Knows(Protocol):
    """What a fold knows of lookups."""

    lookups: Lookups


def verdict(run: Knows, visit: Visit, row: StoredRow) -> bool | MissingLookup:
    """Whether a row counts by the lookups, or which lookup row is missing to know it."""
    which = visit.mapping.tables[row.table].which
    if which is None or not which.looked_up:
        return True
    return False if row.deleted else which.counts(row.columns, run.lookups)


def as_it_counts(run: Knows, visit: Visit, row: StoredRow, change: RowChange) -> tuple[StoredRow, RowChange]:
    """A row and its change: as one that was deleted, where it does not count."""
    return (row, change) if row.deleted or verdict(run, visit, row) is not False else _as_deleted(row, change)


def _as_deleted(row: StoredRow, change: RowChange) -> tuple[StoredRow, RowChange]:
    """A row that does not count and its change, as one that was deleted."""
    gone = row._replace(columns={}, deleted=True, waits_for="", since=0, deadline=0)
    return gone, change._replace(op=Op.DELETE, before=None, uncounted=True)


def take_out(run: Results, visit: Visit, row: StoredRow, *, withdrawing: Withdrawing) -> StoredRow:
    """Delete a row that turns out not to count while nothing was done to it; the row as it stands there."""
    change = RowChange(
        row.source, row.table, Op.DELETE, row.columns, None, row.position, row.committed_at, None, None, run.transaction
    )
    gone, change = _as_deleted(row, change)
    return deleting.put(run, visit, gone, before=row, change=change, withdrawing=withdrawing)
