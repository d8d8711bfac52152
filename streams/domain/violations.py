"""What is wrong with a value or a record: how much it matters, which class of dead letter it makes, and what a clerk is told."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from streams.spec.fields import Field
from streams.spec.masking import mask, mask_text

OF_FIELD: Final = "warned of: "
"""Begins the outcome that tells of a warning its rule and its field."""
_LONGEST_SEEN: Final = 100


class Level(StrEnum):
    """What a violation does: hold the record back (refuse), or only be counted (warn)."""

    REFUSE = "refuse"
    WARN = "warn"


class DeadClass(StrEnum):
    """The closed list of reasons for a dead letter.

    ENCRYPT and INTERNAL are kept for what may once have to be set aside by hand; no stage writes them. A key that does not encrypt
    holds its lane, and an error of this program ends its worker before anything of the record is committed: the record is not to
    blame for either, and is reported once the fault is mended.
    """

    DECODE = "DECODE"
    SCHEMA_DRIFT = "SCHEMA_DRIFT"
    JOIN_INCOMPLETE = "JOIN_INCOMPLETE"
    AMBIGUOUS = "AMBIGUOUS"
    COLLISION = "COLLISION"
    CORRECTION = "CORRECTION"
    MAPPING = "MAPPING"
    DICTIONARY = "DICTIONARY"
    VALIDATION = "VALIDATION"
    OVERSIZE = "OVERSIZE"
    ENCRYPT = "ENCRYPT"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that is wrong with a record."""

    field: str
    """Interface field."""
    rule: str
    """`R1`…`R25`, `REQUIRED`, `LENGTH`, `DECIMAL`, `DATE`, `DATETIME`, `DICTIONARY`, `MAPPING`, …."""
    level: Level
    """What it does to the record."""
    dead_class: DeadClass
    """MAPPING, DICTIONARY, VALIDATION, OVERSIZE, AMBIGUOUS, COLLISION or CORRECTION."""
    clause: str
    """Where the rule is written (`§3.3.1 #13`, `guide 122`)."""
    masked: str
    """The offending value, masked as its field demands."""
    message: str
    """One sentence in Chinese for the clerk who mends it, without personal data."""


class Unfit(Exception):
    """A value that the interface does not take (or, with `value`, takes with a warning)."""

    def __init__(self, violation: Violation, value: str = "") -> None:
        super().__init__()
        self.violation = violation
        self.value = value


def seen(field_name: str, value: str) -> str:
    """A value as a violation may show it: masked as its field demands, and also by what it looks like, in case a personal column
    was mapped to the wrong field.
    """
    return mask_text(mask(field_name, value))[:_LONGEST_SEEN]


def unfit(field: Field, rule: str, *, value: str, message: str, dead_class: DeadClass = DeadClass.VALIDATION) -> Unfit:
    """A value that is refused. message: what the clerk reads behind the field's label; it must not hold the value."""
    return Unfit(
        Violation(
            field=field.name,
            rule=rule,
            level=Level.REFUSE,
            dead_class=dead_class,
            clause=field.clause,
            masked=seen(field.name, value),
            message=f"{field.label}{message}",
        )
    )


def warning(violation: Violation) -> Violation:
    """The same violation as a warning: it is counted, and the record goes out."""
    return Violation(
        field=violation.field,
        rule=violation.rule,
        level=Level.WARN,
        dead_class=violation.dead_class,
        clause=violation.clause,
        masked=violation.masked,
        message=violation.message,
    )


def outcomes_of(warnings: Iterable[Violation]) -> Iterator[str]:
    """As what warnings of a record that goes are counted: each by its rule, and by rule and field."""
    for one in warnings:
        yield f"warned_{one.rule}"
        yield f"{OF_FIELD}{one.rule} {one.field}"


def missing(field: Field) -> Violation:
    """A required field without a value."""
    return Violation(
        field=field.name,
        rule="REQUIRED",
        level=Level.REFUSE,
        dead_class=DeadClass.VALIDATION,
        clause=field.clause,
        masked="",
        message=f"{field.label}为必填项，数据为空",
    )
