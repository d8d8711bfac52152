"""By which columns of which tables a mapping asks for rows of lookups, so that their types can be held against each other."""

from collections.abc import Iterator

from connector.contract import AskedLookup, TableRole
from streams.domain.roles import ROLE_OF
from streams.mapping.columns import ColumnUse, belongs
from streams.mapping.mapping_file import MappingFile
from streams.mapping.names import columns_in
from streams.mapping.sources import Source
from streams.mapping.tables import Table
from streams.spec.fields import ServiceCode


def lookups_by_table(written: MappingFile) -> dict[str, tuple[AskedLookup, ...]]:
    """Columns that name a row of a lookup as they stand, by table, each with what it must be the same as. What is made of several
    values, or of a lookup's own, is left out.
    """
    known = written.lookups
    found: dict[str, dict[AskedLookup, None]] = {table.table: {} for table in written.tables}
    for use, lookup, place in _asked(written):
        asked = known[lookup]
        for table in written.tables:
            if belongs(use, table, written):
                found[table.table][AskedLookup(use.column, asked.table, asked.asked_columns[place])] = None
    return {table: tuple(asked) for table, asked in found.items()}


def _asked(written: MappingFile) -> Iterator[tuple[ColumnUse, str, int]]:
    """A column, the lookup that it asks, and which of the columns by which that is asked it is held against."""
    for table in written.tables:
        for which in table.which.values():
            if which.lookup is not None:
                where = table.lookup_name if table.role is TableRole.LOOKUP else table.role
                for place, column in enumerate(columns_in(which.by)):
                    yield ColumnUse(where=where, column=column, table=table.table), which.lookup, place
        if table.role is TableRole.VISIT and (kind := table.kind or written.kind) is not None:
            yield from _of_source(kind, table)
    for service in ServiceCode:
        record = written.records.of(service)
        for table in (one for one in written.tables if one.role is ROLE_OF[service]):
            for source in {**({} if record is None else record.fields), **table.fields}.values():
                yield from _of_source(source, table)


def _of_source(source: Source, own: Table) -> Iterator[tuple[ColumnUse, str, int]]:
    if source.lookup is not None:
        for place, one in enumerate(source.by):
            if one.column is not None and one.lookup is None:
                yield _use(one, own), source.lookup, place
    for one in (*source.by, *(part for _, part in source.nested())):
        yield from _of_source(one, own)


def _use(source: Source, own: Table) -> ColumnUse:
    column = source.column or ""
    if source.of == "header":
        return ColumnUse(where=own.role, column=column, of_header=True, table=own.table)
    where = own.role if source.of is None else TableRole(source.of)
    if where is own.role:
        return ColumnUse(where=where, column=column, table=own.table)
    return ColumnUse(where=where, column=column, reader=own.table)
