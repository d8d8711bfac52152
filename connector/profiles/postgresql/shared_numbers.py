"""Look for numbers that stand in two tables for the same institution: as records they would overwrite each other.

No value leaves the database but for a comparison with another one, and none is shown.
"""

from collections.abc import Callable, Mapping
from typing import Final

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from connector.findings import Finding, Severity
from connector.numbers import VISIT_KEY, Numbers
from connector.profiles.postgresql.login import logged_in
from connector.profiles.postgresql.names import quoted, quoted_table, split_table

_MOST: Final = 1_000
"""Where so many are found, no more are looked for."""
_NEWEST: Final = 5_000
"""Of each of two databases: so many of the highest numbers are looked up in the other one. Two series that overlap meet there."""

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


def shared_numbers(first: Numbers, second: Numbers, *, passwords: Mapping[str, str]) -> tuple[Finding, ...]:
    """The finding about two columns whose values name records of one kind; nothing where no number stands in both. One query for a
    pair in one database, four for one in two.
    """
    with logged_in(first.source, password=passwords[first.source.name]) as connection:
        if _place(first) == _place(second):
            found = _counted(lambda: _joined(connection, first, second))
        else:
            with logged_in(second.source, password=passwords[second.source.name]) as other:
                there = _counted(lambda: _of_highest(connection, first, other, second))
                found = _counted(lambda: _of_highest(other, second, connection, first)) if there == 0 else there
    if found is None:
        return (_unfinished(first, second),)
    return (_collide(first, second, found),) if found else ()


def _counted(look: Callable[[], int]) -> int | None:
    """What a look found; None where the server ended it because it took too long."""
    try:
        return look()
    except psycopg.errors.QueryCanceled:
        return None


def _place(numbers: Numbers) -> tuple[str, int, str, str]:
    source = numbers.source
    return source.host, source.port, source.database, source.user


def _joined(connection: psycopg.Connection[TupleRow], first: Numbers, second: Numbers) -> int:
    columns = [name for one in (first, second) for name in (quoted_table(one.table), one.column)]
    plain = connection.execute(_PLAIN, columns).fetchone()
    form = "a.{} = b.{}" if plain is not None and plain[0] else "btrim(a.{}::text) = btrim(b.{}::text)"
    query = _JOINED.format(
        first=sql.Identifier(*split_table(first.table)),
        second=sql.Identifier(*split_table(second.table)),
        same=sql.SQL(form).format(sql.Identifier(first.column), sql.Identifier(second.column)),
        of_first=_institution(first, "a"),
        of_second=_institution(second, "b"),
        most=sql.Literal(_MOST),
    )
    lists = [[*part] for one in (first, second) for part in (one.institutions.keys(), one.institutions.values())]
    row = connection.execute(query, lists).fetchone()
    return 0 if row is None else int(row[0])


def _of_highest(here: psycopg.Connection[TupleRow], numbers: Numbers, there: psycopg.Connection[TupleRow], others: Numbers) -> int:
    """How many of the highest numbers of one database stand in the other, too."""
    highest = _known(here.execute(_selected(_HIGHEST, numbers)).fetchall(), numbers)
    found = _known(there.execute(_selected(_FOUND, others), [[number for number, _ in highest]]).fetchall(), others)
    return len(highest & found)


def _selected(query: sql.SQL, numbers: Numbers) -> sql.Composed:
    return query.format(
        column=sql.Identifier(numbers.column),
        institution=_institution(numbers, "a"),
        table=sql.Identifier(*split_table(numbers.table)),
        most=sql.Literal(_NEWEST),
    )


def _known(rows: list[TupleRow], numbers: Numbers) -> set[tuple[str, str]]:
    """Number and institution's code of the rows that name an institution of the site."""
    return {(number, numbers.institutions[name]) for number, name in rows if number and name in numbers.institutions}


def _institution(numbers: Numbers, alias: str) -> sql.Composable:
    if numbers.institution is None:
        return sql.Literal(next(iter(numbers.institutions)))
    return sql.SQL("btrim({}.{}::text)").format(sql.Identifier(alias), sql.Identifier(numbers.institution))


def _collide(first: Numbers, second: Numbers, found: int) -> Finding:
    count = f"{found} or more" if found >= _MOST else f"{found}"
    harm = (
        "the rows of both would be taken for one visit"
        if first.names == VISIT_KEY
        else f"as {first.names} each names two records, which would overwrite each other at the platform"
    )
    columns = " and ".join(f"{quoted_table(one.table)}.{quoted(one.column)}" for one in (first, second))
    other = f"{first.source.name}: {first.table}.{first.column}"
    return Finding(
        where=f"{second.source.name}: {second.table}.{second.column}",
        what=f"has {count} numbers that also stand in {other} for the same institution: {harm}",
        mend=f"take the {first.names} from a column that shares no number with the other table's; shared now: {columns}",
    )


def _unfinished(first: Numbers, second: Numbers) -> Finding:
    return Finding(
        where=f"{second.source.name}: {second.table}.{second.column}",
        what=f"could not be compared with {first.source.name}: {first.table}.{first.column} in the time that a query may take",
        mend="ask the vendor whether a number can stand in both; an index on each column helps, then check again",
        severity=Severity.WARNS,
    )
