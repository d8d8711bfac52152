"""What the types of MariaDB's columns decide: which keys can be the same, which times are instants, what capture cannot carry."""

from collections.abc import Iterator, Mapping
from typing import Final

from connector.contract import CapturedTable, CaptureSource
from connector.findings import Finding, Severity
from connector.profiles.mariadb.catalogue import Catalogue, Column, Table
from connector.profiles.mariadb.names import quoted, quoted_table
from connector.profiles.seen import Seen, Sort

_TEXT: Final = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_WHOLE: Final = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_WALL_CLOCK: Final = frozenset({"date", "datetime", "time", "year"})
_INSTANT: Final = "timestamp"
_UNREADABLE: Final = frozenset({"uuid", "inet4", "inet6"})
_DATED: Final = frozenset({"date", "datetime", "timestamp"})
_ANY: Final = "text"
_TRUE_OR_FALSE: Final = "bit(1)"
_SORTS: Final[Mapping[str, Sort]] = {
    **dict.fromkeys((*_TEXT, "enum"), "text"),
    **dict.fromkeys(_WHOLE, "whole"),
    **dict.fromkeys(("float", "double"), "binary"),
    **dict.fromkeys(("datetime", "timestamp"), "moment"),
    **dict.fromkeys(("bit", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "bytes"),
    **dict.fromkeys(("geometry", "point", "linestring", "polygon"), "document"),
    "time": "clock",
    "date": "day",
}


def check_types(wanted: CapturedTable, table: Table, *, zero_dates: bool) -> Iterator[Finding]:
    """What of the mapped columns' types capture carries otherwise than it stands there, or not at all. zero_dates: whether the
    server takes `0000-00-00`.
    """
    for column in table.columns.values():
        if column.type in _UNREADABLE:
            yield Finding(
                where=f"{wanted.name}.{column.name}",
                what=f"is {column.shown}: Debezium cannot read the structure of a table with such a column, and capture would end",
                mend=retype(wanted.name, column, "varchar(45)"),
            )
    for name in wanted.columns:
        if (column := table.columns.get(name)) is None:  # type: ignore[assignment]  # looked up by name
            continue
        yield from _carried_otherwise(wanted, column, zero_dates=zero_dates)
    yield from _times(wanted, table)


def _carried_otherwise(wanted: CapturedTable, column: Column, *, zero_dates: bool) -> Iterator[Finding]:
    where = f"{wanted.name}.{column.name}"
    if column.virtual:
        yield Finding(
            where=where,
            what="is computed when it is read: that the log carries its value was never run",
            mend="map the columns that it is computed from",
            severity=Severity.WARNS,
        )
    if column.type == "bigint" and "unsigned" in column.shown:
        yield Finding(
            where=where,
            what="is bigint unsigned: what is above 9223372036854775807 is captured as a negative number",
            mend=retype(wanted.name, column, "decimal(20)"),
            severity=Severity.WARNS,
        )
    if column.type == "time":
        yield Finding(
            where=where,
            what="is a time: a negative one with fractions is captured as NULL, one of 24 hours or more ends the capture",
            mend="map a datetime, or a varchar that holds the same",
            severity=Severity.WARNS,
        )
    if zero_dates and column.type in _DATED and column.not_null:
        yield Finding(
            where=where,
            what=f"is {column.shown} NOT NULL, and the server takes 0000-00-00, which is captured as 1970-01-01",
            mend=f"UPDATE …;  -- what is 0 to NULL, after: ALTER TABLE {quoted_table(wanted.name)} MODIFY {quoted(column.name)} "
            f"{column.shown} NULL;",
            severity=Severity.WARNS,
        )


def _times(wanted: CapturedTable, table: Table) -> Iterator[Finding]:
    """Times without a zone and instants are captured alike, with a Z; read as the other kind, a time is eight hours wrong."""
    for name in sorted(wanted.wall_clock):
        if (column := table.columns.get(name)) is not None and column.type == _INSTANT:
            yield Finding(
                where=f"{wanted.name}.{name}",
                what=f"is {column.shown}, an instant, and the mapping reads it as a wall clock",
                mend="write `time: instant` in the mapping (it is shown in the site's zone)",
            )
    for name in sorted(wanted.instants):
        if (column := table.columns.get(name)) is not None and column.type in _WALL_CLOCK:
            yield Finding(
                where=f"{wanted.name}.{name}",
                what=f"is {column.shown}, a wall clock, and the mapping reads it as an instant",
                mend="write `time: wall` in the mapping (it is shown as it is stored)",
            )


def seen(column: Column) -> Seen:
    """What a column is."""
    return Seen(column.shown, form_of(column), _sort(column))


def _sort(column: Column) -> Sort | None:
    if column.shown == _TRUE_OR_FALSE:
        return "truth"
    if column.type == "decimal":
        return "whole" if form_of(column) == "0 decimals" else "decimals"
    return _SORTS.get(column.type)


def check_visit_keys(source: CaptureSource, catalogue: Catalogue) -> Iterator[Finding]:
    """Check that visit keys have types whose texts can be the same in all tables: the number 7 and the text `7` are one key, `7`
    and `7.00` are two.
    """
    for place in range(max((len(table.visit_key) for table in source.tables), default=0)):
        first: tuple[str, Column] | None = None
        for table in source.tables:
            column = _visit_key(catalogue, table, place)
            if column is None:
                continue
            where, form = f"{table.name}.{column.name}", form_of(column)
            if form is None:
                yield Finding(
                    where=where,
                    what=f"is a visit key of type {column.shown}, which carries no dependable text",
                    mend=retype(table.name, column, "varchar(30)"),
                )
            elif first is None:
                first = where, column
            elif not alike(form, f"{form_of(first[1])}"):
                yield Finding(
                    where=where,
                    what=f"is a visit key of type {column.shown}, and {first[0]} is {first[1].shown}: captured as text, the two are"
                    " never the same, and one visit's rows would part ways",
                    mend=retype(table.name, column, first[1].shown),
                )


def _visit_key(catalogue: Catalogue, table: CapturedTable, place: int) -> Column | None:
    found = catalogue.tables.get(table.name)
    return None if found is None or len(table.visit_key) <= place else found.columns.get(table.visit_key[place])


def form_of(column: Column) -> str | None:
    """A name that types share when equal values have the same text; None for types whose text depends on more than the value.
    MariaDB itself takes the blanks from a `char`.
    """
    if column.type in _TEXT:
        return _ANY
    if column.type in _WHOLE:
        return "0 decimals"
    if column.type == "decimal":
        _, _, scale = column.shown.partition("(")[2].partition(")")[0].partition(",")
        return f"{scale.strip() or 0} decimals"
    return column.type if column.type in ("date", "datetime", "timestamp", "enum") else None


def alike(one: str, other: str) -> bool:
    """Whether values of two forms can have the same text. Anything may stand in a text."""
    return one == other or _ANY in (one, other)


def retype(table: str, column: Column, wanted: str) -> str:
    """The SQL that gives a column another type."""
    null = " NOT NULL" if column.not_null else ""
    return f"ALTER TABLE {quoted_table(table)} MODIFY {quoted(column.name)} {wanted}{null};  -- rewrites the table"
