"""Values that capture did not send, because they did not change and stand outside of their row (PostgreSQL's TOAST)."""

from collections.abc import Set as AbstractSet

from connector.contract import UNAVAILABLE
from streams.domain.changes import RowChange
from streams.domain.records import Row


def whole(change: RowChange, columns: AbstractSet[str], known: Row) -> Row | None:
    """These columns of a changed row, with what was not sent taken from the row before the change or from what is known of it; None
    where a value is in neither.
    """
    row = change.row
    found = row if len(row) == len(columns) else {name: row[name] for name in columns}
    if UNAVAILABLE not in found.values():
        return found
    filled = dict(found)
    for name, value in found.items():
        if value == UNAVAILABLE:
            there = (one[name] for one in (change.before or {}, known) if one.get(name, UNAVAILABLE) != UNAVAILABLE)
            filled[name] = next(there, UNAVAILABLE)
            if filled[name] == UNAVAILABLE:
                return None
    return filled
