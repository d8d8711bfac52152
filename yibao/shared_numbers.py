"""Which columns of a site's databases must not share a number: those that name the records of one service, or the visits."""

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations

from connector.contract import CaptureSource, TableRole
from connector.findings import Finding
from connector.numbers import VISIT_KEY, Numbers
from connector.shared_numbers import shared_numbers
from streams.domain.roles import REPORTED
from streams.mapping import Site, capture_sources
from streams.mapping.apart import institutions_of
from streams.mapping.mapping_file import MappingFile
from streams.mapping.prefix_checks import may_meet
from streams.mapping.tables import Table
from streams.spec.fields import ServiceCode
from streams.spec.profiles import REPORTING
from yibao.captures.from_site import database_password


def found_shared(site: Site, *, among: Collection[str] | None = None) -> Iterator[Finding]:
    """What each pair of columns shares. among: these sources; None: all. Raises Misconfigured, Unreachable."""
    for first, second in pairs_of(site):
        if among is not None and not {first.source.name, second.source.name} <= {*among}:
            continue
        passwords = {one.source.name: database_password(one.source) for one in (first, second)}
        yield from shared_numbers(first, second, passwords=passwords)


def pairs_of(site: Site) -> Iterator[tuple[Numbers, Numbers]]:
    """The pairs to compare. Rows of different institutions may have the same numbers, and so may the visits of different systems:
    a visit key is known by its source. Tables between which rows move have the same numbers while a job goes on.
    """
    for names in (*[REPORTING.services[one.service].key for one in REPORTED], VISIT_KEY):
        columns = [one for source in capture_sources(site) for one in _columns(site, source) if one.names == names]
        for first, second in combinations(columns, 2):
            one_system = first.source.name == second.source.name
            meet = {*first.institutions.values()} & {*second.institutions.values()}
            apart = (names == VISIT_KEY and not one_system) or (one_system and _is_move(site, first, second))
            if meet and not apart and may_meet(first.prefix, second.prefix):
                yield first, second


def _is_move(site: Site, first: Numbers, second: Numbers) -> bool:
    """Whether rows move from one of the tables of one system to the other, and take their numbers along."""
    moves = {table.in_database: table.moves for table in site.mappings[first.source.name].tables}
    return moves[first.table] is not None and moves[first.table] == moves[second.table]


def _columns(site: Site, source: CaptureSource) -> Iterator[Numbers]:
    mapping = site.mappings[source.name]
    for role in REPORTED:
        belongs = mapping.institution.of(role.role)
        if belongs is None or belongs.of is not None:  # whose rows they are stands in their headers' tables
            continue
        institutions = _institutions(site, source.name) if belongs.constant is None else {belongs.constant: belongs.constant}
        for table in (one for one in mapping.tables if one.role is role.role):
            for name, column, prefix in _named(mapping, table, role.service):
                yield Numbers(
                    source=source,
                    table=table.in_database,
                    column=column,
                    names=name,
                    prefix=prefix,
                    institution=belongs.column,
                    institutions=institutions,
                )


def _named(mapping: MappingFile, table: Table, service: ServiceCode) -> Iterator[tuple[str, str, str]]:
    """What a table's columns name, the column, and what stands before its values."""
    key, prefix = _key_column(mapping, table, service), table.record_prefix or ""
    if key is not None:
        yield REPORTING.services[service].key, key, prefix
    visit_key = _visit_column(table)
    if table.role is TableRole.VISIT and visit_key is not None and (visit_key, table.prefix or "") != (key, prefix):
        yield VISIT_KEY, visit_key, table.prefix or ""


def _visit_column(table: Table) -> str | None:
    """The column whose values alone are the table's visit keys, with a prefix or without; None where a key is put together, or
    belongs to a header.
    """
    return table.visit_columns[0] if len(table.visit_columns) == 1 else None


def _institutions(site: Site, source: str) -> Mapping[str, str]:
    return {name: one.code for one in institutions_of(site, source) for name in (one.code, *one.his_codes)}


def _key_column(mapping: MappingFile, table: Table, service: ServiceCode) -> str | None:
    """The column that the service's key field is taken from, as it stands; None where it is made in another way."""
    record, name = mapping.records.of(service), REPORTING.services[service].key
    written = table.fields.get(name) or (None if record is None else record.fields.get(name))
    if written is None or written.lookup or written.dictionary or written.truncate or written.of not in (None, table.role.value):
        return None
    return written.column
