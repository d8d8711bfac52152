"""What the types of PostgreSQL's columns decide: which keys can be the same, and whether a time is a wall clock or an instant."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from connector.contract import CapturedTable, CaptureSource
from connector.findings import Finding, Severity
from connector.profiles.postgresql.catalogue import Catalogue, Column, Table
from connector.profiles.postgresql.names import quoted, quoted_table
from connector.profiles.seen import Seen, Sort

_TEXT = ("text", "varchar")
_WHOLE = ("int2", "int4", "int8")
_TIMES = ("date", "timestamp", "timestamptz", "time", "timetz")
_ANY = "text"
_TRUE_OR_FALSE = "bit(1)"
_NUMBER = "number"
_WITHOUT_BLANKS = (
    "; or leave the tables as they are and give all of them the same `prefix` in the mapping: blanks do not count then"
)
_WALL_CLOCK = ("date", "timestamp", "time")
_INSTANT = ("timestamptz",)
_SORTS: Final[Mapping[str, Sort]] = {
    **dict.fromkeys((*_TEXT, "bpchar"), "text"),
    **dict.fromkeys(_WHOLE, "whole"),
    **dict.fromkeys(("float4", "float8"), "binary"),
    **dict.fromkeys(("timestamp", "timestamptz"), "moment"),
    **dict.fromkeys(("time", "timetz"), "clock"),
    **dict.fromkeys(("bytea", "bit", "varbit"), "bytes"),
    **dict.fromkeys(("json", "jsonb", "hstore", "point"), "document"),
    "date": "day",
    "bool": "truth",
    "money": "decimals",
    "interval": "span",
}


def check_visit_keys(source: CaptureSource, catalogue: Catalogue) -> Iterator[Finding]:
    """Check that visit keys have types whose texts can be the same in all tables: they are compared as the text that is captured.
    The number 7 and the text `7` are one key; `7` and `7.00` are two, and so are a `char(10)` with its blanks and a text.
    """
    known = [
        [
            (f"{table.name}.{name}", table, column)
            for table in source.tables
            if len(table.visit_key) > place
            and (found := catalogue.tables.get(table.name)) is not None
            and (name := table.visit_key[place]) in found.columns
            and (column := found.columns[name]) is not None
        ]
        for place in range(max((len(table.visit_key) for table in source.tables), default=0))
    ]
    for keys in known:
        yield from _undependable(keys)
        first = next(((where, column) for where, _, column in keys if form_of(column) is not None), None)
        for where, table, column in keys:
            form = form_of(column)
            if first is not None and form is not None and not _meet(form, f"{form_of(first[1])}", trimmed=table.trimmed):
                yield Finding(
                    where=where,
                    what=f"is a visit key of type {column.shown}, and {first[0]} is {first[1].shown}: captured as text, the two are"
                    " never the same, and one visit's rows would part ways",
                    mend=retype(table.name, column, first[1].shown) + _WITHOUT_BLANKS * ("bpchar" in (column.type, first[1].type)),
                )


def _meet(form: str, other: str, *, trimmed: bool) -> bool:
    return alike_without_blanks(form, other) if trimmed else alike(form, other)


def _undependable(keys: Sequence[tuple[str, CapturedTable, Column]]) -> Iterator[Finding]:
    for where, table, column in keys:
        if form_of(column) is None:
            yield Finding(
                where=where,
                what=f"is a visit key of type {column.shown}, which carries no dependable text",
                mend=retype(table.name, column, "varchar(30)"),
            )


def form_of(column: Column) -> str | None:
    """A name that types share when equal values have the same text; None for types whose text depends on more than the value."""
    if column.type in _TEXT:
        return _ANY
    if column.type in _WHOLE:
        return "0 decimals"
    if column.type == "numeric":
        if "(" not in column.shown:
            return _NUMBER
        _, _, scale = column.shown.rstrip(")").partition(",")
        return f"{scale.strip() or 0} decimals"
    if column.type in (*_TIMES, "uuid", "bool"):
        return column.type
    return column.shown if column.type == "bpchar" else None


def alike(one: str, other: str) -> bool:
    """Whether values of two forms can have the same text. Anything may stand in a text, but for the blanks of a `char(n)`."""
    if one == other:
        return True
    if any(form.startswith("character(") for form in (one, other)):
        return False
    return _ANY in (one, other) or (_NUMBER in (one, other) and all(form.endswith(("decimals", _NUMBER)) for form in (one, other)))


def alike_without_blanks(one: str, other: str) -> bool:
    """As `alike`, of what is compared without the blanks at its ends."""
    return alike(*(_ANY if form.startswith("character(") else form for form in (one, other)))


def seen(column: Column) -> Seen:
    """What a column is."""
    return Seen(column.shown, form_of(column), _sort(column))


def _sort(column: Column) -> Sort | None:
    if column.type == "numeric":
        return "whole" if form_of(column) == "0 decimals" else "decimals"
    if column.shown == _TRUE_OR_FALSE:
        return "truth"
    return _SORTS.get(column.type)


def check_times(wanted: CapturedTable, table: Table) -> Iterator[Finding]:
    """Check that times are of the kind that the mapping reads them as. Debezium writes times without a zone and instants alike,
    with a Z; read as the other kind, a time is eight hours wrong.
    """
    for name in sorted(wanted.wall_clock):
        if (column := table.columns.get(name)) is not None and column.type in _INSTANT:
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
    for name in sorted(wanted.wall_clock | wanted.instants):
        if (column := table.columns.get(name)) is not None and column.type == "timetz":
            yield Finding(
                where=f"{wanted.name}.{name}",
                what="is a time with time zone, which is captured in UTC",
                mend="map a timestamp column instead",
                severity=Severity.WARNS,
            )


def retype(table: str, column: Column, wanted: str) -> str:
    """The SQL that gives a column another type."""
    name = quoted(column.name)
    return f"ALTER TABLE {quoted_table(table)} ALTER COLUMN {name} TYPE {wanted} USING {name}::{wanted};  -- rewrites the table"
