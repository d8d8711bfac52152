"""The data-quality rules: a table of functions with id, level and clause, each deciding on one record and the rows behind it.

Rules that need several records are not here: R2, R9, R24 and R25 are decided in the join (`tallying`, `refunds`, `parents`,
`reversing`), R12 when a mapping is checked. R17 and R18 are not built: see docs/exactness.md.
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
    """Readings of rules that differ between platforms."""

    price_decimals: int | None = None
    """R1: decimals that the price is rounded to before it is multiplied; None: as it is."""
    fund_includes_account: bool = False
    """R5: FUND_PAY_SUMAMT contains ACCT_PAY."""
    lines_within_s: int = 60
    """R2: so long a settlement's amount may differ from its lines' before that is counted: lines and settlements arrive apart."""
    reversals_within_s: int = 60
    """R25: so long after a reversed settlement the one may come that it takes back, before it is counted that there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule found."""

    field: str
    """Interface field that is wrong."""
    message: str
    """For the clerk, without personal data."""
    level: Level | None = None
    """A milder level than the rule's, where the rule has two."""


RelatedField: TypeAlias = tuple[ServiceCode, str]
"""A field of another record of the same visit."""

Related: TypeAlias = Callable[[RelatedField], str | None]


class Subject:
    """One record as the rules see it.

    values: the interface fields that have a value. kind: outpatient, inpatient, pharmacy, or empty where it is not known. related:
    a field of the visit's or settlement's record that belongs to this one, None where it has no value or none that fits.
    """

    __slots__ = ("_amounts", "_today", "kind", "options", "related", "values")

    def __init__(self, values: Mapping[str, str], kind: str, *, today: date, options: RuleOptions, related: Related) -> None:
        self.values = values
        self.kind = kind
        self.options = options
        self.related = related
        self._today = today
        self._amounts: dict[str, Decimal] = {}

    def money(self, *names: str) -> list[Decimal]:
        """The amounts of these fields; empty where one of them has none."""
        amounts, found = self._amounts, []
        for name in names:
            amount = amounts.get(name)
            if amount is None:
                if not (text := self.values.get(name)):
                    return []
                amount = amounts[name] = Decimal(text)
            found.append(amount)
        return found

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
    """One rule."""

    id: str
    """`R1` and the like. Several rules may share an id; a site sets their level together."""
    level: Level
    """What a finding does unless the site says otherwise, at most: `Finding.level` may be milder."""
    services: frozenset[ServiceCode]
    """Whose records it judges."""
    clause: str
    """Where it is written."""
    title: str
    """What it demands, in a few words."""
    check: Check
    """The function that decides."""
    related: tuple[RelatedField, ...] = ()
    """Fields of other records of the same visit that it looks at."""


FEE: Final = frozenset({ServiceCode.FEE})
SETTLEMENT: Final = frozenset({ServiceCode.SETTLEMENT})
VISIT: Final = frozenset({ServiceCode.VISIT})
PERSON: Final = VISIT | SETTLEMENT

BEGAN: Final[RelatedField] = (ServiceCode.VISIT, "BEGNTIME")
ENDED: Final[RelatedField] = (ServiceCode.VISIT, "ENDTIME")
SETTLED: Final[RelatedField] = (ServiceCode.SETTLEMENT, "SETL_TIME")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRule:
    """A rule that is switched on."""

    rule: Rule
    level: Level | None
    """The site's level; None where the rule's own levels hold."""
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
