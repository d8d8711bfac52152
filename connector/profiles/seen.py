"""A column as its database shows it, and what that decides: the same for each kind of database."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol, TypeAlias, TypeVar

Sort: TypeAlias = Literal["text", "whole", "decimals", "binary", "day", "moment", "clock", "truth", "span", "bytes", "document"]
"""What values of a type are: texts, numbers without decimals, with them, binary fractions, days, days with a time of day, times of
day, true and false, lengths of time, bytes, values of several parts.
"""


class Seen(NamedTuple):
    """A column, as its database shows it."""

    shown: str
    """Its type, as a person writes it."""
    form: str | None
    """A name that types share when equal values have the same text; None where the text depends on more than the value."""
    sort: Sort | None = None
    """What its values are; None where nothing is said of them."""


ColumnOf: TypeAlias = Callable[[str, str], Seen | None]
"""A column by its table and its name; None where there is none."""

_ColumnT_co = TypeVar("_ColumnT_co", covariant=True)


class _Table(Protocol[_ColumnT_co]):
    @property
    def columns(self) -> Mapping[str, _ColumnT_co]: ...


def seen_in(tables: Mapping[str, _Table[_ColumnT_co]], see: Callable[[_ColumnT_co], Seen]) -> ColumnOf:
    """Looks up columns of a catalogue. see: what one is."""

    def column(table: str, name: str) -> Seen | None:
        found = tables.get(table)
        known = None if found is None else found.columns.get(name)
        return None if known is None else see(known)

    return column
