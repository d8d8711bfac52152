"""Look in PostgreSQL for numbers that stand in two tables for the same institution; see `connector.shared_numbers`."""

from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg import sql

from connector.numbers import MOST, NEWEST, Known, Numbers
from connector.profiles.postgresql.login import logged_in
from connector.profiles.postgresql.names import quoted_table, split_table

_PLAIN: Final = """
SELECT count(DISTINCT (a.atttypid, a.atttypmod)) = 1 AND bool_and(t.typcategory <> 'S')
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE (a.attrelid = to_regclass(%s) AND a.attname = %s) OR (a.attrelid = to_regclass(%s) AND a.attname = %s)
"""

_JOINED: Final = sql.SQL("""
SELECT count(*) FROM (
    SELECT 1 FROM {first} a JOIN {second} b ON {same}
    JOIN unnest(%s::text[], %s::text[]) AS i(name, code) ON i.name = {of_first}
    JOIN unnest(%s::text[], %s::text[]) AS j(name, code) ON j.name = {of_second} AND j.code = i.code
    LIMIT {most}
) found
""")

_HIGHEST: Final = sql.SQL(
    "SELECT btrim(a.{column}::text), {institution} FROM {table} a ORDER BY a.{column} DESC NULLS LAST LIMIT {most}"
)
_FOUND: Final = sql.SQL("SELECT btrim(a.{column}::text), {institution} FROM {table} a WHERE btrim(a.{column}::text) = ANY(%s)")


def numbers_in_both(first: Numbers, second: Numbers, *, password: str) -> int | None:
    """How many numbers stand in two tables of one database, so many at most; None where the server ended the query because it took
    too long.
    """
    columns = [name for one in (first, second) for name in (quoted_table(one.table), one.column)]
    with logged_in(first.source, password=password) as connection:
        plain = connection.execute(_PLAIN, columns).fetchone()
        alike = first.prefix == second.prefix and plain is not None and plain[0]
        ours, theirs = (_text(each, alias, whole=not alike) for each, alias in ((first, "a"), (second, "b")))
        query = _JOINED.format(
            first=sql.Identifier(*split_table(first.table)),
            second=sql.Identifier(*split_table(second.table)),
            same=sql.SQL("{} = {}").format(ours, theirs),
            of_first=_institution(first, "a"),
            of_second=_institution(second, "b"),
            most=sql.Literal(MOST),
        )
        lists = [[*part] for one in (first, second) for part in (one.institutions.keys(), one.institutions.values())]
        try:
            row = connection.execute(query, lists).fetchone()
        except psycopg.errors.QueryCanceled:
            return None
    return 0 if row is None else int(row[0])


def highest_numbers(numbers: Numbers, *, password: str) -> Known | None:
    """The highest numbers of a table; None where the look took too long."""
    return _found(numbers, _HIGHEST, (), password=password)


def numbers_among(numbers: Numbers, wanted: Sequence[str], *, password: str) -> Known | None:
    """Those of these numbers that stand in a table; None where the look took too long."""
    return _found(numbers, _FOUND, [[*wanted]], password=password)


def _found(numbers: Numbers, look: sql.SQL, values: Sequence[list[str]], *, password: str) -> Known | None:
    query = look.format(
        column=sql.Identifier(numbers.column),
        institution=_institution(numbers, "a"),
        table=sql.Identifier(*split_table(numbers.table)),
        most=sql.Literal(NEWEST),
    )
    with logged_in(numbers.source, password=password) as connection:
        try:
            return numbers.known(connection.execute(query, values).fetchall())
        except psycopg.errors.QueryCanceled:
            return None


def _text(numbers: Numbers, alias: str, *, whole: bool) -> sql.Composable:
    """A number as it is compared: as it stands, or (whole) by its characters, without blanks at its ends, with its prefix."""
    column = sql.Identifier(alias, numbers.column)
    return sql.SQL("{} || btrim({}::text)").format(sql.Literal(numbers.prefix), column) if whole else column


def _institution(numbers: Numbers, alias: str) -> sql.Composable:
    if numbers.institution is None:
        return sql.Literal(next(iter(numbers.institutions)))
    return sql.SQL("btrim({}.{}::text)").format(sql.Identifier(alias), sql.Identifier(numbers.institution))
