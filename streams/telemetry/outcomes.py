"""The one place where outcomes are counted. What may be counted stands in one table; anything else is an error of the program."""

from collections.abc import Mapping
from typing import Final

from streams.telemetry.histogram import Histogram
from streams.telemetry.metric_table import BY_OUTCOME, Kind

_IN_PROGRESS_ONLY: Final = {"answer_ms": "milliseconds that were waited for answers, in all"}
"""What lines of `progress` tell, and metrics better."""

DECLARED: Final[Mapping[str, str]] = {name: metric.help for name, metric in BY_OUTCOME.items()} | _IN_PROGRESS_ONLY

_OF_TICKS: Final = frozenset({"ticked", "transaction", "fold_tick", "placed_tick"})
"""What moves while nothing but time passes."""


class Outcomes:
    """Counts of one process, by name and at most two bounded labels. One thread writes; others may read."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._counts: dict[tuple[str, str, str], int] = {}
        self._histograms: dict[tuple[str, str], Histogram] = {}

    def count(self, name: str, amount: int = 1, *, label: str = "", detail: str = "") -> None:
        """Add to one outcome. detail: a second label, which metrics tell and lines of `progress` do not. Raises KeyError for a name
        that is not declared.
        """
        if name not in DECLARED:
            raise KeyError(name)
        place = name, label, detail
        self._counts[place] = self._counts.get(place, 0) + amount

    def observe(self, name: str, value: float, *, label: str = "") -> None:
        """Add one value to a histogram. Raises KeyError for a name that is none."""
        self.histogram(name, label).observe(value)

    def histogram(self, name: str, label: str = "") -> Histogram:
        """The histogram of a name and label, for who has many values. Raises KeyError for a name that is none."""
        found = self._histograms.get((name, label))
        if found is None:
            metric = BY_OUTCOME[name]
            if metric.kind is not Kind.HISTOGRAM:
                raise KeyError(name)
            found = self._histograms[name, label] = Histogram(metric.buckets)
        return found

    def of(self, name: str, label: str = "") -> int:
        """How often it happened."""
        return sum(amount for (one, of, _), amount in dict(self._counts).items() if (one, of) == (name, label))

    def snapshot(self) -> dict[str, int]:
        """All counts so far, as `name` or `name_label`."""
        told: dict[str, int] = {}
        for (name, label, _), amount in sorted(dict(self._counts).items()):
            shown = f"{name}_{label}" if label else name
            told[shown] = told.get(shown, 0) + amount
        return told

    def counted(self) -> Mapping[tuple[str, str, str], int]:
        """All counts so far, by name, label and detail, as of one moment."""
        return dict(self._counts)

    def histograms(self) -> Mapping[tuple[str, str], Histogram]:
        """All histograms so far, by name and label."""
        return dict(self._histograms)

    def beside_ticks(self) -> dict[str, int]:
        """What ticks alone do not move: one is folded and committed like a change, all through a quiet night."""
        counts = self.snapshot()
        counts["folded"] = counts.get("folded", 0) - counts.get("fold_tick", 0)
        return {name: amount for name, amount in counts.items() if amount and name not in _OF_TICKS}
