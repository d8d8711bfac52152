"""From a mapping to what the place stage knows of its tables: where the visit key stands, or by what a row reaches its header."""

from collections.abc import Iterator, Mapping
from typing import Final

from connector.contract import TableRole
from streams.domain.keys import VisitKey
from streams.domain.normalise.claiming import claim_of
from streams.domain.normalise.which import Which
from streams.domain.place.claiming import ClaimingTable, ClaimingTables
from streams.domain.place.counting import Taking
from streams.domain.place.headers import LinkedTable, LinkedTables, Patience
from streams.domain.several_roles import roles_apart
from streams.mapping.columns import carried_by_table, columns_by_table
from streams.mapping.compiling import compile_site, moving_tables, nulls_of, visit_key_of, which_of
from streams.mapping.mapping_file import MappingFile
from streams.mapping.site_file import Site
from streams.mapping.tables import Table

_UNREPORTED: Final = (TableRole.HEADER, TableRole.LINK)


def direct_visit_keys(site: Site) -> Mapping[tuple[str, str], VisitKey]:
    """By source and table, the visit key of the tables whose rows are no headers and hang under none."""
    return {
        (source, table.table): key
        for source in site.sources
        for table in site.mappings[source].tables
        if table.table not in _linked(site.mappings[source]) and (key := visit_key_of(table)) is not None
    }


def counting_tables(site: Site) -> Mapping[tuple[str, str], Taking]:
    """By source and table, which rows count by what stands in themselves, and what stands for NULL in them; without tables whose
    rows are all taken as they are.
    """
    return {
        (source, table.table): Taking(which, nulls)
        for source in site.sources
        for table in site.mappings[source].tables
        for which, nulls in [(which_of(table) or Which(), nulls_of(site.mappings[source], table))]
        if table.role is not TableRole.LOOKUP and (which.own or nulls is not None)
    }


def further_roles(site: Site) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """By source and table, what tables of several roles are called for their further ones."""
    return {
        (source, table): names
        for source in site.sources
        for table, names in roles_apart([one.table for one in site.mappings[source].tables]).items()
    }


def linked_tables(site: Site) -> Mapping[str, LinkedTables]:
    """By source, the tables whose rows hang under a header or are headers. Sources without such tables are left out."""
    found = {source: tuple(_linked_tables(site.mappings[source])) for source in site.sources}
    patience = Patience(wait_ms=site.join.wait_s * 1000)
    return {source: LinkedTables(tables, patience) for source, tables in found.items() if tables}


def claiming_tables(site: Site) -> Mapping[str, ClaimingTables]:
    """By source, the tables of which two rows can be one record, as far as what names it stands in the row itself. Sources without
    such tables are left out.
    """
    found = {
        source: {
            name: ClaimingTable(name=name, key=rule.key, columns=tuple(dict.fromkeys((*rule.key, *claim.columns))), claim=claim.of)
            for name, rule in mapping.tables.items()
            if (claim := claim_of(mapping, rule)) is not None
        }
        for source, mapping in compile_site(site).items()
    }
    return {source: tables for source, tables in found.items() if tables}


def _linked(mapping: MappingFile) -> Mapping[str, Table]:
    headers = {name for table in mapping.tables for name in table.headers}
    return {
        table.table: table
        for table in mapping.tables
        if table.table in headers or table.headers or table.through is not None or table.role in _UNREPORTED
    }


def _linked_tables(mapping: MappingFile) -> Iterator[LinkedTable]:
    columns, carried = columns_by_table(mapping), carried_by_table(mapping)
    headers, moving = {name for table in mapping.tables for name in table.headers}, moving_tables(mapping)
    links = {table.through.table: table.through for table in mapping.tables if table.through is not None}
    for table in _linked(mapping).values():
        named_by = (table.named_columns or table.key) if table.table in headers else ()
        yield LinkedTable(
            name=table.table,
            key=table.key,
            columns=frozenset(columns[table.table]),
            visit_key=visit_key_of(table),
            under=table.headers if table.through is None else (table.through.table,),
            header=table.header_columns if table.through is None else table.key,
            named_by=links[table.table].line_columns if table.table in links else named_by,
            carried=carried.get(table.table, ()),
            forwarded=table.role not in _UNREPORTED,
            beside=table.through is not None,
            moved_ms=mapping.deletions.moved_within_ms if table.table in moving else 0,
        )
