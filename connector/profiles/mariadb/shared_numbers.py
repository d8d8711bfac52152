"""Look in MariaDB for numbers that stand in two tables for the same institution; see `connector.shared_numbers`."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import pymysql

from connector.numbers import MOST, NEWEST, Known, Numbers
from connector.profiles.mariadb.login import Session, logged_in
from connector.profiles.mariadb.names import literal, quoted, quoted_table, split_table

_TOO_LONG: Final = frozenset({1969, 3024})
"""Numbers of the errors that say the server ended a statement because it took too long."""

_PLAIN: Final = """
SELECT count(*) = 2 AND count(DISTINCT column_type) = 1 AND min(collation_name IS NULL) = 1
FROM information_schema.columns
WHERE (table_schema = %s AND table_name = %s AND column_name = %s) OR (table_schema = %s AND table_name = %s AND column_name = %s)
"""

FoundT = TypeVar("FoundT")


def numbers_in_both(first: Numbers, second: Numbers, *, password: str) -> int | None:
    """How many numbers stand in two tables of one database, so many at most; None where the look took too long."""
    columns = [name for one in (first, second) for name in (*split_table(one.table), one.column)]

    def look(session: Session) -> int:
        ((plain,),) = session.rows(_PLAIN, columns)
        one, other = (f"{alias}.{quoted(each.column)}" for alias, each in (("a", first), ("b", second)))
        alike = plain and first.prefix == second.prefix
        same = f"{one} = {other}" if alike else f"{_whole(first, one)} = {_whole(second, other)}"
        query = (
            f"SELECT count(*) FROM (SELECT 1 FROM {quoted_table(first.table)} a JOIN {quoted_table(second.table)} b ON {same}"  # noqa: S608 - quoted names
            f" JOIN ({_institutions(first)}) i ON i.name = {_institution(first, 'a')}"
            f" JOIN ({_institutions(second)}) j ON j.name = {_institution(second, 'b')} AND j.code = i.code LIMIT {MOST}) found"
        )
        ((counted,),) = session.rows(query)
        return int(counted)

    return _looked(first, look, password=password)


def highest_numbers(numbers: Numbers, *, password: str) -> Known | None:
    """The highest numbers of a table; None where the look took too long."""
    query = f"{_selected(numbers)} ORDER BY a.{quoted(numbers.column)} DESC LIMIT {NEWEST}"
    return _looked(numbers, lambda session: numbers.known(session.rows(query)), password=password)


def numbers_among(numbers: Numbers, wanted: Sequence[str], *, password: str) -> Known | None:
    """Those of these numbers that stand in a table; None where the look took too long."""
    values = ", ".join(map(literal, wanted))
    query = f"{_selected(numbers)} WHERE {_text(f'a.{quoted(numbers.column)}')} IN ({values})"
    return _looked(numbers, lambda session: numbers.known(session.rows(query)), password=password)


def _looked(numbers: Numbers, look: Callable[[Session], FoundT], *, password: str) -> FoundT | None:
    with logged_in(numbers.source, password=password) as session:
        try:
            return look(session)
        except pymysql.Error as exc:
            if not exc.args or exc.args[0] not in _TOO_LONG:
                raise
            return None


def _selected(numbers: Numbers) -> str:
    column = f"a.{quoted(numbers.column)}"
    return f"SELECT {_text(column)}, {_institution(numbers, 'a')} FROM {quoted_table(numbers.table)} a"  # noqa: S608 - quoted names


def _whole(numbers: Numbers, column: str) -> str:
    """The same with what stands before it."""
    return f"CONCAT({literal(numbers.prefix)}, {_text(column)})" if numbers.prefix else _text(column)


def _text(column: str) -> str:
    """A value as it is compared: by its characters, without blanks at its ends."""
    return f"TRIM(CAST({column} AS CHAR CHARACTER SET utf8mb4)) COLLATE utf8mb4_bin"


def _institution(numbers: Numbers, alias: str) -> str:
    if numbers.institution is None:
        return f"{literal(next(iter(numbers.institutions)))} COLLATE utf8mb4_bin"
    return _text(f"{alias}.{quoted(numbers.institution)}")


def _institutions(numbers: Numbers) -> str:
    """What stands in rows for institutions, and the code of each, as a table."""
    rows = [f"SELECT {literal(name)} AS name, {literal(code)} AS code" for name, code in numbers.institutions.items()]
    return " UNION ALL ".join(rows)
