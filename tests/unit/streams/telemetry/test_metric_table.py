"""The table of metrics: names that monitoring systems expect, and labels that stay few."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.telemetry.board import Board
from streams.telemetry.conditions import MEANINGS, Reason
from streams.telemetry.exposition import Exposition
from streams.telemetry.metric_table import METRICS, Kind
from streams.telemetry.outcomes import Outcomes
from streams.telemetry.pulse import Pulse

BOUNDED = {
    "topic", "partition", "source", "state", "task", "outcome", "part", "class", "owner", "by", "service", "verdict", "code",
    "cause", "phase", "institution", "change", "name", "of", "kind", "reason", "version", "python", "rule", "field",
}  # fmt: skip
"""Labels whose values are words of this program, or names from site.yaml and its topics. Whoever adds one thinks about it here."""


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_is_named_as_monitoring_expects(metric):
    """Rules and pages of other people rely on the endings."""
    assert re.fullmatch(r"cdc_[a-z0-9_]+", metric.name)
    assert (metric.kind is Kind.COUNTER) == metric.name.endswith("_total")
    assert (metric.unit == "unix seconds") == metric.name.endswith("_timestamp_seconds")
    assert (metric.unit == "seconds") == (metric.name.endswith("_seconds") and "_timestamp" not in metric.name)
    assert (metric.kind is Kind.HISTOGRAM) == bool(metric.buckets)
    assert sorted(metric.buckets) == list(metric.buckets)
    assert set(metric.labels) <= BOUNDED
    assert metric.help
    assert not metric.help[0].isupper()


def test_every_metric_and_reason_is_declared_once():
    """Two rows of one name would be two truths."""
    assert len(METRICS) == len({metric.name for metric in METRICS})
    assert len(METRICS) - sum(not metric.outcome for metric in METRICS) == len({one.outcome for one in METRICS if one.outcome})
    assert MEANINGS.keys() == set(Reason)


def test_only_declared_metrics_with_their_labels_are_put_on_the_board():
    """A misspelled one would be served to nobody who knows it."""
    board = Board()
    board.put("cdc_lag_records", 1, "visit.ready", "0")
    for name, labels in (("cdc_lag", ()), ("cdc_lag_records", ("visit.ready",))):
        with pytest.raises((KeyError, ValueError)):
            board.put(name, 1, *labels)


def test_what_is_served_is_read_by_the_clients_own_parser():
    """A page that Prometheus refuses is a worker that nobody watches. The parser is not the one that wrote it."""
    outcomes, pulse = Outcomes("deliver"), Pulse(stuck_s=1)
    outcomes.count("accepted", 3, detail="setl_d")
    outcomes.count("answered", label="refused", detail="40003")
    outcomes.count("answer_ms", 5)
    for value in (-1.0, 0.4, 3.0, 10**9):
        outcomes.observe("fresh_s", value, label="setl_d")
    text, media_type = Exposition(outcomes, pulse, version="1.2").written()
    families = {family.name: family for family in text_string_to_metric_families(text.decode())}
    assert media_type.startswith("text/plain")
    declared = {metric.name.removesuffix("_total") for metric in METRICS if "deliver" in metric.stages}
    assert declared == {name for name in families if name.startswith("cdc_")}
    samples = {(one.name, one.labels.get("le")): one.value for one in families["cdc_freshness_seconds"].samples}
    assert (2, 3, 4) == tuple(samples["cdc_freshness_seconds_bucket", le] for le in ("0.5", "5.0", "+Inf"))
    assert {"verdict": "refused", "code": "40003", "stage": "deliver"} == families["cdc_platform_answers"].samples[0].labels
    assert 3 == families["cdc_records_accepted"].samples[0].value
    assert "process_resident_memory_bytes" in families


def test_a_counter_without_labels_is_served_from_the_beginning():
    """One that appears with its first event hides that event from `rate`."""
    text, _ = Exposition(Outcomes("join"), Pulse(stuck_s=1), version="1").written()
    assert 'cdc_records_emitted_total{stage="join"} 0.0' in text.decode()
