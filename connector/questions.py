"""What is asked of a live database about a table's rows, beside what capture itself needs to know."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Counted: TypeAlias = list[tuple[tuple[str | None, ...], int]]
"""What stands in some columns together, and in how many rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """What stands in some columns of a table, and how often."""

    table: str
    """`schema.table`."""
    columns: Sequence[str] = ()
    """Taken together; without any, all rows are counted."""
    most: int = 1
    """So many of the most frequent ones are told at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Which rows of a table name rows that are not there."""

    table: str
    """`schema.table`."""
    columns: Sequence[str]
    """By which its rows name others."""
    others: Sequence[tuple[str, Sequence[str]]]
    """The tables that may have the row that is named, each with the columns by which it is."""
    nulls: Sequence[str] = ()
    """Texts that name nothing, compared without blanks at their ends."""
    among: tuple[str, Sequence[str]] | None = None
    """Only rows with one of these texts in a column, compared without blanks at their ends; None: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Products:
    """Rows whose amount is not what two of their numbers make."""

    table: str
    """`schema.table`."""
    factors: tuple[str, str]
    """Columns, such as a number and a price."""
    product: str
    """Column with the amount."""
    tolerance: str
    """Decimal text: so much more or less is the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Rows of one table whose amount is not the sum of the rows of another one that name them. Without any such row, it is none."""

    table: str
    """`schema.table`, of which each row has a total."""
    key: str
    """Column by which it is named."""
    total: str
    """Column with the total."""
    parts: str
    """`schema.table` of the others."""
    link: str
    """Column of theirs that names it."""
    amount: str
    """Column of theirs that is added up."""
    tolerance: str
    """Decimal text: so much more or less is the same."""
