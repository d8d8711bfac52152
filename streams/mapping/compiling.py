"""From the files people write to the values the domain runs."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from zoneinfo import ZoneInfo

import orjson

from connector.contract import TableRole
from streams.domain.keys import VisitKey, of_header
from streams.domain.normalise.by_table import step_of
from streams.domain.normalise.choosing import Choice
from streams.domain.normalise.compiled import Belonging, CompiledMapping, TableRule, colliding_tables, compile_record
from streams.domain.normalise.fields import Dialect, FieldRule, FieldStep
from streams.domain.normalise.formulas import Unless
from streams.domain.normalise.institution import Institution
from streams.domain.normalise.nulls import Nulls
from streams.domain.normalise.renumbered import Renumbered
from streams.domain.normalise.settled_by import Linked, Listed, Match, SettledBy
from streams.domain.normalise.sources import Column
from streams.domain.normalise.sources import Source as DomainSource
from streams.domain.normalise.which import Condition, LookedUp, Which, as_compared
from streams.domain.roles import ROLE_OF
from streams.domain.validate.rules import RuleOptions
from streams.mapping import reporting
from streams.mapping.apart import institutions_of
from streams.mapping.belonging import Belongs
from streams.mapping.columns import carried_by_table, columns_by_table
from streams.mapping.compiled_sources import Whence, conversion_of, domain_source
from streams.mapping.field_rules import field_rules
from streams.mapping.mapping_file import MappingFile
from streams.mapping.names import columns_in
from streams.mapping.reporting import Platform
from streams.mapping.site_file import Site
from streams.mapping.sources import Source
from streams.mapping.tables import Table
from streams.mapping.tables import Which as WrittenWhich
from streams.seal.encoding import Encoding, Order, SealedText, max_plain_bytes
from streams.spec.areas import area_of
from streams.spec.fields import Field, FieldKind, ServiceCode
from streams.spec.infno import INFNO
from streams.spec.profiles import REPORTING

_KIND_FIELD = Field(
    number=0,
    name="kind",
    label="就诊类型",
    kind=FieldKind.TEXT,
    max_chars=None,
    digits=None,
    scale=None,
    required=True,
    coded=False,
    dictionary=None,
    personal=False,
    clause="",
)


def compile_mapping(whole: Site, source: str) -> CompiledMapping:
    """The mapping of one source, ready to run. The site must have passed `load_site`."""
    written, dialect = whole.mappings[source], dialect_of(whole)
    zone = dialect.zone
    fields = {service: field_rules(written, service, zone) for service in ServiceCode if written.records.of(service) is not None}
    tables = _tables(written)
    records = {
        service: compile_record(
            REPORTING.services[service],
            fields,
            dialect,
            decisive=_decisive(written, service, dialect),
            holds_corrections=written.records.holds_corrections(service),
        )
        for service in fields
    }
    return CompiledMapping(
        source=source,
        version=version_of(written),
        tables=MappingProxyType(tables),
        belonging=_belonging(written, institutions_of(whole, source)),
        institutions=MappingProxyType({one.code: _institution(one) for one in institutions_of(whole, source)}),
        kind=kind_step(written, dialect),
        infno=MappingProxyType({service: _infno(whole.platform, service) for service in ServiceCode}),
        duty=frozenset(written.visit_duty),
        records=MappingProxyType(records),
        dialect=dialect,
        max_plain_bytes=plain_limit(whole.platform),
        ignore_deletions_after_days=written.deletions.ignored_after_days,
        colliding=frozenset(colliding_tables(tables.values(), records)),
        lookups=MappingProxyType(_lookups(whole, written, tables)),
    )


def _lookups(whole: Site, written: MappingFile, tables: Mapping[str, TableRule]) -> dict[str, TableRule]:
    """By name, those of other sources among them."""
    lent = {name: _tables(whole.mappings[written.borrowed[name]])[table.table] for name, table in written.lent.tables.items()}
    return lent | {one.lookup_name: tables[one.table] for one in written.tables if one.role is TableRole.LOOKUP}


def compile_site(whole: Site) -> Mapping[str, CompiledMapping]:
    """All mappings of a site by source name."""
    return MappingProxyType({source: compile_mapping(whole, source) for source in whole.sources})


def plain_limit(platform: Platform) -> int:
    """Most bytes of a plain JSON array whose `data` the platform takes."""
    if not platform.encrypt:
        return platform.max_chars
    return max_plain_bytes(platform.max_chars, encoding_of(platform))


def encoding_of(platform: Platform) -> Encoding:
    """How this platform's ciphertext is written."""
    written = platform.encoding
    return Encoding(order=Order(written.order), prefix=written.prefix, text=SealedText(written.text))


def dialect_of(whole: Site) -> Dialect:
    """What all records of a site have in common."""
    options = whole.rule_options
    return Dialect(
        zone=ZoneInfo(whole.timezone),
        dictionaries=whole.value_lists,
        levels=whole.rules,
        options=RuleOptions(
            price_decimals=options.price_decimals,
            fund_includes_account=options.fund_includes_account,
            lines_within_s=options.lines_within_s,
            reversals_within_s=options.reversals_within_s,
        ),
        capital_x=whole.platform.capital_x,
        blank="" if whole.platform.blank == "empty" else None,
    )


def version_of(written: MappingFile) -> str:
    """Name and content hash of a mapping. Comments and the order of keys do not change it."""
    content = orjson.dumps(written.model_dump(mode="json", exclude_defaults=True), option=orjson.OPT_SORT_KEYS)
    return f"{written.mapping}@{hashlib.blake2b(content, digest_size=4).hexdigest()}"


def _infno(platform: Platform, service: ServiceCode) -> Mapping[str, str]:
    overriding: dict[str, str] = dict(platform.infno.get(service, {}).items())
    return MappingProxyType({**INFNO[service], **overriding})


def _tables(written: MappingFile) -> dict[str, TableRule]:
    columns, carried = columns_by_table(written), carried_by_table(written)
    moving = moving_tables(written)
    return {
        table.table: TableRule(
            name=table.table,
            role=table.role,
            key=table.key,
            visit_key=visit_key_of(table),
            settlement_link=table.settlement_column,
            settled_by=settled_by(table, written),
            columns=frozenset((*columns[table.table], *map(of_header, carried.get(table.table, ())))),
            header=table.header_columns,
            beside=tuple(other.table for other in written.tables if other.role is table.role and other is not table),
            which=which_of(table),
            renumbered=renumbered_of(table),
            moves=table.moves or "",
            moved_ms=written.deletions.moved_within_ms if table.table in moving else 0,
        )
        for table in written.tables
    }


def renumbered_of(table: Table) -> Renumbered | None:
    """By what the lines of a table are known that were inserted again."""
    if table.renumbered is None:
        return None
    return Renumbered(same=table.renumbered.same, number=table.key[0], prefix=table.record_prefix or "")


def moving_tables(written: MappingFile) -> frozenset[str]:
    """The tables whose rows move, or hang under headers that do."""
    moving = {table.table for table in written.tables if table.moves is not None}
    while below := {table.table for table in written.tables if not moving.isdisjoint(table.headers)} - moving:
        moving |= below
    return frozenset(moving)


def settled_by(table: Table, written: MappingFile) -> SettledBy | None:
    """By what else than a column with its key the lines of a table find their settlement."""
    link = table.settlement
    if link is not None and link.through is not None:
        key = next(one.key for one in written.tables if one.role is TableRole.SETTLEMENT)
        return Linked(pairs=tuple(zip(map(of_header, link.through.settlement_columns), key, strict=True)))
    if link is None or not (link.match or link.lines):
        return None
    if link.lines is None:
        return Match(pairs=tuple(link.match.items()))
    return Listed(line=link.lines.line or table.key[0], column=link.lines.column, by=link.lines.by)


def choice_of(table: Table) -> Choice | None:
    """Which row of a lookup is meant; None where its key says it."""
    which = which_of(table)
    return None if which is None and table.latest is None else Choice(table.key, table.asked_columns, table.latest or "", which)


def nulls_of(written: MappingFile, table: Table) -> Nulls | None:
    """What stands for NULL in a table's rows; None: NULL alone."""
    said = written.nulls if table.nulls is None else table.nulls
    return Nulls(Unless(frozenset(one.strip() for one in said)), table.key) if said else None


def which_of(table: Table) -> Which | None:
    """Which rows of a table count; None where all do."""
    conditions = {name: _condition(name, one) for name, one in table.which.items()}
    if not conditions:
        return None
    looked_up = tuple(
        LookedUp(
            condition=conditions[name], lookup=one.lookup, by=columns_in(one.by), absent=one.absent or "wait", role=table.role.value
        )
        for name, one in table.which.items()
        if one.lookup is not None
    )
    return Which(own=tuple(conditions[name] for name, one in table.which.items() if one.lookup is None), looked_up=looked_up)


def _condition(column: str, written: WrittenWhich) -> Condition:
    values = frozenset(map(as_compared, written.values or written.without))
    return Condition(column=column, values=values, negated=not written.values)


def visit_key_of(table: Table) -> VisitKey | None:
    """Where the visit key stands in a table's own rows; None where it stands in none of their columns."""
    columns = table.visit_columns or table.else_columns
    return VisitKey(columns, table.prefix or "") if columns else None


def _decisive(written: MappingFile, service: ServiceCode, dialect: Dialect) -> Iterator[DomainSource]:
    """What decides about a record besides its fields: its institution, its kind."""
    own = ROLE_OF[service]
    belongs = written.institution.of(own)
    if belongs is not None and belongs.column is not None:
        yield Column(role=own, name=_column_of(belongs))
    if own is TableRole.FEE:
        links = [link for table in written.tables if (link := table.settlement) is not None]
        yield from (Column(role=TableRole.SETTLEMENT, name=name) for link in links for name in link.of_settlement)
    for kind in (written.kind, *(table.kind for table in written.tables)):
        if kind is not None:
            yield domain_source(kind, Whence(TableRole.VISIT, _KIND_FIELD, dialect.zone, written.dictionaries))


def _belonging(written: MappingFile, institutions: tuple[reporting.Institution, ...]) -> Belonging:
    by_role = {role: written.institution.of(role) for role in ROLE_OF.values()}
    return Belonging(
        columns={role: _column_of(one) for role, one in by_role.items() if one is not None and one.column is not None},
        constants={role: one.constant for role, one in by_role.items() if one is not None and one.constant is not None},
        names={name: one.code for one in institutions for name in (one.code, *one.his_codes)},
    )


def _column_of(written: Belongs) -> str:
    assert written.column is not None
    return written.column if written.of is None else of_header(written.column)


def _institution(written: reporting.Institution) -> Institution:
    return Institution(
        code=written.code,
        name=written.name,
        kind=written.kind,
        area=written.area or area_of(written.code),
        level=written.level,
        values=MappingProxyType(dict(written.values)),
    )


def kind_step(written: MappingFile, dialect: Dialect) -> FieldStep | None:
    """How to tell outpatient from inpatient. Columns belong to the visit's row unless they say otherwise."""
    of_tables = {table.table: kind_rule(written, table.kind, dialect) for table in written.tables if table.kind is not None}
    if written.kind is None and not of_tables:
        return None
    plain = Source(constant="") if written.kind is None else written.kind
    rule = replace(kind_rule(written, plain, dialect), own=TableRole.VISIT, of_tables=of_tables)
    return step_of(rule, dialect)


def kind_rule(written: MappingFile, source: Source, dialect: Dialect) -> FieldRule:
    """How the kind of care is read from one source."""
    return FieldRule(
        field=_KIND_FIELD,
        source=domain_source(source, Whence(TableRole.VISIT, _KIND_FIELD, dialect.zone, written.dictionaries)),
        conversion=conversion_of(source, _KIND_FIELD, written.dictionaries),
    )
