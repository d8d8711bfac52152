"""What an alert asks of metrics: each expression writes itself as PromQL and finds its own value, as Prometheus does. Pure.

Only what the table needs stands here. That both say the same of the same samples, the cases of `deploy/prometheus/rules_test.yaml`
hold: promtool runs them, and so does this.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from streams.telemetry.alerts.ranges import quantile, rate, slope
from streams.telemetry.alerts.samples import History, Labels, Vector, only

_FOLDS: Final[Mapping[str, Callable[[list[float]], float]]] = {"sum": sum, "min": min, "max": max}


class Expression(Protocol):
    """A vector that is to be found."""

    def promql(self) -> str:
        """As Prometheus reads it."""

    def value(self, history: History, now: float) -> Vector:
        """What it is at a moment, by what was seen. now: seconds since the epoch."""

    def parts(self) -> Iterator["Expression"]:
        """What it is made of, itself first."""


def span(seconds: float) -> str:
    """A time as Prometheus writes it."""
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds // unit:g}{name}"
    return f"{seconds:g}s"


@dataclass(frozen=True, slots=True)
class Match:
    """That a label has, or has not, a value."""

    label: str
    how: str
    """`=`, `!=` or `=~`, which takes the whole value for a pattern."""
    wanted: str

    def takes(self, labels: Labels) -> bool:
        """Whether these are wanted."""
        value = dict(labels).get(self.label, "")
        if self.how == "=~":
            return re.fullmatch(self.wanted, value) is not None
        return (value == self.wanted) == (self.how == "=")


@dataclass(frozen=True, slots=True)
class Select:
    """The samples of a series."""

    name: str
    matches: tuple[Match, ...] = ()

    def promql(self) -> str:
        inside = ",".join(f'{one.label}{one.how}"{one.wanted}"' for one in self.matches)
        return f"{self.name}{{{inside}}}" if inside else self.name

    def value(self, history: History, now: float) -> Vector:
        return {labels: value for labels, value in history.at(self.name, now).items() if self.takes(labels)}

    def takes(self, labels: Labels) -> bool:
        """Whether these are asked for."""
        return all(match.takes(labels) for match in self.matches)

    def parts(self) -> Iterator[Expression]:
        yield self


@dataclass(frozen=True, slots=True)
class Rate:
    """How much a counter rises a second, over a time."""

    of: Select
    over_s: float
    increase: bool = False
    """In all of that time, instead of a second."""

    def promql(self) -> str:
        return f"{'increase' if self.increase else 'rate'}({self.of.promql()}[{span(self.over_s)}])"

    def value(self, history: History, now: float) -> Vector:
        begin, times = now - self.over_s, self.over_s if self.increase else 1.0
        runs = history.over(self.of.name, begin, now).items()
        found = {labels: rate(run, begin, now) for labels, run in runs if self.of.takes(labels)}
        return {labels: value * times for labels, value in found.items() if value is not None}

    def parts(self) -> Iterator[Expression]:
        yield self
        yield from self.of.parts()


@dataclass(frozen=True, slots=True)
class Slope:
    """How much a gauge rises a second, by the straight line through its values."""

    of: Expression
    over_s: float
    step_s: float

    def promql(self) -> str:
        return f"deriv({self.of.promql()}[{span(self.over_s)}:{span(self.step_s)}])"

    def value(self, history: History, now: float) -> Vector:
        runs: dict[Labels, list[tuple[float, float]]] = {}
        step, begin = self.step_s, now - self.over_s
        at = step * -(-begin // step)
        while at <= now:
            for labels, value in self.of.value(history, at).items():
                runs.setdefault(labels, []).append((at, value))
            at += step
        return {labels: slope(run) for labels, run in runs.items() if len(run) > 1}

    def parts(self) -> Iterator[Expression]:
        yield self
        yield from self.of.parts()


@dataclass(frozen=True, slots=True)
class Fold:
    """The sum, the least or the greatest of samples that share labels."""

    how: str
    of: Expression
    by: tuple[str, ...] = ()

    def promql(self) -> str:
        by = f" by ({', '.join(self.by)}) " if self.by else ""
        return f"{self.how}{by}({self.of.promql()})"

    def value(self, history: History, now: float) -> Vector:
        groups: dict[Labels, list[float]] = {}
        for labels, value in self.of.value(history, now).items():
            groups.setdefault(only(labels, self.by), []).append(value)
        return {labels: _FOLDS[self.how](values) for labels, values in groups.items()}

    def parts(self) -> Iterator[Expression]:
        yield self
        yield from self.of.parts()


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile by the buckets of a histogram."""

    share: float
    of: Expression
    """The rates of the buckets, with the label `le`."""

    def promql(self) -> str:
        return f"histogram_quantile({self.share:g}, {self.of.promql()})"

    def value(self, history: History, now: float) -> Vector:
        buckets: dict[Labels, list[tuple[float, float]]] = {}
        for labels, value in self.of.value(history, now).items():
            bound = float(dict(labels)["le"].replace("+Inf", "inf"))
            buckets.setdefault(only(labels, {name for name, _ in labels} - {"le"}), []).append((bound, value))
        return {labels: quantile(self.share, sorted(each)) for labels, each in buckets.items()}

    def parts(self) -> Iterator[Expression]:
        yield self
        yield from self.of.parts()


@dataclass(frozen=True, slots=True)
class Time:
    """Now; a number, and no vector."""

    def promql(self) -> str:
        return "time()"

    def value(self, history: History, now: float) -> Vector:  # noqa: ARG002 - as all have it
        return {frozenset(): now}

    def parts(self) -> Iterator[Expression]:
        yield self


@dataclass(frozen=True, slots=True)
class Number:
    """A number, and no vector."""

    number: float

    def promql(self) -> str:
        return f"{self.number:.0f}" if self.number.is_integer() else f"{self.number!r}"

    def value(self, history: History, now: float) -> Vector:  # noqa: ARG002 - as all have it
        return {frozenset(): self.number}

    def parts(self) -> Iterator[Expression]:
        yield self
