"""Where the value of an interface field comes from, as data, and how it is read from the rows of one record."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from connector.contract import TableRole
from streams.domain.normalise.formulas import Formula, NotComputable
from streams.domain.normalise.institution import Institution
from streams.domain.normalise.unseen import is_blank
from streams.domain.records import Lookups, MissingLookup, Row, SourceRows
from streams.domain.roles import ROW_INDEX

NO_ROW: Final[Row] = MappingProxyType({})
"""What stands for a row that is not there: every column is NULL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of one of the record's rows."""

    role: TableRole
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """The same value for every record; None: never a value."""

    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstitutionValue:
    """A value of the institution that the record belongs to."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupColumn:
    """A column of the row of lookup table `lookup` whose key is made by `by`."""

    lookup: str
    by: "tuple[Source, ...]"
    column: str
    absent: Literal["wait", "empty", "refuse"] = "wait"
    """Where there is no such row: the record waits for it, the field has no value, or the record is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOf:
    """The first of several that is neither NULL nor blank."""

    sources: "tuple[Source, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """What a formula makes of several values."""

    formula: Formula
    sources: "tuple[Source, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The source that belongs to a code: only that one is read."""

    on: "Source"
    cases: "Mapping[str, Source]"
    otherwise: "Source | None"
    """For other codes, and where there is none; None refuses other codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByTable:
    """What is read depends on the table of the record's row of one role."""

    role: TableRole
    cases: "Mapping[str, Source]"
    """By table."""
    otherwise: "Source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixed:
    """A number, and what stands before it: that depends on the table of the row that has the number."""

    source: "Source"
    role: TableRole
    """Of that row."""
    prefixes: Mapping[str, str]
    """By table; under `""` where the row is not there and all have the same."""


Source: TypeAlias = Column | Constant | InstitutionValue | LookupColumn | FirstOf | Computed | Switch | ByTable | Prefixed


class LookupUnknown(Exception):
    """A lookup row that is needed is not known; `missing` says which."""

    def __init__(self, missing: MissingLookup) -> None:
        super().__init__()
        self.missing = missing


class Reading:
    """What the sources of one record read from. rows: visit, settlement, fee. institution: None where the row's is not known."""

    __slots__ = ("institution", "lookups", "rows", "tables")

    def __init__(self, rows: SourceRows, lookups: Lookups) -> None:
        self.rows = (rows.visit or NO_ROW, rows.settlement or NO_ROW, rows.fee or NO_ROW)
        self.tables = rows.tables
        self.institution: Institution | None = None
        self.lookups = lookups


Reader: TypeAlias = Callable[[Reading], str | None]


def reader(source: Source) -> Reader:  # noqa: PLR0911 - one of each
    """A function that reads `source`. It raises LookupUnknown where a lookup row is not known (yet), NotComputable where a formula
    cannot be applied.
    """
    match source:
        case Column():
            return _column(ROW_INDEX[source.role], source.name)
        case Constant():
            return _constant(source.value)
        case InstitutionValue():
            return _institution(source.name)
        case LookupColumn():
            return _lookup(source)
        case FirstOf():
            return _first_of(tuple(reader(one) for one in source.sources))
        case Computed():
            return _computed(source.formula, tuple(reader(one) for one in source.sources))
        case Switch():
            return _switch(source)
        case ByTable():
            return _by_table(source)
        case Prefixed():
            return reader(source.source)  # what stands before a number is put there when it is converted


def _column(index: int, name: str) -> Reader:
    return lambda reading: reading.rows[index].get(name)


def _constant(value: str | None) -> Reader:
    return lambda _: value


def _institution(name: str) -> Reader:
    return lambda reading: None if reading.institution is None else reading.institution.value(name)


def _first_of(readers: tuple[Reader, ...]) -> Reader:
    def read(reading: Reading) -> str | None:
        for one in readers:
            value = one(reading)
            if value is not None and not is_blank(value):
                return value
        return None

    return read


def _computed(formula: Formula, readers: tuple[Reader, ...]) -> Reader:
    return lambda reading: formula([one(reading) for one in readers])


def _switch(source: Switch) -> Reader:
    on, cases = reader(source.on), {code: reader(one) for code, one in source.cases.items()}
    otherwise = None if source.otherwise is None else reader(source.otherwise)

    def read(reading: Reading) -> str | None:
        code = (on(reading) or "").strip()
        chosen = cases.get(code, otherwise)
        if chosen is not None:
            return chosen(reading)
        if not code:
            return None
        raise NotComputable("取值所依据的代码在映射的 switch 中没有列出，请补充 cases 或 else", code)

    return read


def _by_table(source: ByTable) -> Reader:
    index, otherwise = ROW_INDEX[source.role], reader(source.otherwise)
    cases = {table: reader(one) for table, one in source.cases.items()}
    return lambda reading: cases.get(reading.tables[index], otherwise)(reading)


def _lookup(source: LookupColumn) -> Reader:
    row, column = row_reader(source), source.column
    return lambda reading: row(reading).get(column)


def row_reader(source: LookupColumn) -> Callable[[Reading], Row]:
    """A function that finds the lookup row which `source` reads: a row of NULLs where a part of its key is empty. Where the row is
    not known (yet), it does what the source says: raises LookupUnknown to wait for it, gives a row of NULLs, or raises
    NotComputable.
    """
    readers, lookup, absent = tuple(reader(one) for one in source.by), source.lookup, source.absent
    places = frozenset(place for one in source.by for place in values_of(one))

    def find(reading: Reading) -> Row:
        key: list[str] = []
        for one in readers:
            part = one(reading)
            if part is None or not part.strip():
                return NO_ROW
            key.append(part)
        row = reading.lookups.find(lookup, tuple(key))
        if not row:
            if row is None and (absent == "empty" or any(map(is_blank, key))):
                return NO_ROW
            if row is None and absent == "refuse":
                raise NotComputable(f"在对照表 {lookup} 中没有对应的行", "")
            raise LookupUnknown(MissingLookup(lookup=lookup, key=tuple(key), places=places))
        return row

    return find


def parts_of(source: Source) -> "tuple[Source, ...]":
    """The sources that a source is made of, where it is no single value; not those by which a lookup finds its row."""
    match source:
        case FirstOf() | Computed():
            return source.sources
        case Switch():
            return (source.on, *source.cases.values(), *(() if source.otherwise is None else (source.otherwise,)))
        case ByTable():
            return (*source.cases.values(), source.otherwise)
        case Prefixed():
            return (source.source,)
        case Column() | Constant() | InstitutionValue() | LookupColumn():
            return ()


def in_table(source: Source, role: TableRole, table: str) -> Source:
    """The source as it is for rows of one table."""
    if isinstance(source, ByTable) and source.role is role:
        return source.cases.get(table, source.otherwise)
    return replace(source, source=in_table(source.source, role, table)) if isinstance(source, Prefixed) else source


def values_of(source: Source) -> Iterator[tuple[str, str]]:
    """Where the value of `source` itself stands: role and column of the record's own rows, or lookup and column of a lookup's."""
    if isinstance(source, Column):
        yield source.role, source.name
    elif isinstance(source, LookupColumn):
        yield f"lookup {source.lookup}", source.column
    for one in parts_of(source):
        yield from values_of(one)


def columns_of(source: Source) -> Iterator[tuple[TableRole, str]]:
    """The columns of the record's own rows that `source` reads (not those of lookups)."""
    if isinstance(source, Column):
        yield source.role, source.name
    for one in source.by if isinstance(source, LookupColumn) else parts_of(source):
        yield from columns_of(one)


def lookups_of(source: Source) -> Iterator[str]:
    """The names of the lookups that `source` reads."""
    if isinstance(source, LookupColumn):
        yield source.lookup
    for one in source.by if isinstance(source, LookupColumn) else parts_of(source):
        yield from lookups_of(one)
