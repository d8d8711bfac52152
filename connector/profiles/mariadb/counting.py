"""Count rows of a table as the capturing account sees them, read their keys, and write conditions in SQL for it."""

from collections.abc import Iterator, Sequence
from typing import Final

import pymysql

from connector.contract import CapturedTable, CaptureSource
from connector.errors import BadCondition, Misconfigured
from connector.profiles.mariadb.login import logged_in
from connector.profiles.mariadb.names import literal, quoted, quoted_list, quoted_table

_LONGEST_S: Final = 900
_NOT_UNDERSTOOD: Final = frozenset({1052, 1054, 1064, 1241, 1247, 1267, 1292, 1305, 1366, 1411, 1582})
"""Numbers of the errors that say the condition is at fault: it does not fit the data, or is no SQL."""


def condition_of_keys(table: CapturedTable, keys: Sequence[str | tuple[str, ...]]) -> str:
    """The rows with these keys. A key of several columns is a tuple, or written with commas, in the order of the mapping. Raises
    Misconfigured for one with another number of values than the key has columns.
    """
    return " OR ".join(_condition(table, key) for key in keys)


def count_rows(source: CaptureSource, table: CapturedTable, *, where: str | None, password: str) -> int:
    """How many rows the table has, of those that the condition leaves. Raises BadCondition for a condition that the database does
    not understand, Unreachable, Refused.
    """
    counting = f"SELECT count(*) FROM {quoted_table(table.name)}"  # noqa: S608 - a quoted name
    with logged_in(source, password=password, longest_s=_LONGEST_S) as session:
        try:
            ((counted,),) = session.rows(counting if where is None else f"{counting} WHERE ({where})")
        except pymysql.Error as exc:
            if where is None or not exc.args or exc.args[0] not in _NOT_UNDERSTOOD:
                raise
            told = f"the database does not understand the condition `{where}`: {exc.args[1]}"
            raise BadCondition(f"table {table.name}: {told}") from exc
        return int(counted)


def read_keys(source: CaptureSource, table: CapturedTable, *, where: str | None, password: str) -> Iterator[tuple[str, ...]]:
    """The keys of the rows that the table has, of those that the condition leaves, as text. Raises as `count_rows`, which has
    understood the condition before.
    """
    columns = ", ".join(f"CAST({quoted(name)} AS CHAR)" for name in table.key)
    reading = f"SELECT {columns} FROM {quoted_table(table.name)}"  # noqa: S608 - quoted names
    with logged_in(source, password=password, longest_s=_LONGEST_S) as session:
        for row in session.each(reading if where is None else f"{reading} WHERE ({where})"):
            yield tuple([f"{value}" for value in row])


def _condition(table: CapturedTable, key: str | tuple[str, ...]) -> str:
    values = key if isinstance(key, tuple) else (key,) if len(table.key) == 1 else key.split(",")
    if len(values) != len(table.key):
        raise Misconfigured(
            f"--key {key}: the key of {table.name} is {', '.join(table.key)}; give {len(table.key)} values with commas between them"
        )
    pairs = zip(table.key, values, strict=True)
    return " AND ".join(f"{quoted_list((column,))} = {literal(value)}" for column, value in pairs)
