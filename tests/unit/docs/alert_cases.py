"""The cases of deploy/prometheus/rules_test.yaml for programs: their series in numbers, and the moments at which they are asked."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from streams.telemetry.alerts.samples import Labels, Vector
from tests.unit.docs.events_in_code import CHECKOUT

FOLDER = CHECKOUT / "deploy" / "prometheus"
CASES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "rules_test.yaml").read_text("utf-8"))["tests"]
_PART = re.compile(r"(?P<start>-?[\d.]+(?:e\d+)?)(?P<step>[+-][\d.]+)?(?:x(?P<times>\d+))?|_(?:x(?P<gaps>\d+))?")


class Series(NamedTuple):
    """One series of a case."""

    name: str
    labels: Labels
    values: list[float | None]
    """At each interval; None where there is no sample."""


def seconds(text: str) -> float:
    """A time such as `1h30m`."""
    units = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
    return float(sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([dhms])", text)))


def labels_of(text: str) -> tuple[str, Labels]:
    """Name and labels of a series."""
    name, _, inside = text.partition("{")
    return name, frozenset(re.findall(r'(\w+)="([^"]*)"', inside))


def numbers(text: str) -> list[float | None]:
    """The values of a series as promtool writes them."""
    found: list[float | None] = []
    for part in text.split():
        matched = _PART.fullmatch(part)
        assert matched is not None, part
        if matched["start"] is None:
            found += [None] * int(matched["gaps"] or 1)
            continue
        start, step = float(matched["start"]), float(matched["step"] or 0)
        found += [start + step * index for index in range(int(matched["times"] or 0) + 1)]
    return found


def series_of(case: dict[str, Any]) -> list[Series]:
    """All series of a case."""
    return [Series(*labels_of(one["series"]), numbers(f"{one['values']}")) for one in case["input_series"]]


def looks(case: dict[str, Any]) -> Iterator[tuple[float, dict[str, Vector]]]:
    """What is served at each interval of a case, as long as its series last and it is asked."""
    every, series = seconds(case["interval"]), series_of(case)
    last = max(seconds(one["eval_time"]) for one in case["promql_expr_test"])
    for index in range(int(last // every) + 1):
        look: dict[str, dict[Labels, float]] = {}
        for one in series:
            value = one.values[index] if index < len(one.values) else None
            if value is not None:
                look.setdefault(one.name, {})[one.labels] = value
        yield index * every, look
