"""Which row of a lookup is meant where its key does not say it: of those that count and share some columns the latest one."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, TypeAlias

from streams.domain.normalise.settled_by import as_matched
from streams.domain.normalise.which import Which
from streams.domain.records import UNDECIDED, Row

_Rank: TypeAlias = tuple[int, Decimal, str]
_NO_RANK = (0, Decimal(0), "")


class Choice(NamedTuple):
    """Of one lookup."""

    key: tuple[str, ...]
    """Columns that identify a row."""
    asked_by: tuple[str, ...]
    """Columns by which it is asked."""
    latest: str
    """Column in which the meant row has the most; `""` where `asked_by` is the key."""
    which: Which | None = None
    """Which rows count; None: all."""

    def counts(self, row: Row) -> bool:
        """Whether a row does, by its own columns."""
        return self.which is None or self.which.image_counts(row) is not False

    def asked_as(self, row: Row) -> tuple[str, ...] | None:
        """By what a row is found, without the blanks that fill up a `char(n)`; None where a column of it is empty: by nothing."""
        names = tuple([(row.get(name) or "").strip(" ") for name in self.asked_by])
        return None if "" in names else names

    def chosen(self, rows: Iterable[Row]) -> Row | None:
        """The meant one of rows that are asked by the same; None where none counts, `UNDECIDED` where nobody knows which."""
        best, first = _NO_RANK, None
        for row in rows:
            rank = rank_of(row.get(self.latest))
            if first is None or rank > best:
                best, first = rank, row
            elif rank == best and self._content(row) != self._content(first):
                first = UNDECIDED
        return first

    def newer(self, meant: Row | None, row: Row) -> Row:
        """The meant one after one row more; `UNDECIDED` where nobody knows. meant: of the others, None where there is none."""
        if meant is None:
            return row
        known, rank = rank_of(meant.get(self.latest)), rank_of(row.get(self.latest))
        if rank != known:
            return row if rank > known else meant
        return meant if self._content(row) == self._content(meant) else UNDECIDED

    def _content(self, row: Row) -> dict[str, str | None]:
        return {name: value for name, value in row.items() if name not in self.key and name != self.latest}


def rank_of(value: str | None) -> _Rank:
    """By what values of a column are compared: nothing, then numbers, then texts and times."""
    said = as_matched(value)
    if not said:
        return _NO_RANK
    try:
        number = Decimal(said)
    except InvalidOperation:
        return 2, Decimal(0), said
    return (1, number, "") if number.is_finite() else (2, Decimal(0), said)
