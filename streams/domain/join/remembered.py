"""Rows that were read from state entries already, because most changes of a visit follow each other."""

from typing import Final

from streams.domain.join.entries import load
from streams.domain.join.stored import StoredRow
from streams.domain.join.view import StateView

_MOST_BYTES: Final = 24 << 20
_OF_A_ROW: Final = 1_000
"""What Python adds to the bytes of an entry for the row that was read from it, about."""


class Recall:
    """`load` with a memory of the rows it read last, bounded by bytes. A remembered row is used only for exactly the value that it
    was read from.
    """

    def __init__(self, *, most: int = _MOST_BYTES) -> None:
        self._rows: dict[bytes, tuple[bytes, StoredRow]] = {}
        self._most = most
        self._size = 0

    def load(self, key: bytes, value: bytes) -> StoredRow:
        """The row in a state entry."""
        known = self._rows.get(key)
        if known is not None and known[0] == value:
            return known[1]
        row = load(key, value)
        self.keep(key, value, row)
        return row

    def committed(self, view: StateView, where: bytes) -> StoredRow | None:
        """The row of a state key as a fold sees it that has changed nothing."""
        value = view.get(where)
        return None if value is None else self.load(where, value)

    def keep(self, key: bytes, value: bytes, row: StoredRow) -> None:
        """Remember that `value` holds this row."""
        if self._size >= self._most:
            self._rows.clear()
            self._size = 0
        before = self._rows.get(key)
        self._size += len(value) - len(before[0]) if before is not None else _OF_A_ROW + len(key) + len(value)
        self._rows[key] = value, row
