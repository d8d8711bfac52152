"""The data-quality rules: a table of functions with id, level and clause, each deciding on one record and the rows behind it.

What needs several records is not here: R9 is decided in the join (`refunds`), R12 when a mapping is checked; R2, R17, R18 and R25
warn about what is rare, and wait for the same memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from streams.domain.violations import Level
from streams.spec.fields import ServiceCode

RuleLevel: TypeAlias = Literal["off", "warn", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    """Readings that differ between platforms. price_decimals: R1 rounds the price first; fund_includes_account: R5."""

    price_decimals: int | None = None
    fund_includes_account: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule found. message: for the clerk, without personal data. level: a milder one than the rule's, where it has two."""

    field: str
    message: str
    level: Level | None = None


RelatedField: TypeAlias = tuple[ServiceCode, str]
"""A field of another record of the same visit."""

Related: TypeAlias = Callable[[RelatedField], str | None]


class Subject:
    """One record as the rules see it.

    values: the interface fields that have a value. kind: outpatient, inpatient, pharmacy, or empty where it is not known. related:
    a field of the visit's or settlement's record that belongs to this one, None where it has no value or none that fits.
    """

    __slots__ = ("_today", "kind", "options", "related", "values")

    def __init__(self, values: Mapping[str, str], kind: str, *, today: date, options: RuleOptions, related: Related) -> None:
        self.values = values
        self.kind = kind
        self.options = options
        self.related = related
        self._today = today

    def money(self, *names: str) -> list[Decimal]:
        """The amounts of these fields; empty where one of them has none."""
        texts = [self.values.get(name) for name in names]
        return [Decimal(text) for text in texts if text] if all(texts) else []

    @property
    def first_impossible_day(self) -> str:
        """The day after tomorrow: no date may be that late (R20)."""
        return _two_days_after(self._today)


@lru_cache(maxsize=8)
def _two_days_after(today: date) -> str:
    return (today + timedelta(days=2)).isoformat()


Check: TypeAlias = Callable[[Subject], tuple[Finding, ...]]

NOTHING: Final[tuple[Finding, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    level: what a finding does unless the site says otherwise, at most (`Finding.level` may be milder). clause: where it is
    written. related: fields of other records of the same visit that it looks at.
    """

    id: str
    level: Level
    services: frozenset[ServiceCode]
    clause: str
    title: str
    check: Check
    related: tuple[RelatedField, ...] = ()


FEE: Final = frozenset({ServiceCode.FEE})
SETTLEMENT: Final = frozenset({ServiceCode.SETTLEMENT})
VISIT: Final = frozenset({ServiceCode.VISIT})
PERSON: Final = VISIT | SETTLEMENT

BEGAN: Final[RelatedField] = (ServiceCode.VISIT, "BEGNTIME")
ENDED: Final[RelatedField] = (ServiceCode.VISIT, "ENDTIME")
SETTLED: Final[RelatedField] = (ServiceCode.SETTLEMENT, "SETL_TIME")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRule:
    """A rule that is switched on. level: the site's, None where the rule's own levels hold."""

    rule: Rule
    level: Level | None
    check: Check

    @property
    def may_refuse(self) -> bool:
        """Whether a finding can hold the record back."""
        return (self.level or self.rule.level) is Level.REFUSE


def activate(table: tuple[Rule, ...], service: ServiceCode, levels: Mapping[str, RuleLevel]) -> tuple[ActiveRule, ...]:
    """The rules of `table` that judge records of `service`, at the site's levels."""
    chosen = []
    for rule in table:
        wanted = levels.get(rule.id)
        if service in rule.services and wanted != "off":
            chosen.append(ActiveRule(rule=rule, level=None if wanted is None else Level(wanted), check=rule.check))
    return tuple(chosen)
