"""One field of a record, compiled: how it is read, converted and checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Final, NamedTuple, TypeVar

from connector.contract import TableRole
from streams.domain.normalise.conversions import Conversion, Convert
from streams.domain.normalise.converters import chain, converter, remembered
from streams.domain.normalise.formulas import NotComputable
from streams.domain.normalise.sources import Column, Constant, InstitutionValue, Reader, Reading, Source, reader
from streams.domain.roles import ROW_INDEX
from streams.domain.validate.judge import OPEN_CODES
from streams.domain.validate.rules import RuleLevel, RuleOptions
from streams.domain.violations import DeadClass, unfit
from streams.spec.dictionaries import Dictionary
from streams.spec.fields import Field, FieldKind
from streams.spec.identity import with_capital_x

Read = TypeVar("Read")

_IDENTITY_NUMBERS: Final = frozenset({"CERTNO", "MDTRT_CERT_NO"})
"""Fields that a resident ID can stand in."""


class Prefixes(NamedTuple):
    """What stands before the numbers of the records of one role."""

    role: TableRole
    by_table: Mapping[str, str]
    """By table of the row that has the number; under `""` where the row is not there and all have the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """Where one interface field comes from and how it is converted."""

    field: Field
    """The field."""
    source: Source
    """Where its value comes from."""
    conversion: Conversion
    """How that is converted."""
    own: TableRole | None = None
    """Role of the record's own row."""
    of_tables: "Mapping[str, FieldRule] | None" = None
    """For rows of these tables, in place of `source` and `conversion`."""
    prefixed: Prefixes | None = None
    """What stands before the number that the field holds; None: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What is common to all records of a site."""

    zone: tzinfo
    """Time zone in which instants are shown."""
    dictionaries: Mapping[str, Dictionary]
    """Value lists of the coded fields, by name."""
    levels: Mapping[str, RuleLevel] = field(default_factory=dict)
    """Levels of rules that differ from the rules' own, by rule id."""
    options: RuleOptions = field(default_factory=RuleOptions)
    """Readings of rules that differ between platforms."""
    capital_x: bool = True
    """A lower-case `x` that ends a resident ID is written as `X`."""
    blank: str | None = None
    """What an optional field without a value becomes: None leaves it out, `""` sends it empty."""


class FieldStep(NamedTuple):
    """One field, ready to run."""

    name: str
    """The field's name."""
    row: int
    """Index of the row that `column` stands in (see `ROW_INDEX`); -1 where `read` is used."""
    column: str
    """Column of that row."""
    read: Reader | None
    """How to read the value; None where it is plainly `column` of row number `row`."""
    convert: Convert
    """How to convert it."""
    longest: int
    """Most characters, where trimming and this length are all there is to the conversion, so that `convert` is called only to
    refuse; -1 elsewhere."""
    default: str | None
    """Value where the source has none, already converted."""
    field: Field
    """The field in the interface."""
    source: Source
    """Where the value comes from."""

    @property
    def of_institution(self) -> bool:
        """Whether the value comes from the institution. Where that is unknown, the missing value is no violation of its own."""
        return isinstance(self.source, InstitutionValue)

    def remembering(self) -> "FieldStep":
        """The same step with a memory of its last results."""
        return self._replace(convert=remembered(self.convert))


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
        read=None if isinstance(source, Column) else within(rule.field, reader(source)),
        convert=convert,
        longest=_longest(rule.field, conversion, dialect),
        default=default,
        field=rule.field,
        source=source,
    )


def value_of(step: FieldStep, reading: Reading) -> str:
    """The value of one field, empty where it has none. Raises Unfit, LookupUnknown."""
    raw = reading.rows[step.row].get(step.column) if step.read is None else step.read(reading)
    value = "" if raw is None else step.convert(raw)
    return value or step.default or ""


def within(one: Field, read: Callable[[Reading], Read]) -> Callable[[Reading], Read]:
    """What reads a field: that a formula cannot be applied, or a lookup row must be there and is not, is a fault of that field."""

    def reading_of(reading: Reading) -> Read:
        try:
            return read(reading)
        except NotComputable as error:
            raise unfit(one, "MAPPING", value=error.value, message=error.message, dead_class=DeadClass.MAPPING) from None

    return reading_of


def _longest(one: Field, conversion: Conversion, dialect: Dialect) -> int:
    plain = one.kind is FieldKind.TEXT and conversion.read_as is FieldKind.TEXT and conversion.trim and not conversion.compact
    if not plain or conversion.translation is not None or _may_end_in_x(one, dialect) or one.dictionary in dialect.dictionaries:
        return -1
    return -1 if one.max_chars is None else one.max_chars


def _converter(one: Field, conversion: Conversion, dialect: Dialect) -> Convert:
    dictionary = dialect.dictionaries.get(one.dictionary or "")
    convert = converter(one, conversion, dictionary=dictionary, zone=dialect.zone, open_codes=dialect.levels.get(OPEN_CODES))
    return chain([convert, with_capital_x]) if _may_end_in_x(one, dialect) else convert


def _may_end_in_x(one: Field, dialect: Dialect) -> bool:
    return dialect.capital_x and one.name in _IDENTITY_NUMBERS


def absent_step(one: Field) -> FieldStep:
    """A field without a source: it never has a value."""
    return FieldStep(
        name=one.name,
        row=-1,
        column="",
        read=lambda _: None,
        convert=str,
        longest=-1,
        default=None,
        field=one,
        source=Constant(value=None),
    )
