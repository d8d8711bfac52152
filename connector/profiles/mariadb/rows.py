"""Read a few rows as the capturing account, in the words in which capture sends them."""

from collections.abc import Mapping, Sequence
from typing import Final

from connector.contract import CapturedTable, CaptureSource
from connector.profiles.mariadb.login import Session, logged_in
from connector.profiles.mariadb.names import literal, quoted, quoted_table, split_table

_TYPES: Final = "SELECT column_name, lower(data_type) FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
_MOMENT: Final = "CONCAT(DATE_FORMAT({column}, '%Y-%m-%dT%H:%i:%s.%f'), 'Z')"
_FORMS: Final[Mapping[str, str]] = {"datetime": _MOMENT, "timestamp": _MOMENT, "date": "CONCAT({column}, 'Z')"}
"""By type, how a column is read. All others are the same as the server's text."""


def read_rows(
    source: CaptureSource, table: CapturedTable, *, where: Mapping[str, str], most: int, password: str
) -> list[dict[str, str | None]]:
    """The captured columns of the rows in which these values stand, so many at most. Raises Unreachable, Misconfigured, Refused."""
    columns = sorted(table.columns)
    with logged_in(source, password=password) as session:
        read = ", ".join(as_captured(session, table.name, columns))
        condition = " AND ".join(f"{quoted(column)} = {literal(value)}" for column, value in where.items())
        rows = session.rows(f"SELECT {read} FROM {quoted_table(table.name)} WHERE {condition} LIMIT {most}")  # noqa: S608 - quoted
    return [dict(zip(columns, row, strict=True)) for row in rows]


def as_captured(session: Session, table: str, columns: Sequence[str]) -> list[str]:
    """How the columns of a table are read in the words in which capture sends them."""
    session.rows("SET SESSION time_zone = '+00:00'")
    types = {f"{name}": f"{kind}" for name, kind in session.rows(_TYPES, split_table(table))}
    return [_FORMS.get(types.get(name, ""), "CAST({column} AS CHAR)").format(column=quoted(name)) for name in columns]
