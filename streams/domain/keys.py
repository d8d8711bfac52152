"""What a key may look like, and how the values of several columns become one."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

SEPARATOR: Final = "\x1f"
"""Stands between the parts of a state key."""

ONE_OF: Final = "\x1e"
"""Stands between values of which only one can be meant."""

_OF_HEADER: Final = "header."
_BETWEEN: Final = "/"
_ESCAPE: Final = "\\"


class VisitKey(NamedTuple):
    """Which columns of a table's rows name their visit."""

    columns: tuple[str, ...]
    """In an order that is the same in all tables."""
    prefix: str = ""
    """Stands before the key, so that numbers of two tables that count alike cannot meet."""

    def of(self, row: Mapping[str, str | None]) -> str | None:
        """The visit key of a row; None where it names no visit.

        Blanks at the ends of a part say nothing, because the same number may stand in a `char(10)` here and in a text there. One
        column alone is taken as it stands: so sites have it in their state.
        """
        if len(self.columns) == 1 and not self.prefix:
            key = row.get(self.columns[0])
            return key if names_something(key) else None
        key = named(row, self.columns)
        return None if key is None else self.prefix + key

    @property
    def is_composed(self) -> bool:
        """Whether it is more than the value of one column."""
        return len(self.columns) > 1 or bool(self.prefix)


def named(row: Mapping[str, str | None], columns: Iterable[str]) -> str | None:
    """The values of several columns of a row as one text, without blanks at the ends of each; None where one names nothing."""
    return joined(None if value is None else value.strip() for value in map(row.get, columns))


def names_something(value: str | None) -> bool:
    """Whether a key column's value can name anything: it is not blank, and state keys can be taken apart again."""
    return value is not None and (value.isalnum() or (value.strip() != "" and SEPARATOR not in value))


def of_header(column: str) -> str:
    """The name under which a column of a row's header stands among the row's own."""
    return _OF_HEADER + column


def is_of_header(name: str) -> bool:
    """Whether this is such a name."""
    return name.startswith(_OF_HEADER)


def joined(parts: Iterable[str | None]) -> str | None:
    """The values of several key columns as one text, of one column its value; None where a part names nothing. Different parts
    never give the same text: a `/` inside of one of several has a backslash before it.
    """
    values = []
    for part in parts:
        if part is None or not names_something(part):
            return None
        values.append(part)
    if len(values) == 1:
        return values[0]
    return _BETWEEN.join(one.replace(_ESCAPE, _ESCAPE * 2).replace(_BETWEEN, _ESCAPE + _BETWEEN) for one in values) or None
