"""Read a few rows as the capture role, in the words in which capture sends them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from connector.contract import CapturedTable, CaptureSource
from connector.profiles.postgresql.counting import literal
from connector.profiles.postgresql.login import logged_in
from connector.profiles.postgresql.names import quoted, split_table

_NO_VALUE_OF_THE_TYPE: Final = "22"


def _wall(text: str) -> str:
    return text.replace(" ", "T", 1) + "Z"


def _instant(text: str) -> str:
    return _wall(text.removesuffix("+00"))


_FORMS: Final[Mapping[int, Callable[[str], str]]] = {
    16: lambda text: "true" if text == "t" else "false",
    1082: lambda text: f"{text}Z",
    1114: _wall,
    1184: _instant,
}
"""By the type's OID (bool, date, timestamp, timestamptz): from the server's text to that of capture. All others are the same."""


def read_rows(
    source: CaptureSource, table: CapturedTable, *, where: Mapping[str, str], most: int, password: str
) -> list[dict[str, str | None]]:
    """The captured columns of the rows in which these values stand, so many at most. Raises Unreachable, Misconfigured, Refused."""
    columns = sorted(table.columns)
    with logged_in(source, password=password) as connection, connection.cursor() as cursor:
        see_as_capture(cursor)
        named = sql.Identifier(*split_table(table.name)).as_string(connection)
        condition = " AND ".join(f"{quoted(column)} = {literal(value)}" for column, value in where.items())
        query = f"SELECT {', '.join(map(quoted, columns))} FROM {named} WHERE {condition} LIMIT {most}"  # noqa: S608 - quoted
        try:
            cursor.execute(query.encode())
        except psycopg.Error as exc:
            if f"{exc.sqlstate}".startswith(_NO_VALUE_OF_THE_TYPE):  # a text where numbers stand
                return []
            raise
        return [dict(zip(columns, row, strict=True)) for row in as_captured(cursor)]


def see_as_capture(cursor: "psycopg.Cursor[TupleRow]", *, longest_s: int = 30) -> None:
    """Have the server show times in UTC, and fail where a policy hides rows. longest_s: of one statement."""
    cursor.execute(f"SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET row_security = off; SET statement_timeout = '{longest_s}s'")


def as_captured(cursor: "psycopg.Cursor[TupleRow]") -> Iterator[list[str | None]]:
    """The rows of the last answer, in the words in which capture sends them."""
    answer = cursor.pgresult
    assert answer is not None
    places = range(answer.nfields)
    forms = [_FORMS.get(answer.ftype(place), str) for place in places]
    for line in range(answer.ntuples):
        values = [answer.get_value(line, place) for place in places]
        yield [None if value is None else form(value.decode()) for form, value in zip(forms, values, strict=True)]
