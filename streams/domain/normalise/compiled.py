"""A compiled mapping: what was written for people, ready to run for every row."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from connector.contract import TableRole
from streams.domain.keys import VisitKey
from streams.domain.normalise.by_table import step_of
from streams.domain.normalise.fields import Dialect, FieldRule, FieldStep, absent_step, value_of
from streams.domain.normalise.institution import Institution
from streams.domain.normalise.renumbered import Renumbered
from streams.domain.normalise.settled_by import SettledBy
from streams.domain.normalise.sources import Reading, Source, columns_of, values_of
from streams.domain.normalise.tallied import Tallied, stated, tallied
from streams.domain.normalise.unrolled import Fill, unroll
from streams.domain.normalise.which import Which
from streams.domain.records import Row
from streams.domain.roles import ROW_INDEX, SERVICE_OF
from streams.domain.validate.judge import REVERSED, SUMS, active_rules
from streams.domain.validate.rules import ActiveRule, RelatedField
from streams.domain.violations import Unfit
from streams.spec.fields import Service, ServiceCode


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRule:
    """One captured table."""

    name: str
    """`schema.table`."""
    role: TableRole
    """What its rows describe."""
    key: tuple[str, ...]
    """Columns that identify a row."""
    visit_key: VisitKey | None
    """Where the visit key stands; None for a lookup, and for rows that reach their visit only through a header."""
    settlement_link: str | None
    """Of a fee table, the column that names the line's settlement; None: the visit's only settlement."""
    columns: frozenset[str]
    """Every column that the join has to know of it."""
    header: tuple[str, ...] = ()
    """Of a table whose rows hang under a header, the columns that name it: the place stage says to which visit such a row
    belongs."""
    beside: tuple[str, ...] = ()
    """The mapping's other tables of the same role: rows move between them."""
    which: Which | None = None
    """Which of its rows count; None: all."""
    settled_by: SettledBy | None = None
    """Of a fee table without `settlement_link`, by what else its lines find their settlement; None: it is the visit's only one."""
    moves: str = ""
    """What the tables have in common between which its rows move; `""`: they move to none."""
    moved_ms: int = 0
    """So long a row of it that went, or its header, may come in another table (ms)."""

    renumbered: Renumbered | None = None
    """Of a fee table, by what its lines are known under new ids; None: each id is another line."""

    @property
    def by_lookup(self) -> bool:
        """Whether lookups decide which of its rows count."""
        return self.which is not None and bool(self.which.looked_up)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRecord:
    """How the records of one service are made."""

    service: ServiceCode
    """The service."""
    key: str
    """Field that identifies a record."""
    business_day: str
    """Field whose day counts for reconciliation."""
    amount: str
    """Field with the record's money; `""` where there is none."""
    steps: tuple[FieldStep, ...]
    """How each field is made, in the interface's order."""
    fill: Fill
    """All steps as one fast function, for records without a fault."""
    rules: tuple[ActiveRule, ...]
    """Rules that judge the record."""
    related: Mapping[RelatedField, FieldStep]
    """Fields of the visit's other records that rules look at."""
    reads: frozenset[tuple[TableRole, str]]
    """Columns of the record's own rows that decide what becomes of it: its content, or whether it is refused. (Columns that only
    a warning looks at do not: a warning changes nothing about a record that was sent.)"""
    personal: frozenset[tuple[str, str]]
    """Where the values of fields that identify a person stand: role or lookup, and column."""
    key_from: frozenset[tuple[str, str]]
    """Where the value of the key field stands, likewise."""
    holds_corrections: bool = False
    """Whether a record that was reported goes in another content only once a person orders it."""


Fields: TypeAlias = Mapping[ServiceCode, Mapping[str, FieldRule]]
"""Where the fields of each service come from."""


def compile_record(
    about: Service, fields: Fields, dialect: Dialect, *, decisive: Iterable[Source], holds_corrections: bool = False
) -> CompiledRecord:
    """Compile the records of one service. Where a required field has no source, every record will be refused.

    decisive: what decides about a record besides its fields: its institution, its kind.
    """
    service, own = about.code, fields[about.code]
    known = about.fields
    made = {name: step_of(rule, dialect) for name, rule in own.items()}
    if about.amount in made:  # the sums of settlements ask for it once more
        made[about.amount] = made[about.amount].remembering()
    steps = tuple(
        made.get(one.name) or absent_step(one) for one in known if one.name in own or one.required or dialect.blank is not None
    )
    rules = active_rules(service, dialect.levels)
    wanted = {key for active in rules for key in active.rule.related}
    related = {(other, name): step_of(fields[other][name], dialect) for other, name in wanted if name in fields.get(other, {})}
    refusing = {key for active in rules if active.may_refuse for key in active.rule.related}
    sources = [step.source for step in (*made.values(), *(step for key, step in related.items() if key in refusing))]
    return CompiledRecord(
        service=service,
        key=about.key,
        business_day=about.business_day,
        amount=about.amount,
        steps=steps,
        fill=unroll(steps, dialect.blank),
        rules=rules,
        # What rules look up across records is the same for all lines of a visit: converted once.
        related={key: step.remembering() for key, step in related.items()},
        reads=frozenset(read for source in (*sources, *decisive) for read in columns_of(source)),
        personal=frozenset(place for step in steps if step.field.personal for place in values_of(step.source)),
        key_from=frozenset(place for step in steps if step.name == about.key for place in values_of(step.source)),
        holds_corrections=holds_corrections,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """How to tell the institution of a row: by a column or a constant, per role."""

    columns: Mapping[TableRole, str]
    """Column whose value names the institution."""
    constants: Mapping[TableRole, str]
    """FIXMEDINS_CODE of all rows."""
    names: Mapping[str, str]
    """Every way to write an institution in a column → its FIXMEDINS_CODE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledMapping:
    """One source's mapping, ready to run."""

    source: str
    """Debezium's `source.name`."""
    version: str
    """Name and content hash, stamped on every record."""
    tables: Mapping[str, TableRule]
    """Captured tables by `schema.table`."""
    belonging: Belonging
    """How to tell the institution of a row."""
    institutions: Mapping[str, Institution]
    """The site's institutions by FIXMEDINS_CODE."""
    kind: FieldStep | None
    """How to tell outpatient from inpatient; None where all rows are pharmacies'."""
    infno: Mapping[ServiceCode, Mapping[str, str]]
    """Business number of the envelope, by service and kind of care."""
    duty: frozenset[str]
    """Kinds of institution that must report visits."""
    records: Mapping[ServiceCode, CompiledRecord]
    """How the records of each service are made."""
    dialect: Dialect
    """What all records of the site have in common."""
    max_plain_bytes: int
    """Most bytes of the JSON array that one sealed batch can hold."""
    ignore_deletions_after_days: int | None = None
    """Rows of records whose business day is longer ago may be deleted without a word; None: none may."""

    colliding: frozenset[str] = frozenset()
    """Tables of which two rows of a visit can make one record: others of their role stand beside, or a row's key is not all of the
    record's, or it took over another line's. (Two rows of a visit itself are never guessed at, see `AMBIGUOUS_VISIT`; but those
    that move between tables.)"""

    lookups: Mapping[str, TableRule] = field(default_factory=dict)
    """Of `tables` the lookups, by the names that sources use."""

    settlement_tables: tuple[str, ...] = field(init=False)
    """Those of `tables` whose rows are settlements."""

    moves: bool = field(init=False)
    """Whether rows move between any of `tables`."""
    by_lookup: bool = field(init=False)
    """Whether lookups decide which rows of any table count: worked out once, since it is asked for every change."""
    tallied: Tallied | None = field(init=False)
    """How rows are read for the sums of settlements (rule R2); None where none are kept."""
    stated: Tallied | None = field(init=False)
    """How settlements are read for what they take back (rule R25); None where that is not judged."""

    def __post_init__(self) -> None:
        settlements = (name for name, table in self.tables.items() if table.role is TableRole.SETTLEMENT)
        object.__setattr__(self, "settlement_tables", tuple(settlements))
        object.__setattr__(self, "moves", any(table.moved_ms for table in self.tables.values()))
        object.__setattr__(self, "by_lookup", any(table.by_lookup for table in self.tables.values()))
        object.__setattr__(self, "tallied", None if self.dialect.levels.get(SUMS) == "off" else self._tallied())
        object.__setattr__(self, "stated", None if self.dialect.levels.get(REVERSED) == "off" else self._stated())

    def _tallied(self) -> Tallied | None:
        return tallied(self.tables.values(), line=self._amount(ServiceCode.FEE), settlement=self._amount(ServiceCode.SETTLEMENT))

    def _stated(self) -> Tallied | None:
        return stated(self.tables.values(), settlement=self._amount(ServiceCode.SETTLEMENT))

    def _amount(self, service: ServiceCode) -> FieldStep | None:
        """How the amount of a service's records is made."""
        record = self.records.get(service)
        return None if record is None else next((step for step in record.steps if step.name == record.amount), None)

    def within_ms(self, seconds: int) -> int:
        """So long rows may be on their way that come within so many seconds: also those that went from one table and have not come
        in another one yet.
        """
        within = max(1, seconds * 1_000)
        return max(within, *(table.moved_ms for table in self.tables.values())) if self.moves else within

    def is_move(self, former: str, table: str) -> bool:
        """Whether a row that went from the one table may have come in the other one (or, where headers move, in the same)."""
        one, other = self.tables.get(former), self.tables.get(table)
        if one is None or other is None or not one.moved_ms:
            return False
        return one is other or one.moves == other.moves != ""

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
        return SERVICE_OF[role]

    def reads(self, service: ServiceCode) -> frozenset[tuple[TableRole, str]]:
        """The columns of a record's own rows that decide what becomes of it."""
        compiled = self.records.get(service)
        return frozenset() if compiled is None else compiled.reads

    def is_personal(self, places: Iterable[tuple[str, str]]) -> bool:
        """Whether a value that stands in one of these places is reported as what identifies a person."""
        return any(place in compiled.personal for place in places for compiled in self.records.values())

    def care_kind(self, reading: Reading) -> str:
        """`outpatient`, `inpatient` or `pharmacy`; empty where it cannot be told."""
        institution = reading.institution
        if institution is not None and institution.kind == "pharmacy":
            return "pharmacy"
        if self.kind is None:
            return ""
        try:
            return value_of(self.kind, reading)
        except Unfit:
            return ""


def colliding_tables(tables: Iterable[TableRule], records: Mapping[ServiceCode, CompiledRecord]) -> Iterator[str]:
    """The names of `CompiledMapping.colliding`."""
    for table in tables:
        shares = (table.role in {TableRole.SETTLEMENT, TableRole.FEE} or table.moves) and may_share_a_record(records, table)
        if shares or table.renumbered is not None:
            yield table.name


def may_share_a_record(records: Mapping[ServiceCode, CompiledRecord], table: TableRule) -> bool:
    """Whether two rows of a table, or one of it and one of another, can be one record."""
    if table.role not in SERVICE_OF or SERVICE_OF[table.role] not in records:
        return False
    step = key_step(records[SERVICE_OF[table.role]])
    own = step.read is None and step.row == ROW_INDEX[table.role] and (step.column,) == table.key and step.longest >= 0
    return bool(table.beside) or not own or step.default is not None


def key_step(compiled: CompiledRecord) -> FieldStep:
    """How the field is made that identifies a record."""
    return next(step for step in compiled.steps if step.name == compiled.key)
