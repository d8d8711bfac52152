"""The shape of a service's record: fields with type, length, presence and the clause that says so."""

from dataclasses import dataclass
from enum import StrEnum


class ServiceCode(StrEnum):
    """Service codes (interface §3.1). The order is the order of reporting: visit, settlement, fee lines (rule R24)."""

    VISIT = "mdtrt_d"
    SETTLEMENT = "setl_d"
    FEE = "fee_list_d"


class FieldKind(StrEnum):
    """Types of the interface. All travel as JSON strings (§2.2)."""

    TEXT = "text"
    DECIMAL = "decimal"
    DATE = "date"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One row of a field table of §3.3."""

    number: int
    """Number of the row."""
    name: str
    """Name as it is sent."""
    label: str
    """Name in Chinese."""
    kind: FieldKind
    """Type."""
    max_chars: int | None
    """Most characters of a TEXT; None where the interface states no length."""
    digits: int | None
    """Digits of a DECIMAL in all: 16 of `16,4`."""
    scale: int | None
    """Digits of a DECIMAL after the point: 4 of `16,4`."""
    required: bool
    """Whether every record must have it."""
    coded: bool
    """Whether the interface marks it as a code."""
    dictionary: str | None
    """Name of its value list; None where none is known."""
    personal: bool
    """Whether it identifies a person: masked wherever a person looks, and never logged."""
    clause: str
    """Where the interface says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of the interface."""

    code: ServiceCode
    """Its code."""
    label: str
    """Its name in Chinese."""
    clause: str
    """Where the interface describes it."""
    key: str
    """Field that identifies a record."""
    business_day: str
    """Field whose day counts for reconciliation."""
    amount: str
    """Field with the record's money; `""` where it has none."""
    fields: tuple[Field, ...]
    """In the interface's order."""
