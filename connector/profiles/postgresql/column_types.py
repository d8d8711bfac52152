"""What the types of PostgreSQL's columns decide: a visit's partition, and whether a time is a wall clock or an instant. Pure."""

from collections.abc import Iterator

from connector.contract import CapturedTable, CaptureSource
from connector.findings import Finding, Severity
from connector.profiles.postgresql.catalogue import Catalogue, Column, Table
from connector.profiles.postgresql.names import quoted, quoted_table

_TEXT = ("text", "varchar")
_WHOLE = ("int4", "int8")
_WALL_CLOCK = ("date", "timestamp", "time")
_INSTANT = ("timestamptz",)


def check_visit_keys(source: CaptureSource, catalogue: Catalogue) -> Iterator[Finding]:
    """Check that visit keys have types that hash alike in all tables. Debezium hashes a value in its own type: the number 7 and the
    text `7` would go to different partitions.
    """
    keys = [
        (f"{table.name}.{table.visit_key}", table, found.columns[table.visit_key])
        for table in source.tables
        if table.visit_key is not None
        and (found := catalogue.tables.get(table.name)) is not None
        and table.visit_key in found.columns
    ]
    for where, table, column in keys:
        if _hash_class(column) is None:
            yield Finding(
                where=where,
                what=f"is a visit key of type {column.shown}, which carries no dependable text",
                mend=_retype(table.name, column, "varchar(30)"),
            )
    classes = sorted({kind for _, _, column in keys if (kind := _hash_class(column)) is not None})
    if len(classes) > 1:
        wanted = "text" if "text" in classes else classes[0]
        for where, table, column in keys:
            if _hash_class(column) not in (None, wanted):
                yield Finding(
                    where=where,
                    what=f"is a visit key of type {column.shown}, in other tables it is {wanted}: one visit's rows would part ways",
                    mend=_retype(table.name, column, "varchar(30)" if wanted == "text" else wanted),
                )


def check_times(wanted: CapturedTable, table: Table) -> Iterator[Finding]:
    """Check that times are of the kind that the mapping reads them as. Debezium writes times without a zone and instants alike,
    with a Z; read as the other kind, a time is eight hours wrong.
    """
    for name in sorted(wanted.wall_clock):
        if (column := table.columns.get(name)) is not None and column.type in _INSTANT:
            yield Finding(
                where=f"{wanted.name}.{name}",
                what=f"is {column.shown}, an instant, and the mapping reads it as a wall clock",
                mend="give the field a time zone in the mapping (an instant is converted into it)",
            )
    for name in sorted(wanted.instants):
        if (column := table.columns.get(name)) is not None and column.type in _WALL_CLOCK:
            yield Finding(
                where=f"{wanted.name}.{name}",
                what=f"is {column.shown}, a wall clock, and the mapping reads it as an instant",
                mend="take the time zone from the field in the mapping (a wall clock is taken as it is)",
            )
    for name in sorted(wanted.wall_clock | wanted.instants):
        if (column := table.columns.get(name)) is not None and column.type == "timetz":
            yield Finding(
                where=f"{wanted.name}.{name}",
                what="is a time with time zone, which is captured in UTC",
                mend="map a timestamp column instead",
                severity=Severity.WARNS,
            )


def _hash_class(column: Column) -> str | None:
    """A name that types share when they hash equal values alike; None for types that cannot be a visit key. `char(n)` is padded
    with blanks, so it hashes alike only at the same length.
    """
    if column.type in _TEXT:
        return "text"
    if column.type in _WHOLE:
        return "bigint"
    if column.type in ("bpchar", "uuid"):
        return column.shown
    return None


def _retype(table: str, column: Column, wanted: str) -> str:
    name = quoted(column.name)
    return f"ALTER TABLE {quoted_table(table)} ALTER COLUMN {name} TYPE {wanted} USING {name}::{wanted};  -- rewrites the table"
