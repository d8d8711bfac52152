"""Where the fields of a mapping's records come from, for all tables of their role together."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Final

from streams.domain.normalise.conversions import Conversion
from streams.domain.normalise.fields import FieldRule, Prefixes
from streams.domain.normalise.sources import Constant
from streams.domain.roles import REPORTED, ROLE_OF
from streams.mapping.compiled_sources import Whence, conversion_of, domain_source
from streams.mapping.mapping_file import MappingFile
from streams.mapping.sources import Source
from streams.spec.fields import Field, ServiceCode
from streams.spec.profiles import REPORTING

NUMBERED: Final = {REPORTING.services[one.service].key: one.role for one in REPORTED}
"""By field, the role of the rows whose records it names: in their own records, and in those that belong to them."""


def field_rules(written: MappingFile, service: ServiceCode, zone: tzinfo) -> dict[str, FieldRule]:
    """The mapped fields of one service, those that the interface has. zone: the site's."""
    record = written.records.of(service)
    if record is None:
        return {}
    named = {*record.fields, *(name for table in written.tables if table.role is ROLE_OF[service] for name in table.fields)}
    return {one.name: _rule(written, service, one, zone) for one in REPORTING.services[service].fields if one.name in named}


def rule_of(written: MappingFile, source: Source, service: ServiceCode, one: Field, zone: tzinfo) -> FieldRule:
    """One field, from one source."""
    whence = Whence(ROLE_OF[service], one, zone, written.dictionaries)
    return FieldRule(
        field=one,
        source=domain_source(source, whence),
        conversion=conversion_of(source, one, written.dictionaries),
        own=ROLE_OF[service],
    )


def _rule(written: MappingFile, service: ServiceCode, one: Field, zone: tzinfo) -> FieldRule:
    record, own = written.records.of(service), ROLE_OF[service]
    source = None if record is None else record.fields.get(one.name)
    if source is None:
        plain = FieldRule(field=one, source=Constant(value=None), conversion=Conversion(read_as=one.kind), own=own)
    else:
        plain = rule_of(written, source, service, one, zone)
    of_tables = {
        table.table: rule_of(written, table.fields[one.name], service, one, zone)
        for table in written.tables
        if table.role is own and one.name in table.fields
    }
    return FieldRule(
        field=one,
        source=plain.source,
        conversion=plain.conversion,
        own=own,
        of_tables=of_tables,
        prefixed=_prefixes(written, one.name),
    )


def _prefixes(written: MappingFile, field: str) -> Prefixes | None:
    """What stands before the numbers that a field holds."""
    role = NUMBERED.get(field)
    found: Mapping[str, str] = {table.table: table.record_prefix or "" for table in written.tables if table.role is role}
    if role is None or not any(found.values()):
        return None
    same = {*found.values()}
    return Prefixes(role, {**found, "": same.pop()} if len(same) == 1 else found)
