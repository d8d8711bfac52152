"""A compiled mapping: what was written for people, ready to run for every row."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Final, NamedTuple

from connector.contract import TableRole
from streams.domain.conversions import Conversion, Convert, Unfit
from streams.domain.records import Row
from streams.domain.rules import ActiveRule, RuleLevel, RuleOptions
from streams.domain.sources import (
    ROW_INDEX,
    Column,
    Constant,
    Institution,
    InstitutionValue,
    LookupUnknown,
    Reader,
    Reading,
    Source,
    columns_of,
    reader,
)
from streams.domain.validate import active_rules, converter, remembered
from streams.spec.dictionaries import Dictionary
from streams.spec.fields import Field, FieldKind, ServiceCode
from streams.spec.interface import SERVICES

ROLES: Final = {ServiceCode.VISIT: TableRole.VISIT, ServiceCode.SETTLEMENT: TableRole.SETTLEMENT, ServiceCode.FEE: TableRole.FEE}
"""The role of the row that becomes a record of a service."""

_SERVICES: Final = {role: service for service, role in ROLES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRule:
    """One captured table. settlement_link: of a fee table, the column that names the line's settlement; None: the visit's only one.

    columns: every column that the join has to know of it.
    """

    name: str
    role: TableRole
    key: tuple[str, ...]
    visit_key: str | None
    settlement_link: str | None
    columns: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """Where one interface field comes from and how it is converted."""

    field: Field
    source: Source
    conversion: Conversion


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What is common to all records of a site. blank: what an optional field without a value is: None left out, `""` sent empty."""

    zone: tzinfo
    dictionaries: Mapping[str, Dictionary]
    levels: Mapping[str, RuleLevel] = field(default_factory=dict)
    options: RuleOptions = field(default_factory=RuleOptions)
    blank: str | None = None


class FieldStep(NamedTuple):
    """One field, ready to run.

    read is None where the value is plainly `column` of row number `row`. longest: where trimming and this length are all there
    is to a conversion, so that `convert` is called only to refuse; -1 elsewhere. default: in its final form.
    """

    name: str
    row: int
    column: str
    read: Reader | None
    convert: Convert
    longest: int
    default: str | None
    field: Field
    of_institution: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlan:
    """How the records of one service are made: fields in the interface's order, then rules."""

    service: ServiceCode
    steps: tuple[FieldStep, ...]
    by_name: Mapping[str, FieldStep]
    rules: tuple[ActiveRule, ...]
    reads: frozenset[tuple[TableRole, str]]


def plan_record(
    service: ServiceCode, fields: Mapping[str, FieldRule], dialect: Dialect, *, also_reads: frozenset[tuple[TableRole, str]]
) -> RecordPlan:
    """Compile the fields of one service. Required fields that `fields` does not name refuse every record.

    also_reads: columns that decide about a record besides its fields: its institution, its kind, what rules compare it with.
    """
    known = SERVICES[service].fields
    steps = tuple(field_step(fields[one.name], dialect) for one in known if one.name in fields)
    steps += tuple(_absent(one) for one in known if one.name not in fields and (one.required or dialect.blank is not None))
    order = {one.name: one.number for one in known}
    return RecordPlan(
        service=service,
        steps=tuple(sorted(steps, key=lambda step: order[step.name])),
        # What rules look up across records is the same for all lines of a visit: converted once.
        by_name={step.name: step._replace(convert=remembered(step.convert)) for step in steps},
        rules=active_rules(service, dialect.levels),
        reads=also_reads.union(read for rule in fields.values() for read in columns_of(rule.source)),
    )


def field_step(rule: FieldRule, dialect: Dialect) -> FieldStep:
    """Compile one field. Raises Unfit where its default or constant does not fit the interface."""
    source, conversion = rule.source, rule.conversion
    convert = _converter(rule.field, conversion, dialect)
    if isinstance(source, Constant | InstitutionValue):
        convert = remembered(convert)
    if isinstance(source, Constant) and source.value is not None:
        convert(source.value)
    default = conversion.default
    if default is not None:
        default = _converter(rule.field, replace(conversion, fen=False, translation=None), dialect)(default)
    return FieldStep(
        name=rule.field.name,
        row=ROW_INDEX[source.role] if isinstance(source, Column) else -1,
        column=source.name if isinstance(source, Column) else "",
        read=None if isinstance(source, Column) else reader(source),
        convert=convert,
        longest=_longest(rule.field, conversion, dialect),
        default=default,
        field=rule.field,
        of_institution=isinstance(source, InstitutionValue),
    )


def _longest(one: Field, conversion: Conversion, dialect: Dialect) -> int:
    plain = one.kind is FieldKind.TEXT and conversion.read_as is FieldKind.TEXT and conversion.trim
    if not plain or conversion.translation is not None or one.max_chars is None or one.dictionary in dialect.dictionaries:
        return -1
    return one.max_chars


def _converter(one: Field, conversion: Conversion, dialect: Dialect) -> Convert:
    dictionary = dialect.dictionaries.get(one.dictionary or "")
    return converter(one, conversion, dictionary=dictionary, zone=dialect.zone, open_codes=dialect.levels.get("DICTIONARY"))


def _absent(one: Field) -> FieldStep:
    return FieldStep(
        name=one.name,
        row=-1,
        column="",
        read=lambda _: None,
        convert=str,
        longest=-1,
        default=None,
        field=one,
        of_institution=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """How to tell the institution of a row: by a column or a constant per role. names: every spelling → FIXMEDINS_CODE."""

    columns: Mapping[TableRole, str]
    constants: Mapping[TableRole, str]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledMapping:
    """One source's mapping, ready to run.

    source: Debezium's `source.name`. version: name and content hash, stamped on every record. tables: by `schema.table`.
    institutions: by FIXMEDINS_CODE. kind: how to tell outpatient from inpatient, None where all rows are pharmacies'. infno: by
    service and kind. duty: kinds of institution that must report visits. max_plain_bytes: of the JSON array that one sealed batch
    can hold.
    """

    source: str
    version: str
    tables: Mapping[str, TableRule]
    belonging: Belonging
    institutions: Mapping[str, Institution]
    kind: FieldStep | None
    infno: Mapping[ServiceCode, Mapping[str, str]]
    duty: frozenset[str]
    plans: Mapping[ServiceCode, RecordPlan]
    dialect: Dialect
    max_plain_bytes: int

    def institution(self, role: TableRole, row: Row) -> str | None:
        """FIXMEDINS_CODE of the institution that a row belongs to; None if nobody registered it."""
        column = self.belonging.columns.get(role)
        if column is None:
            return self.belonging.constants.get(role)
        name = row.get(column)
        return None if name is None else self.belonging.names.get(name.strip())

    def visit_required(self, institution: str) -> bool:
        """Whether this institution must report visits; its settlements and fee lines then wait for them."""
        known = self.institutions.get(institution)
        return known is not None and known.kind in self.duty

    def services_of(self, role: TableRole) -> ServiceCode:
        """The service that rows of a role are reported to. Raises KeyError for lookups."""
        return _SERVICES[role]

    def reads(self, service: ServiceCode) -> frozenset[tuple[TableRole, str]]:
        """The columns of a record's own rows that its content depends on."""
        plan = self.plans.get(service)
        return frozenset() if plan is None else plan.reads

    def care_kind(self, institution: Institution | None, reading: Reading) -> str:
        """`outpatient`, `inpatient` or `pharmacy`; empty where nothing tells."""
        if institution is not None and institution.kind == "pharmacy":
            return "pharmacy"
        if self.kind is None:
            return ""
        try:
            return _value(self.kind, reading)
        except Unfit:
            return ""

    def related(self, reading: Reading, service: ServiceCode, name: str) -> str | None:
        """A field of another service's record that is made from the same rows; None where it has no value that fits."""
        plan = self.plans.get(service)
        step = None if plan is None else plan.by_name.get(name)
        if step is None:
            return None
        try:
            raw = reading.rows[step.row].get(step.column) if step.read is None else step.read(reading)
            return (step.convert(raw) if raw is not None else None) or step.default
        except (Unfit, LookupUnknown):
            return None


def _value(step: FieldStep, reading: Reading) -> str:
    raw = reading.rows[step.row].get(step.column) if step.read is None else step.read(reading)
    value = "" if raw is None else step.convert(raw)
    return value or step.default or ""
