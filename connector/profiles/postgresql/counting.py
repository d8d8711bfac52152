"""Count rows of a table as the capture role sees them, read their keys, and write conditions in SQL for it."""

from collections.abc import Iterator, Sequence

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from connector.contract import CapturedTable, CaptureSource
from connector.errors import BadCondition, Misconfigured
from connector.profiles.postgresql.login import logged_in
from connector.profiles.postgresql.names import quoted, split_table

_LONGEST = "15min"
_NOT_UNDERSTOOD = ("22", "42")
"""Beginnings of the SQLSTATEs that say the condition is at fault: it does not fit the data, or is no SQL."""


def condition_of_keys(table: CapturedTable, keys: Sequence[str | tuple[str, ...]]) -> str:
    """The rows with these keys. A key of several columns is a tuple, or written with commas, in the order of the mapping. Raises
    Misconfigured for one with another number of values than the key has columns.
    """
    return " OR ".join(_condition(table, key) for key in keys)


def count_rows(source: CaptureSource, table: CapturedTable, *, where: str | None, password: str) -> int:
    """How many rows the table has, of those that the condition leaves. Raises BadCondition for a condition that the database does
    not understand, Unreachable, Refused.
    """
    with logged_in(source, password=password) as connection:
        _see_all(connection)
        try:
            return _counted(connection, table.name, where)
        except psycopg.Error as exc:
            if where is None or f"{exc.sqlstate}"[:2] not in _NOT_UNDERSTOOD or exc.sqlstate == "42501":
                raise
            told = exc.diag.message_primary or type(exc).__name__
            raise BadCondition(f"table {table.name}: the database does not understand the condition `{where}`: {told}") from exc


def read_keys(source: CaptureSource, table: CapturedTable, *, where: str | None, password: str) -> Iterator[tuple[str, ...]]:
    """The keys of the rows that the table has, of those that the condition leaves, as text. Raises as `count_rows`, which has
    understood the condition before.
    """
    with logged_in(source, password=password) as connection, connection.cursor() as cursor:
        _see_all(connection)
        columns = ", ".join(map(quoted, table.key))
        reading = f"SELECT {columns} FROM {sql.Identifier(*split_table(table.name)).as_string(connection)}"  # noqa: S608 - quoted names
        with cursor.copy(f"COPY ({reading}{'' if where is None else f' WHERE ({where})'}) TO STDOUT".encode()) as copy:
            for row in copy.rows():
                yield tuple([f"{value.decode('utf-8', 'replace') if isinstance(value, bytes) else value}" for value in row])


def _see_all(connection: psycopg.Connection[TupleRow]) -> None:
    """Have a reading take its time, and fail where a row security policy would hide rows: those are there, and count as gone."""
    connection.execute(sql.SQL("SET statement_timeout = {}").format(_LONGEST))
    connection.execute("SET row_security = off")


def _counted(connection: psycopg.Connection[TupleRow], table: str, where: str | None) -> int:
    counting = f"SELECT count(*) FROM {sql.Identifier(*split_table(table)).as_string(connection)}"  # noqa: S608 - a quoted name
    row = connection.execute((counting if where is None else f"{counting} WHERE ({where})").encode()).fetchone()
    assert row is not None
    return int(row[0])


def _condition(table: CapturedTable, key: str | tuple[str, ...]) -> str:
    values = key if isinstance(key, tuple) else (key,) if len(table.key) == 1 else key.split(",")
    if len(values) != len(table.key):
        raise Misconfigured(
            f"--key {key}: the key of {table.name} is {', '.join(table.key)}; give {len(table.key)} values with commas between them"
        )
    pairs = zip(table.key, values, strict=True)
    return " AND ".join(f"{quoted(column)} = {literal(value)}" for column, value in pairs)


def literal(value: str) -> str:
    """A value in quotes. One with a backslash is written so that it means the same whatever the server's settings are."""
    doubled = value.replace("'", "''")
    return f" E'{doubled.replace(chr(92), chr(92) * 2)}'" if "\\" in value else f"'{doubled}'"
