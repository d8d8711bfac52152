"""What a worker looks like at one moment: the values of its gauges, and what speaks against it."""

from collections.abc import Mapping
from typing import Protocol

from streams.telemetry.conditions import Condition, Reason
from streams.telemetry.metric_table import BY_NAME, Kind

Labels = tuple[str, ...]


class Board:
    """Filled once a second by those that know, then only read."""

    def __init__(self) -> None:
        self._values: dict[str, dict[Labels, float]] = {}
        self.conditions: list[Condition] = []

    def put(self, name: str, value: float, *labels: str) -> None:
        """Set one value. Raises KeyError for a metric that is not declared, ValueError for other labels than it has."""
        metric = BY_NAME[name]
        if len(labels) != len(metric.labels) or metric.kind is Kind.HISTOGRAM:
            raise ValueError(f"{name} takes {metric.labels}, not {labels}")
        self._values.setdefault(name, {})[labels] = value

    def add(self, name: str, value: float, *labels: str) -> None:
        """Add to a value of this board."""
        self.put(name, self._values.get(name, {}).get(labels, 0.0) + value, *labels)

    def say(self, reason: Reason, what: str = "") -> None:
        """Put down what speaks against the worker."""
        self.conditions.append(Condition(reason, what))

    @property
    def values(self) -> Mapping[str, Mapping[Labels, float]]:
        """By metric and labels."""
        return self._values


class Look(Protocol):
    """Somebody who knows something of the worker."""

    def __call__(self, board: Board, /) -> None:
        """Put it down. Called by the event loop once a second: it may not wait, nor take long."""
