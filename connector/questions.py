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
    among: tuple[str, Sequence[str]] | None = None
    """Only rows with one of these texts in a column, compared without blanks at their ends; None: all."""
