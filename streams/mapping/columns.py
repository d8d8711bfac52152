"""Which columns of which table a mapping reads: nothing else leaves the hospital's database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from connector.contract import Reading, TableRole
from streams.domain.roles import ROLE_OF
from streams.mapping.mapping_file import MappingFile
from streams.mapping.names import columns_in
from streams.mapping.sources import Source, TimeForm
from streams.mapping.tables import Table
from streams.spec.fields import FieldKind, ServiceCode
from streams.spec.profiles import REPORTING

_KINDS: Final[Mapping[FieldKind, Literal["text", "decimal", "date", "datetime"]]] = {
    FieldKind.TEXT: "text",
    FieldKind.DECIMAL: "decimal",
    FieldKind.DATE: "date",
    FieldKind.DATETIME: "datetime",
}


class Reads(NamedTuple):
    """As what a value is read."""

    kind: FieldKind
    """The kind."""
    form: Literal["unix", "format", "compact", "fen"] | None = None
    """How it stands in the column, where not as databases write it."""
    exact: bool = False
    """Whether every digit of a decimal counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnUse:
    """One use of a column by a mapping."""

    where: TableRole | str
    """A role, or the name of a lookup."""
    column: str
    """The column."""
    time: str | None = None
    """`wall` or `instant` where it is read as a time."""
    reads: Reads | None = None
    """As what it is read for a field; None where any value will do, or it makes a part of one."""
    field: str | None = None
    """The interface field that it is read for, where it is one."""
    of_header: bool = False
    """Whether the column is one of the headers of that role's rows."""
    table: str | None = None
    """The table of that role whose rows, or whose rows' headers, have it; None: all of them."""
    reader: str | None = None
    """The table whose rows read it of another role's; None: rows of any."""


def columns_by_table(written: MappingFile) -> dict[str, tuple[str, ...]]:
    """All columns to capture by table: keys and links first, then what the sources read, in alphabetical order."""
    used = list(uses(written))
    found: dict[str, tuple[str, ...]] = {}
    for table in written.tables:
        named = [one.through.line_columns for one in written.tables if one.through is not None and one.through.table == table.table]
        links = (
            *(*table.visit_columns, *table.header_columns, *table.named_columns, *table.else_columns),
            *(table.settlement_column, table.latest),
        )
        first = dict.fromkeys(
            name for name in (*table.key, *links, *(name for names in named for name in names)) if name is not None
        )
        others = sorted(
            {
                *which_columns(table),
                *_settling_columns(table),
                *_equal_columns(table),
                *(use.column for use in used if belongs(use, table, written)),
            }
            - first.keys()
        )
        found[table.table] = (*first, *others)
    return found


def which_columns(table: Table) -> Iterator[str]:
    """A table's own columns by which its rows count."""
    for name, one in table.which.items():
        yield from (name,) if one.lookup is None else columns_in(one.by)


def _settling_columns(table: Table) -> Iterator[str]:
    """A fee table's own columns by which its lines find their settlement."""
    link = table.settlement
    if link is not None:
        yield from link.match
        yield from (link.lines.line,) if link.lines is not None and link.lines.line is not None else ()


def _equal_columns(table: Table) -> Iterator[str]:
    """A fee table's own columns by which a line is known that was inserted again."""
    yield from () if table.renumbered is None else table.renumbered.same


def times_by_table(written: MappingFile, time: str) -> dict[str, frozenset[str]]:
    """Columns that are read as times of one sort (`wall`, `instant`), by table."""
    used = [use for use in uses(written) if use.time == time]
    return {table.table: frozenset(use.column for use in used if belongs(use, table, written)) for table in written.tables}


def readings_by_table(written: MappingFile) -> dict[str, tuple[Reading, ...]]:
    """As what columns are read for the interface's fields, by table. Of several fields that read a column alike, the first."""
    used = [(use, use.field, use.reads) for use in uses(written)]
    found: dict[str, tuple[Reading, ...]] = {}
    for table in written.tables:
        alike = {
            (use.column, reads): Reading(use.column, name, _KINDS[reads.kind], reads.form, reads.exact)
            for use, name, reads in reversed(used)
            if name is not None and reads is not None and belongs(use, table, written)
        }
        found[table.table] = tuple(reversed(alike.values()))
    return found


def carried_by_table(written: MappingFile) -> dict[str, tuple[str, ...]]:
    """Of each table whose rows hang under a header, the columns of the header that its records read."""
    used = [use for use in uses(written) if use.of_header]
    carried = {
        table.table: tuple(sorted({use.column for use in used if use.where == table.role and use.table in (None, table.table)}))
        for table in written.tables
        if table.headers
    }
    return carried | {table.table: table.through.settlement_columns for table in written.tables if table.through is not None}


def belongs(use: ColumnUse, table: Table, written: MappingFile) -> bool:
    """Whether a use means a column of this table."""
    if use.of_header:
        under = (one for one in written.tables if one.role == use.where and use.table in (None, one.table))
        return any(table.table in one.headers for one in under)
    if use.table not in (None, table.table):
        return False
    if table.role is TableRole.LINK:
        return use.where == table.table
    if table.role is TableRole.LOOKUP:
        return use.where == table.lookup_name
    return use.where == table.role and (use.reader is None or may_be_of_one_visit(use.reader, table.table, written))


def may_be_of_one_visit(one: str, other: str, written: MappingFile) -> bool:
    """Whether rows of two tables can be of one visit. Where their prefixes say that they cannot, neither table need have what the
    other's records read of a visit or settlement.
    """
    by_name = {table.table: table for table in written.tables}
    return not _prefixes(by_name[one], by_name).isdisjoint(_prefixes(by_name[other], by_name))


def _prefixes(table: Table, by_name: Mapping[str, Table]) -> frozenset[str]:
    """What may stand before the visit keys of a table's rows, `""` for nothing: their own prefix, and those of their headers."""
    own = {table.prefix or ""} if table.visit_columns or table.else_columns else set()
    return frozenset(own).union(*(_prefixes(by_name[name], by_name) for name in table.headers))


def uses(written: MappingFile) -> Iterator[ColumnUse]:
    """Every column that the mapping reads, and what other sources read of its lookups."""
    yield from _own_uses(written)
    for reader in written.lent.readers.values():
        yield from (use for use in _own_uses(reader) if use.where in reader.lent.tables)


def _own_uses(written: MappingFile) -> Iterator[ColumnUse]:
    for role in ROLE_OF.values():
        belonging = written.institution.of(role)
        if belonging is not None and belonging.column is not None:
            yield ColumnUse(where=role, column=belonging.column, of_header=belonging.of is not None)
    for table in written.tables:
        yield from _of_table(table)
    yield from _of_kind(written)
    for service in ServiceCode:
        for table in (one for one in written.tables if one.role is ROLE_OF[service]):
            yield from _of_records(written, service, table)


def _of_records(written: MappingFile, service: ServiceCode, table: Table) -> Iterator[ColumnUse]:
    """The columns that the records of one table's rows read. Their own rows' are this table's alone."""
    record, own = written.records.of(service), ROLE_OF[service]
    kinds = {field.name: field.kind for field in REPORTING.services[service].fields}
    for name, source in {**({} if record is None else record.fields), **table.fields}.items():
        kind = FieldKind(source.read_as) if source.read_as else kinds.get(name, FieldKind.TEXT)
        timed = source.dictionary is None and kind in (FieldKind.DATE, FieldKind.DATETIME)
        for use in _of_source(source, own, _time(source) if timed else None, _reads(source, kind)):
            told = replace(use, field=name)
            yield replace(told, table=table.table) if use.where is own else replace(told, reader=table.table)


def _of_kind(written: MappingFile) -> Iterator[ColumnUse]:
    """The columns by which outpatient and inpatient are told apart, of the visit's row those of its own table."""
    for table in (one for one in written.tables if one.role is TableRole.VISIT):
        if (kind := table.kind or written.kind) is not None:
            for use in _of_source(kind, TableRole.VISIT, None):
                yield replace(use, table=table.table) if use.where is TableRole.VISIT else use


def _of_table(table: Table) -> Iterator[ColumnUse]:
    """The columns of other tables that decide about a table's rows."""
    if table.settlement is not None:
        for column in table.settlement.of_settlement:
            yield ColumnUse(where=TableRole.SETTLEMENT, column=column, reader=table.table)
    if table.through is not None:
        for column in table.through.settlement_columns:
            yield ColumnUse(where=table.through.table, column=column)
    for name, which in table.which.items():
        if which.lookup is not None:
            yield ColumnUse(where=which.lookup, column=name)


def _time(source: Source) -> str | None:
    """How a column is read that is read as a time; None where it stands there in a form of its own."""
    return None if isinstance(source.time, TimeForm) else source.time or "wall"


def _reads(source: Source, kind: FieldKind) -> Reads | None:
    """None for what is a code of the hospital's or a UUID: neither is reported as it stands there."""
    if source.dictionary is not None or source.compact is not None:
        return None
    if kind is FieldKind.DECIMAL:
        return Reads(kind, "fen" if source.money == "fen" else None, exact=not source.round)
    return Reads(kind, None if kind is FieldKind.TEXT else _form(source))


def _form(source: Source) -> Literal["unix", "format"] | None:
    written = source.time_form
    return None if written is None else "unix" if written.unix is not None else "format"


_ADDED_UP = frozenset({"product", "sum"})
"""Each of their parts is a decimal as they are."""
_DAYS = frozenset({"age", "days", "date"})


def _of_source(source: Source, own: TableRole, time: str | None, reads: Reads | None = None) -> Iterator[ColumnUse]:
    if source.lookup is not None and source.column is not None:
        yield ColumnUse(where=source.lookup, column=source.column, time=time, reads=reads)
        for one in source.by:
            yield from _of_source(one, own, None)
    elif source.column is not None and source.of == "header":
        yield ColumnUse(where=own, column=source.column, time=time, reads=reads, of_header=True)
    elif source.column is not None:
        where = own if source.of is None else TableRole(source.of)
        yield ColumnUse(where=where, column=source.column, time=time, reads=reads)
    choices = {way for way, _ in source.choices()}
    for way, one in source.nested():
        whole = way in choices and one.dictionary is None
        like = _time(one) if way[0] in _DAYS else time if whole else None
        yield from _of_source(one, own, like, reads if whole else _part_reads(way[0], reads))


def _part_reads(way: str | int, whole: Reads | None) -> Reads | None:
    """As what a value is read that another one is made of."""
    if way in _DAYS:
        return Reads(FieldKind.DATE, "compact")
    if way in ("part", "join") and whole is not None:
        return Reads(FieldKind.TEXT)
    if way in _ADDED_UP and whole is not None:
        return Reads(FieldKind.DECIMAL, exact=whole.exact)
    return None
