"""Count rows by what stands in their columns, and rows that name others which are not there, as the capture role and read-only."""

from typing import Final

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from connector.contract import CaptureSource
from connector.profiles.postgresql.counting import literal
from connector.profiles.postgresql.login import logged_in
from connector.profiles.postgresql.names import quoted, split_table
from connector.profiles.postgresql.rows import as_captured, see_as_capture
from connector.questions import Counted, Groups, Links

_NO_OPERATOR: Final = "42883"
"""Of two types that the server does not compare."""


def count_groups(source: CaptureSource, asked: Groups, *, longest_s: int, password: str) -> Counted | None:
    """What stands in the columns, in the words in which capture sends it. None where that takes longer. Raises Unreachable,
    Misconfigured, Refused.
    """
    named = ", ".join(map(quoted, asked.columns))
    groups = f" GROUP BY {named} ORDER BY count(*) DESC LIMIT {asked.most}" if named else ""
    with logged_in(source, password=password) as connection, connection.cursor() as cursor:
        see_as_capture(cursor, longest_s=longest_s)
        where = sql.Identifier(*split_table(asked.table)).as_string(connection)
        try:
            cursor.execute(f"SELECT count(*){', ' + named if named else ''} FROM {where}{groups}".encode())  # noqa: S608 - quoted
        except psycopg.errors.QueryCanceled:
            return None
        return [(tuple(values), int(f"{count}")) for count, *values in as_captured(cursor)]


def count_dangling(source: CaptureSource, asked: Links, *, longest_s: int, password: str) -> int | None:
    """How many rows name one that is not there. Rows that name nothing do not count. None where that takes longer. Raises as
    `count_groups`.
    """
    with logged_in(source, password=password) as connection, connection.cursor() as cursor:
        see_as_capture(cursor, longest_s=longest_s)
        for as_text in (False, True):
            query = _dangling(connection, asked, as_text=as_text)
            try:
                cursor.execute(query.encode())
            except psycopg.errors.QueryCanceled:
                return None
            except psycopg.Error as exc:
                if as_text or exc.sqlstate != _NO_OPERATOR:
                    raise
                connection.rollback()
                see_as_capture(cursor, longest_s=longest_s)
                continue
            ((counted,),) = as_captured(cursor)
            return int(f"{counted}")
    raise AssertionError("texts can be compared")


def _dangling(connection: "psycopg.Connection[TupleRow]", asked: Links, *, as_text: bool) -> str:
    def of(alias: str, column: str) -> str:
        return f"btrim({alias}.{quoted(column)}::text)" if as_text else f"{alias}.{quoted(column)}"

    def where(name: str) -> str:
        return sql.Identifier(*split_table(name)).as_string(connection)

    named = [f"btrim(a.{quoted(column)}::text) <> ''" for column in asked.columns]
    if asked.among is not None:
        column, values = asked.among
        named.append(f"btrim(a.{quoted(column)}::text) IN ({', '.join(map(literal, values))})")
    absent = [
        f"NOT EXISTS (SELECT 1 FROM {where(other)} b WHERE "  # noqa: S608 - quoted names
        + " AND ".join(f"{of('b', key)} = {of('a', column)}" for column, key in zip(asked.columns, keys, strict=True))
        + ")"
        for other, keys in asked.others
    ]
    return f"SELECT count(*) FROM {where(asked.table)} a WHERE {' AND '.join([*named, *absent])}"  # noqa: S608 - quoted names
