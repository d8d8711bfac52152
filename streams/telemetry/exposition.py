"""The metrics of a worker as monitoring reads them: the only place that knows the Prometheus client."""

import platform
from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from streams.telemetry.conditions import MEANINGS, Reason
from streams.telemetry.metric_table import METRICS, Kind, Metric
from streams.telemetry.outcomes import Outcomes
from streams.telemetry.pulse import Pulse

_STAGE: Final = "stage"


class Exposition:
    """Writes what a worker of a stage counted and what was last seen of it, with what Linux says of its process.

    version: of the program.
    """

    def __init__(self, outcomes: Outcomes, pulse: Pulse, *, version: str) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Worker(outcomes, pulse, version=version))
        ProcessCollector(registry=self._registry)

    def written(self, accept: str = "") -> tuple[bytes, str]:
        """The text and its media type, in the form that the asker understands best. Any thread may ask."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type


class _Worker(Collector):
    def __init__(self, outcomes: Outcomes, pulse: Pulse, *, version: str) -> None:
        self._outcomes = outcomes
        self._pulse = pulse
        self._version = version

    def collect(self) -> Iterator[Family]:
        """Every metric of the worker's stage that has a value."""
        values, stage = self._values(), self._outcomes.stage
        for metric in METRICS:
            if stage not in metric.stages:
                continue
            if metric.kind is Kind.HISTOGRAM:
                yield self._histogram(metric)
                continue
            family = _FAMILIES[metric.kind](_base(metric), metric.help, labels=(_STAGE, *metric.labels))
            for labels, value in sorted(values.get(metric.name, {}).items()):
                family.add_metric((stage, *labels), value)
            yield family

    def _values(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        found: dict[str, dict[tuple[str, ...], float]] = {name: dict(values) for name, values in self._pulse.board.values.items()}
        for metric in METRICS:
            if metric.outcome and not metric.labels and metric.kind is Kind.COUNTER:
                found[metric.name] = {(): 0.0}  # a counter that appears with its first event hides that event from `rate`
        counted = self._outcomes.counted()
        for (name, label, detail), amount in counted.items():
            if (told := _OF.get(name)) is not None:
                labels = tuple(filter(None, (label, detail))) if len(told.labels) < 2 else (label, detail)
                found.setdefault(told.name, {})[labels] = float(amount)
        found["cdc_event_loop_lag_seconds"] = {(): self._pulse.late_s}
        found["cdc_build_info"] = {(self._version, platform.python_version()): 1.0}
        conditions = [one.reason for one in self._pulse.conditions]
        found["cdc_conditions"] = {(MEANINGS[one][0].value, one.value): float(conditions.count(one)) for one in Reason}
        return found

    def _histogram(self, metric: Metric) -> HistogramMetricFamily:
        family = HistogramMetricFamily(metric.name, metric.help, labels=(_STAGE, *metric.labels))
        for (name, label), histogram in sorted(self._outcomes.histograms().items()):
            if name == metric.outcome:
                labels = (self._outcomes.stage, *filter(None, (label,)))
                family.add_metric(labels, histogram.buckets(), sum_value=histogram.total)
        return family


_OF: Final = {metric.outcome: metric for metric in METRICS if metric.outcome}
_FAMILIES: Final = {Kind.COUNTER: CounterMetricFamily, Kind.GAUGE: GaugeMetricFamily}


def _base(metric: Metric) -> str:
    """The family's name: a counter's samples end in `_total`, and its family does not."""
    return metric.name.removesuffix("_total") if metric.kind is Kind.COUNTER else metric.name
