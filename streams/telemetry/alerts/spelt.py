"""Short words for the expressions that alerts are made of."""

from typing import Final

from streams.telemetry.alerts.expressions import Both, Compare, Expression, Fold, Match, Number, Rate, Select, Sum, Time

Condition = tuple[str, str, str]
"""A label, `=`, `!=` or `=~`, and a value."""

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0

INSIDE: Final[Condition] = ("phase", "=", "inside")
"""In a maintenance window, and not in the time after it."""
PAUSED: Final[Condition] = ("of", "=", "stage")
"""A whole stage."""


def select(name: str, *conditions: Condition) -> Select:
    """The samples of a series."""
    return Select(name, tuple(Match(*one) for one in conditions))


def most(name: str, *conditions: Condition, by: tuple[str, ...] = ()) -> Fold:
    """The greatest of them."""
    return Fold("max", select(name, *conditions), by)


def least(name: str, *conditions: Condition, by: tuple[str, ...] = ()) -> Fold:
    """The least of them."""
    return Fold("min", select(name, *conditions), by)


def total(name: str, *conditions: Condition, by: tuple[str, ...] = ()) -> Fold:
    """Their sum."""
    return Fold("sum", select(name, *conditions), by)


def risen(name: str, over_s: float, *conditions: Condition, by: tuple[str, ...] = ()) -> Fold:
    """How much counters rise a second in the last so many."""
    return Fold("sum", Rate(select(name, *conditions), over_s), by)


def over(of: Expression, than: float) -> Compare:
    """What is more."""
    return Compare(of, ">", Number(float(than)))


def below(of: Expression, than: float) -> Compare:
    """What is less."""
    return Compare(of, "<", Number(float(than)))


def age(moment: Expression) -> Sum:
    """Seconds since a moment."""
    return Sum(Time(), "-", moment)


def until(moment: Expression) -> Sum:
    """Seconds to a moment."""
    return Sum(moment, "-", Time())


def unless_maintenance(of: Expression, *phase: Condition, on: tuple[str, ...] = ()) -> Both:
    """But not in a maintenance window of the platform; without a phase also not while what waited is sent afterwards."""
    return Both(of, over(select("cdc_maintenance", *phase), 0), on, unless=True)
