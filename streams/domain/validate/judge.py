"""What the interface demands of one record: lengths, numbers, dates and codes field by field, then the rules over the whole.

All violations of a record are found at once, so that it is mended once.
"""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Final

from streams.domain.normalise.conversions import (
    Conversion,
    Convert,
    Unfit,
    decimal,
    padded,
    seen,
    text,
    translated,
    unfit,
)
from streams.domain.normalise.moments import instant_day, instant_time, wall_day, wall_time
from streams.domain.records import DeadClass, Level, Violation
from streams.domain.validate.money import MONEY_RULES
from streams.domain.validate.person import PERSON_RULES
from streams.domain.validate.rules import ActiveRule, Finding, Rule, RuleLevel, Subject, activate
from streams.domain.validate.stay import STAY_RULES
from streams.spec.dictionaries import Dictionary
from streams.spec.fields import Field, FieldKind, ServiceCode
from streams.spec.interface import SERVICES

RULES: Final[tuple[Rule, ...]] = (*MONEY_RULES, *PERSON_RULES, *STAY_RULES)
"""All rules that one record can be judged by."""

OPEN_CODES: Final = "DICTIONARY"
"""Rule id under which a site levels codes that are not in a list that may be incomplete. Default: warn."""

REFUNDS: Final = "R9"
"""Refund lines follow the lines that they take back: decided in the join, over the lines of a visit."""

UNIQUE_LINES: Final = "R12"
"""BKKP_SN is unique per institution: decided when a mapping is checked."""

RULE_IDS: Final = frozenset({rule.id for rule in RULES} | {OPEN_CODES, REFUNDS, UNIQUE_LINES})

_FIELDS: Final = {service.code: {field.name: field for field in service.fields} for service in SERVICES.values()}
_REMEMBERED: Final = 2048


class _Remembered(dict[str, str]):
    """A conversion that remembers its last results: for fields with few different values."""

    def __init__(self, convert: Convert) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, raw: str) -> str:
        value = self._convert(raw)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[raw] = value
        return value


def remembered(convert: Convert) -> Convert:
    """`convert`, remembering results. Refusals and warnings are not remembered."""
    return _Remembered(convert).__getitem__


def converter(
    field: Field, conversion: Conversion, *, dictionary: Dictionary | None, zone: tzinfo, open_codes: RuleLevel | None
) -> Convert:
    """The conversion of one field, its interface checks included. open_codes: the site's level for codes not in an open list."""
    steps = [_shape(field, conversion, zone)]
    if conversion.translation is not None:
        steps.insert(0, translated(field, conversion.translation))
    if dictionary is not None and field.kind is FieldKind.TEXT:
        if conversion.pad_zeros:
            steps.append(padded(dictionary.codes))
        if dictionary.closed or open_codes != "off":
            steps.append(_in_dictionary(field, dictionary, open_codes))
        return remembered(_chain(steps))
    return remembered(_chain(steps)) if conversion.translation is not None else _chain(steps)


def _shape(field: Field, conversion: Conversion, zone: tzinfo) -> Convert:
    match conversion.read_as:
        case FieldKind.TEXT:
            return text(field, trim=conversion.trim, truncate=conversion.truncate)
        case FieldKind.DECIMAL:
            return decimal(field, fen=conversion.fen, rounded=conversion.round)
        case FieldKind.DATE:
            shown = instant_day(field, zone) if conversion.instant else wall_day(field)
        case FieldKind.DATETIME:
            shown = instant_time(field, zone) if conversion.instant else wall_time(field)
    if field.kind is FieldKind.TEXT:
        return _chain([shown, text(field, trim=True, truncate=conversion.truncate)])
    return shown


def _chain(steps: list[Convert]) -> Convert:
    if len(steps) == 1:
        return steps[0]
    first, *others = steps
    rest = _chain(others)
    return lambda raw: rest(first(raw))


def _in_dictionary(field: Field, dictionary: Dictionary, open_codes: RuleLevel | None) -> Convert:
    codes, refuses = dictionary.codes, dictionary.closed or open_codes == "refuse"

    def convert(value: str) -> str:
        if not value or value in codes:
            return value
        message = f"的代码不在字典 {dictionary.name} 中"
        refusal = unfit(field, OPEN_CODES, value=value, message=message, dead_class=DeadClass.DICTIONARY)
        raise refusal if refuses else Unfit(warning(refusal.violation), value)

    return convert


def warning(violation: Violation) -> Violation:
    """The same, only counted."""
    return Violation(
        field=violation.field,
        rule=violation.rule,
        level=Level.WARN,
        dead_class=violation.dead_class,
        clause=violation.clause,
        masked=violation.masked,
        message=violation.message,
    )


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


def active_rules(service: ServiceCode, levels: Mapping[str, RuleLevel]) -> tuple[ActiveRule, ...]:
    """The rules that judge records of `service` at the site's levels."""
    return activate(RULES, service, levels)


def judge(subject: Subject, rules: tuple[ActiveRule, ...], service: ServiceCode) -> list[Violation]:
    """Everything that the rules find."""
    violations: list[Violation] = []
    for active in rules:
        found = active.check(subject)
        if found:
            violations += [_violation(finding, active, subject, service) for finding in found]
    return violations


def _violation(finding: Finding, active: ActiveRule, subject: Subject, service: ServiceCode) -> Violation:
    rule = active.rule
    return Violation(
        field=finding.field,
        rule=rule.id,
        level=active.level or finding.level or rule.level,
        dead_class=DeadClass.VALIDATION,
        clause=rule.clause if rule.clause.startswith("guide") else _FIELDS[service][finding.field].clause,
        masked=seen(finding.field, subject.values.get(finding.field, "")),
        message=finding.message,
    )
