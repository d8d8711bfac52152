"""Where the value of an interface field comes from, as data, and how it is read from the rows of one record."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from connector.contract import TableRole
from streams.domain.normalise.unseen import is_blank
from streams.domain.records import Lookups, MissingLookup, Row, SourceRows
from streams.domain.roles import ROW_INDEX

NO_ROW: Final[Row] = MappingProxyType({})
"""What stands for a row that is not there: every column is NULL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    """An institution that reports."""

    code: str
    """FIXMEDINS_CODE."""
    name: str
    """FIXMEDINS_NAME."""
    kind: Literal["hospital", "pharmacy"]
    """Hospital or pharmacy."""
    area: str
    """Six digits of its area (FIX_BLNG_ADMDVS)."""
    level: str | None
    """HOSP_LV; None where the site gives none."""
    values: Mapping[str, str]
    """Further values that a site gives it, by name."""

    def value(self, name: str) -> str | None:
        """`code`, `name`, `area`, `level`, or one of `values` by its name."""
        match name:
            case "code":
                return self.code
            case "name":
                return self.name
            case "area":
                return self.area
            case "level":
                return self.level
            case _:
                return self.values.get(name)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOf:
    """The first of several that is neither NULL nor blank."""

    sources: "tuple[Source, ...]"


Source: TypeAlias = Column | Constant | InstitutionValue | LookupColumn | FirstOf


class LookupUnknown(Exception):
    """A lookup row that is needed is not known; `missing` says which."""

    def __init__(self, missing: MissingLookup) -> None:
        super().__init__()
        self.missing = missing


class Reading:
    """What the sources of one record read from. rows: visit, settlement, fee. institution: None where the row's is not known."""

    __slots__ = ("institution", "lookups", "rows")

    def __init__(self, rows: SourceRows, lookups: Lookups) -> None:
        self.rows = (rows.visit or NO_ROW, rows.settlement or NO_ROW, rows.fee or NO_ROW)
        self.institution: Institution | None = None
        self.lookups = lookups


Reader: TypeAlias = Callable[[Reading], str | None]


def reader(source: Source) -> Reader:
    """A function that reads `source`. It raises LookupUnknown where a lookup row is not known (yet)."""
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


def _lookup(source: LookupColumn) -> Reader:
    row, column = row_reader(source), source.column
    return lambda reading: row(reading).get(column)


def row_reader(source: LookupColumn) -> Callable[[Reading], Row]:
    """A function that finds the lookup row which `source` reads: a row of NULLs where a part of its key is empty. It raises
    LookupUnknown where the row is not known (yet).
    """
    readers, lookup = tuple(reader(one) for one in source.by), source.lookup
    places = frozenset(place for one in source.by for place in values_of(one))

    def find(reading: Reading) -> Row:
        key: list[str] = []
        for one in readers:
            part = one(reading)
            if part is None or not part.strip():
                return NO_ROW
            key.append(part)
        row = reading.lookups.find(lookup, tuple(key))
        if row is None:
            if any(map(is_blank, key)):
                return NO_ROW
            raise LookupUnknown(MissingLookup(lookup=lookup, key=tuple(key), places=places))
        return row

    return find


def values_of(source: Source) -> Iterator[tuple[str, str]]:
    """Where the value of `source` itself stands: role and column of the record's own rows, or lookup and column of a lookup's."""
    match source:
        case Column():
            yield source.role, source.name
        case LookupColumn():
            yield f"lookup {source.lookup}", source.column
        case FirstOf():
            for one in source.sources:
                yield from values_of(one)
        case Constant() | InstitutionValue():
            return


def columns_of(source: Source) -> Iterator[tuple[TableRole, str]]:
    """The columns of the record's own rows that `source` reads (not those of lookups)."""
    match source:
        case Column():
            yield source.role, source.name
        case LookupColumn():
            for one in source.by:
                yield from columns_of(one)
        case FirstOf():
            for one in source.sources:
                yield from columns_of(one)
        case Constant() | InstitutionValue():
            return


def lookups_of(source: Source) -> Iterator[str]:
    """The names of the lookups that `source` reads."""
    match source:
        case LookupColumn():
            yield source.lookup
            for one in source.by:
                yield from lookups_of(one)
        case FirstOf():
            for one in source.sources:
                yield from lookups_of(one)
        case Column() | Constant() | InstitutionValue():
            return
