"""Rows that stand under one key for a while: a statement exchanges or shifts keys, which a deferrable key allows.

Capture tells such a statement row by row, each as a delete of its former key and a create under its new one: of two rows that
exchange their keys `delete 1, create 2, delete 2, create 1`. The delete of 2 is that of the row which stood there before. So a
create over a row that is there puts that one beneath it, for as long as the transaction goes on, and a delete takes the row whose
content it says: one from beneath is gone without effect; when the one on top goes, the one beneath it is the row again. A delete
that says the key alone, or a content that nobody knows, takes what lies deepest: its delete is owed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from connector.contract import Mark, Op
from streams.domain.changes import RowChange
from streams.domain.records import Row


class Beneath(NamedTuple):
    """What stands under a row's key besides it."""

    transaction: str
    """Which put them there, on which server: what comes of another one knows nothing of them."""
    rows: tuple[Row, ...]
    """The deepest one came first."""

    def members(self) -> list[object]:
        """As a state entry holds it: the transaction, and then the rows."""
        return [self.transaction, *map(dict, self.rows)]

    @classmethod
    def of(cls, transaction: str, *rows: Row) -> "Beneath":
        """From what a state entry holds."""
        return cls(transaction, rows)

    def __repr__(self) -> str:
        """Without what the rows hold."""
        return f"Beneath(transaction={self.transaction!r}, rows={len(self.rows)})"


class Held(NamedTuple):
    """A change, held against all rows under its key."""

    change: RowChange | None
    """What it does to the row on top; None: nothing."""
    beneath: Beneath | None
    """What is left besides that."""


def held(change: RowChange, top: Row | None, beneath: Beneath | None) -> Held:
    """Which of the rows under its key a change is about. top: the row that is known; None where it is not there."""
    if change.op is Op.READ:
        return Held(change, beneath)
    transaction = _name(change)
    rows = beneath.rows if beneath is not None and beneath.transaction == transaction else ()
    if change.op is Op.CREATE and top is not None and transaction:
        return Held(change, Beneath(transaction, (*rows, top)))
    if change.op is not Op.DELETE or not rows:
        return Held(change, Beneath(transaction, rows) if rows else None)
    says = [_says(change.row, row) for row in rows]
    at = says.index(True) if True in says else 0
    if not says[at] and top is not None and _says(change.row, top):
        return Held(change._replace(op=Op.UPDATE, row=rows[-1]), _left(transaction, rows[:-1]))
    return Held(None, _left(transaction, (*rows[:at], *rows[at + 1 :])))


def is_of_former(change: RowChange, top: Row, *, key: Sequence[str], mark: Mark | None, known: Mark | None) -> bool:
    """Whether a change deletes a row that stood under the key before the one that its own transaction put there. For who cannot
    know what lies beneath. key: the columns of it; a delete that says nothing else tells no row from another. mark: of the change.
    known: of the last change of the key.
    """
    if change.op is not Op.DELETE or mark is None or known is None or (mark.ts_us, mark.server) != (known.ts_us, known.server):
        return False
    whole = any(value is not None for name, value in change.row.items() if name not in key)
    return whole and top.keys() <= change.row.keys() and not _says(change.row, top)


def _left(transaction: str, rows: tuple[Row, ...]) -> Beneath | None:
    return Beneath(transaction, rows) if rows else None


def _name(change: RowChange) -> str:
    """The transaction of a change, `""` where capture does not say. Another server counts from where it likes."""
    return "" if change.mark is None or not change.transaction else f"{change.mark.server}/{change.transaction}"


def _says(image: Row, row: Row) -> bool:
    """Whether an image of a delete is that of this row, with all its columns."""
    return all(name in image and image[name] == value for name, value in row.items())
