"""Lines that a system edits by deleting them and inserting them again under new ids (`renumbered`): which record the new one is.

A line that is inserted by the transaction that deleted an equal one before takes over the record that this was reported as: its
number stands in the column of the line's own number from then on, in place of what stands there in the database, for as long as
the line is there. So it is remembered with the line, and found again by whatever reads or changes it. Of several equal ones the
one that was deleted first is taken first. Across transactions nothing is taken over: a line under its own key comes back as it
does in any table. A line that another visit gets, or whose key is exchanged, has its own number again.
"""

from collections.abc import Iterator

import orjson

from connector.contract import Op
from streams.domain.changes import RowChange
from streams.domain.join.gone import HELD, Gone
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.join.withdrawing import Withdrawing
from streams.domain.normalise.compiled import TableRule
from streams.domain.normalise.renumbered import Renumbered


def takes_over(visit: Visit, row: StoredRow, before: StoredRow | None, change: RowChange, withdrawing: Withdrawing) -> StoredRow:
    """A line that came, as the record that it is. before: what stood under its key."""
    of = _of(visit, row)
    if of is None or row.deleted or change.op is not Op.CREATE or not (before is None or before.deleted) or change.left:
        return row
    institution = visit.mapping.institution(row.role, row.columns)
    gone = _own(visit, row) if before is not None else None
    gone = gone or min(_equal(visit, row, of, change.transaction), key=_order, default=None)
    if gone is None or gone.record.partition("/")[0] != institution:
        return row
    number = gone.record.partition("/")[2].removeprefix(of.prefix)
    visit.drop_gone(gone)
    held = withdrawing.held(visit, gone, row)
    return row._replace(
        columns={**row.columns, of.number: number}, emitted=held, reported_as=gone.record, trail=row.trail or gone.trail
    )


def _of(visit: Visit, row: StoredRow) -> Renumbered | None:
    rule: TableRule | None = visit.mapping.tables.get(row.table)
    return None if rule is None else rule.renumbered


def _own(visit: Visit, row: StoredRow) -> Gone | None:
    """The record of the line that stood under this key before, while nobody was told that it went."""
    found = visit.all_gone(saying=[orjson.dumps(row.table), orjson.dumps(row.key)])
    return next((one for one in found if (one.role, one.table, one.key) == (row.role, row.table, row.key) and _is_open(one)), None)


def _equal(visit: Visit, row: StoredRow, of: Renumbered, transaction: str) -> Iterator[Gone]:
    """The records of equal lines that this transaction deleted."""
    says = [orjson.dumps(row.columns.get(name)) for name in of.same]
    for gone in visit.all_gone(saying=[orjson.dumps(row.table), *says]) if transaction else ():
        line = gone.rows.get("fee", {})
        alike = all(line.get(name) == row.columns.get(name) for name in of.same)
        if alike and (gone.role, gone.table, gone.transaction) == (row.role, row.table, transaction) and _is_open(gone):
            yield gone


def _is_open(gone: Gone) -> bool:
    return 0 < gone.deadline < HELD and not gone.became


def _order(gone: Gone) -> tuple[int, str]:
    return gone.offset or 0, gone.record
