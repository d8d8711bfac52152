"""The rules over a whole record. All violations are found at once, so that it is mended once."""

from collections.abc import Mapping
from typing import Final

from streams.domain.validate.money import MONEY_RULES
from streams.domain.validate.person import PERSON_RULES
from streams.domain.validate.rules import ActiveRule, Finding, Rule, RuleLevel, Subject, activate
from streams.domain.validate.stay import STAY_RULES
from streams.domain.violations import DeadClass, Violation, seen
from streams.spec.fields import ServiceCode
from streams.spec.interface import SERVICES

RULES: Final[tuple[Rule, ...]] = (*MONEY_RULES, *PERSON_RULES, *STAY_RULES)
"""All rules that one record can be judged by."""

OPEN_CODES: Final = "DICTIONARY"
"""Id of the rule for codes that are missing from a list which may be incomplete. Default: warn; a site can set another level."""

TEXTS: Final = "TEXT"
"""Texts that lost characters or hold controls: decided where values are read."""

REFUNDS: Final = "R9"
"""Refund lines follow the lines that they take back: decided in the join, over the lines of a visit."""

SUMS: Final = "R2"
"""The lines of a settlement add up to what it says: decided in the join, over the lines of a settlement."""

REVERSED: Final = "R25"
"""A reversed settlement has in its visit the one that it takes back: decided in the join, over the settlements of a visit."""

UNIQUE_LINES: Final = "R12"
"""BKKP_SN is unique per institution: decided when a mapping is checked."""

PARENTS: Final = "R24"
"""What belongs to a refused visit or settlement does not go without it: decided in the join."""

RULE_IDS: Final = frozenset({rule.id for rule in RULES} | {OPEN_CODES, TEXTS, REFUNDS, SUMS, REVERSED, UNIQUE_LINES, PARENTS})

_FIELDS: Final = {service.code: {field.name: field for field in service.fields} for service in SERVICES.values()}


def active_rules(service: ServiceCode, levels: Mapping[str, RuleLevel]) -> tuple[ActiveRule, ...]:
    """The rules that judge records of `service` at the site's levels."""
    return activate(RULES, service, levels)


def judge(subject: Subject, rules: tuple[ActiveRule, ...], service: ServiceCode) -> list[Violation]:
    """Everything that the rules find."""
    violations: list[Violation] = []
    for active in rules:
        if found := active.check(subject):
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
