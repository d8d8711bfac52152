"""What a site asks of capture: its databases, and of each table only the columns that the mapping reads."""

from collections.abc import Sequence
from dataclasses import replace

from connector.contract import CapturedTable, CaptureSource, TableRole
from streams.domain.several_roles import in_database, roles_apart
from streams.mapping.asking import lookups_by_table
from streams.mapping.columns import columns_by_table, readings_by_table, times_by_table
from streams.mapping.compiling import visit_key_of
from streams.mapping.mapping_file import MappingFile
from streams.mapping.site_file import Site


def capture_sources(site: Site) -> tuple[CaptureSource, ...]:
    """The databases of a site, in the order of the file."""
    return tuple(
        CaptureSource(
            name=name,
            kind=source.kind,
            host=source.host,
            port=source.port,
            database=source.database,
            user=source.user,
            password_file=str(source.password_file),
            password_reference=source.connect_password,
            sslmode=source.sslmode,
            ca_file=None if source.ca_file is None else str(source.ca_file),
            connect_ca_file=source.connect_ca_file or (None if source.ca_file is None else str(source.ca_file)),
            publication=source.publication,
            slot=source.slot,
            server_id=source.server_id,
            heartbeat_table=source.heartbeat_table,
            tables=_tables(site.mappings[name]),
            sharded=_sharded(site.mappings[name]),
        )
        for name, source in site.sources.items()
    )


def _sharded(mapping: MappingFile) -> tuple[str, ...]:
    names = (name for table in mapping.tables for _, name in [table.written])
    return tuple(dict.fromkeys(name for name in names if "*" in name))


def _tables(mapping: MappingFile) -> tuple[CapturedTable, ...]:
    headers = {name for table in mapping.tables for name in table.headers}
    links = {table.through.table: table.through.line_columns for table in mapping.tables if table.through is not None}
    columns, wall, instants = columns_by_table(mapping), times_by_table(mapping, "wall"), times_by_table(mapping, "instant")
    readings, lookups = readings_by_table(mapping), lookups_by_table(mapping)
    tables = [
        CapturedTable(
            name=table.table,
            role=table.role,
            key=table.key,
            visit_key=table.visit_columns or table.else_columns,
            columns=columns[table.table],
            lookup=table.lookup_name if table.role is TableRole.LOOKUP else None,
            wall_clock=wall[table.table],
            instants=instants[table.table],
            readings=readings[table.table],
            lookups=lookups[table.table],
            settlement=table.settlement_column,
            trimmed=(key := visit_key_of(table)) is not None and key.is_composed,
            under=table.headers if table.through is None else (table.through.table,),
            header=table.header_columns if table.through is None else table.key,
            named_by=links.get(table.table) or ((table.named_columns or table.key) if table.table in headers else ()),
        )
        for table in mapping.tables
    ]
    further = {table.name: table for table in tables if in_database(table.name) != table.name}
    of_table = {name: [further[one] for one in names] for name, names in roles_apart(list(further)).items()}
    return tuple(_whole(table, of_table.get(table.name, ())) for table in tables if table.name not in further)


def _whole(table: CapturedTable, further: Sequence[CapturedTable]) -> CapturedTable:
    """A table with what it has to tell for its further roles."""
    if not further:
        return table
    return replace(
        table,
        columns=tuple(dict.fromkeys(name for one in (table, *further) for name in one.columns)),
        wall_clock=frozenset().union(*(one.wall_clock for one in (table, *further))),
        instants=frozenset().union(*(one.instants for one in (table, *further))),
        readings=tuple(dict.fromkeys(reading for one in (table, *further) for reading in one.readings)),
        lookups=tuple(dict.fromkeys(asked for one in (table, *further) for asked in one.lookups)),
        further=tuple(one.role for one in further),
        settlement=next((one.settlement for one in (table, *further) if one.settlement is not None), None),
    )
