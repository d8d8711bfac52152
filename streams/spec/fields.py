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
    """One row of a field table of §3.3.

    max_chars: characters of a TEXT (None: the interface states no length). digits, scale: of a DECIMAL, `16,4` = 16 digits, 4 of
    them after the point. coded: the interface marks it as a code. dictionary: name of the value list, None where none is known.
    personal: identifies a person; masked wherever a person looks, never logged.
    """

    number: int
    name: str
    label: str
    kind: FieldKind
    max_chars: int | None
    digits: int | None
    scale: int | None
    required: bool
    coded: bool
    dictionary: str | None
    personal: bool
    clause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: its fields in the interface's order.

    key: the field that identifies a record.
    business_day: the field whose day counts for reconciliation.
    amount: the field with the record's money, `""` where it has none.
    """

    code: ServiceCode
    label: str
    clause: str
    key: str
    business_day: str
    amount: str
    fields: tuple[Field, ...]
