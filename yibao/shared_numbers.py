"""Which columns of a site's databases must not share a number: those that name the records of one service, or the visits."""

from collections.abc import Iterator, Mapping
from itertools import combinations

from connector.contract import CaptureSource, TableRole
from connector.findings import Finding
from connector.numbers import VISIT_KEY, Numbers
from connector.shared_numbers import shared_numbers
from streams.domain.roles import REPORTED
from streams.mapping import Site, capture_sources
from streams.mapping.mapping_file import MappingFile
from streams.mapping.tables import Table
from streams.spec.fields import ServiceCode
from streams.spec.profiles import REPORTING
from yibao.captures.from_site import database_password


def found_shared(site: Site) -> Iterator[Finding]:
    """What each pair of columns shares. Raises Misconfigured, Unreachable."""
    for first, second in pairs_of(site):
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
            if meet and (one_system or names != VISIT_KEY) and not (one_system and _is_move(site, first, second)):
                yield first, second


def _is_move(site: Site, first: Numbers, second: Numbers) -> bool:
    """Whether rows move from one of the tables of one system to the other, and take their numbers along."""
    moves = {table.table: table.moves for table in site.mappings[first.source.name].tables}
    return moves[first.table] is not None and moves[first.table] == moves[second.table]


def _columns(site: Site, source: CaptureSource) -> Iterator[Numbers]:
    mapping = site.mappings[source.name]
    for role in REPORTED:
        belongs = mapping.institution.of(role.role)
        if belongs is None or belongs.of is not None:  # whose rows they are stands in their headers' tables
            continue
        institutions = _institutions(site) if belongs.constant is None else {belongs.constant: belongs.constant}
        key = _key_column(mapping, role.role, role.service)
        for table in (one for one in mapping.tables if one.role is role.role):
            names = {REPORTING.services[role.service].key: key}
            visit_key = _visit_column(table)
            if role.role is TableRole.VISIT and visit_key != key:
                names[VISIT_KEY] = visit_key
            for name, column in names.items():
                if column is not None:
                    yield Numbers(
                        source=source,
                        table=table.table,
                        column=column,
                        names=name,
                        institution=belongs.column,
                        institutions=institutions,
                    )


def _visit_column(table: Table) -> str | None:
    """The column whose values alone are the table's visit keys; None where a key is put together, or belongs to a header."""
    return table.visit_columns[0] if len(table.visit_columns) == 1 and not table.prefix else None


def _institutions(site: Site) -> Mapping[str, str]:
    return {name: one.code for one in site.institutions for name in (one.code, *one.his_codes)}


def _key_column(mapping: MappingFile, role: TableRole, service: ServiceCode) -> str | None:
    """The column that the service's key field is taken from, as it stands; None where it is made in another way."""
    record = mapping.records.of(service)
    written = None if record is None else record.fields.get(REPORTING.services[service].key)
    if written is None or written.lookup or written.dictionary or written.truncate or written.of not in (None, role.value):
        return None
    return written.column
