"""Count rows by what stands in their columns, and rows that name others which are not there, as the capture role and read-only."""

from typing import Final

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from connector.contract import CaptureSource
from connector.profiles.postgresql.counting import literal
from connector.profiles.postgresql.login import logged_in
from connector.profiles.postgresql.names import quoted, quoted_table, split_table
from connector.profiles.postgresql.rows import as_captured, see_as_capture
from connector.questions import Counted, Groups, Links, Products, Sums

_NO_NUMBERS: Final = frozenset({"22P02", "42846"})
"""A text that is no number; a type that cannot become one."""


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
        try:
            cursor.execute(_dangling(connection, asked).encode())
        except psycopg.errors.QueryCanceled:
            return None
        ((counted,),) = as_captured(cursor)
    return int(f"{counted}")


def _dangling(connection: "psycopg.Connection[TupleRow]", asked: Links) -> str:
    """Compared as the product compares them: by their text, of one column with the blanks of a `char(n)`, which `format` keeps."""
    form = "format('%s', {})" if len(asked.columns) == 1 else "btrim({}::text)"

    def of(alias: str, column: str) -> str:
        return form.format(f"{alias}.{quoted(column)}")

    def where(name: str) -> str:
        return sql.Identifier(*split_table(name)).as_string(connection)

    named = [f"btrim(a.{quoted(column)}::text) <> ''" for column in asked.columns]
    if asked.nulls:
        named += [f"btrim(a.{quoted(one)}::text) NOT IN ({', '.join(map(literal, asked.nulls))})" for one in asked.columns]
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


def count_otherwise(source: CaptureSource, asked: Products | Sums, *, longest_s: int, password: str) -> int | None:
    """How many rows have another amount. None where that takes longer, or the columns hold no numbers. Raises as `count_groups`."""
    query = _products(asked) if isinstance(asked, Products) else _sums(asked)
    with logged_in(source, password=password) as connection, connection.cursor() as cursor:
        see_as_capture(cursor, longest_s=longest_s)
        try:
            cursor.execute(query.encode())
        except psycopg.Error as exc:
            if isinstance(exc, psycopg.errors.QueryCanceled) or exc.sqlstate in _NO_NUMBERS:
                return None
            raise
        ((counted,),) = as_captured(cursor)
        return int(f"{counted}")


def _products(asked: Products) -> str:
    one, other, product = (f"a.{quoted(column)}::numeric" for column in (*asked.factors, asked.product))
    return f"SELECT count(*) FROM {quoted_table(asked.table)} a WHERE abs({one} * {other} - {product}) > {asked.tolerance}"  # noqa: S608 - quoted


def _sums(asked: Sums) -> str:
    key, link = f"btrim(s.{quoted(asked.key)}::text)", f"btrim(p.{quoted(asked.link)}::text)"
    made = f"SELECT {link} AS named, sum(p.{quoted(asked.amount)}::numeric) AS made FROM {quoted_table(asked.parts)} p GROUP BY 1"  # noqa: S608 - quoted
    return (
        f"SELECT count(*) FROM {quoted_table(asked.table)} s JOIN ({made}) f ON f.named = {key}"  # noqa: S608 - quoted
        f" WHERE abs(s.{quoted(asked.total)}::numeric - f.made) > {asked.tolerance}"
    )
