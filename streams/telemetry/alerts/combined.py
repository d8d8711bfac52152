"""What an alert asks of several metrics at once: expressions that are made of others (`streams.telemetry.alerts.expressions`)."""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from streams.telemetry.alerts.expressions import Expression, Number, Select, Time
from streams.telemetry.alerts.samples import History, Vector, only

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {">": operator.gt, "<": operator.lt}
_SUMS: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right if right else float("nan") if not left else float("inf"),
}


@dataclass(frozen=True, slots=True)
class Sum:
    """Arithmetic, of the samples with the same labels, or of each with a number."""

    left: Expression
    how: str
    """`+`, `-`, `*` or `/`."""
    right: Expression

    def promql(self) -> str:
        return f"{_inside(self.left)} {self.how} {_inside(self.right)}"

    def value(self, history: History, now: float) -> Vector:
        left, right = self.left.value(history, now), self.right.value(history, now)
        if _is_number(self.left):
            left = dict.fromkeys(right, left[frozenset()])
        if _is_number(self.right):
            right = dict.fromkeys(left, right[frozenset()])
        return {labels: _SUMS[self.how](value, right[labels]) for labels, value in left.items() if labels in right}

    def parts(self) -> Iterator[Expression]:
        yield self
        yield from self.left.parts()
        yield from self.right.parts()


@dataclass(frozen=True, slots=True)
class Compare:
    """The samples of which it is so: `>` or `<`, than a number or than the sample with the same labels."""

    of: Expression
    how: str
    than: Expression

    def promql(self) -> str:
        return f"{self.of.promql()} {self.how} {self.than.promql()}"

    def value(self, history: History, now: float) -> Vector:
        left, right = self.of.value(history, now), self.than.value(history, now)
        if _is_number(self.than):
            right = dict.fromkeys(left, right[frozenset()])
        return {labels: one for labels, one in left.items() if labels in right and _COMPARISONS[self.how](one, right[labels])}

    def parts(self) -> Iterator[Expression]:
        yield self
        yield from self.of.parts()
        yield from self.than.parts()


@dataclass(frozen=True, slots=True)
class Both:
    """The left samples for which there is a right one, or for which there is none."""

    left: Expression
    right: Expression
    on: tuple[str, ...] = ()
    """Labels whose values they share."""
    unless: bool = False
    """Those for which there is none."""

    def promql(self) -> str:
        return f"{self.left.promql()} {'unless' if self.unless else 'and'} on ({', '.join(self.on)}) {self.right.promql()}"

    def value(self, history: History, now: float) -> Vector:
        there = {only(labels, self.on) for labels in self.right.value(history, now)}
        left = self.left.value(history, now).items()
        return {labels: value for labels, value in left if (only(labels, self.on) in there) != self.unless}

    def parts(self) -> Iterator[Expression]:
        yield self
        yield from self.left.parts()
        yield from self.right.parts()


@dataclass(frozen=True, slots=True)
class Either:
    """The left samples, and of the right ones those with labels that no left one has."""

    left: Expression
    right: Expression

    def promql(self) -> str:
        return f"{self.left.promql()} or {self.right.promql()}"

    def value(self, history: History, now: float) -> Vector:
        return {**self.right.value(history, now), **self.left.value(history, now)}

    def parts(self) -> Iterator[Expression]:
        yield self
        yield from self.left.parts()
        yield from self.right.parts()


@dataclass(frozen=True, slots=True)
class Absent:
    """1, with the labels that are asked for, where there is no such sample."""

    of: Select

    def promql(self) -> str:
        return f"absent({self.of.promql()})"

    def value(self, history: History, now: float) -> Vector:
        asked = frozenset((one.label, one.wanted) for one in self.of.matches if one.how == "=")
        return {} if self.of.value(history, now) else {asked: 1.0}

    def parts(self) -> Iterator[Expression]:
        yield self
        yield from self.of.parts()


def _is_number(one: Expression) -> bool:
    return isinstance(one, Number | Time)


def _inside(one: Expression) -> str:
    return f"({one.promql()})" if isinstance(one, Sum | Compare) else one.promql()
