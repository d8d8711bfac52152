"""What an expression of Prometheus asks for, by a parser that is not ours."""

import promql_parser

from streams.telemetry.connect_table import CONNECT_METRICS, JVM
from streams.telemetry.metric_table import METRICS, Kind

SCRAPED = {"job", "instance", "site"}
"""Labels that the scrape gives to every series."""
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"}
"""What every worker serves as other programs have it (docs/metrics.md)."""


def _labels():
    """The labels of every series that is served, by its name."""
    found = {name: {"area", "gc"} for name in JVM} | {name: set() for name in PROCESS}
    found["ALERTS"] = {"alertname", "alertstate", "severity"}  # Prometheus's own; the rules add up over sites
    for metric in METRICS:
        ends = ("_bucket", "_count", "_sum") if metric.kind is Kind.HISTOGRAM else ("",)
        for end in ends:
            found[metric.name + end] = {"stage", *metric.labels, *(["le"] if end == "_bucket" else [])}
    for metric in CONNECT_METRICS:
        found.setdefault(metric.name, set()).update(metric.labels)
    return found


LABELS = _labels()


def faults(expression):
    """What is wrong with an expression: a series that is not served, a label that its series has not. Raises where it is none."""
    tree = promql_parser.parse(expression)
    selected = list({(name, frozenset(labels)) for name, labels in _selectors(tree)})
    for name, labels in selected:
        if name not in LABELS:
            yield f"{name} is not served"
        elif beyond := labels - LABELS[name] - SCRAPED:
            yield f"{name} has no label {', '.join(sorted(beyond))}"
    known = SCRAPED.union(*(LABELS.get(name, set()) for name, _ in selected))
    if beyond := _grouped(tree) - known:
        yield f"grouped by {', '.join(sorted(beyond))}, which nothing in it has"


def _visited(tree):
    nodes = []
    promql_parser.walk(tree, lambda node: nodes.append(node))  # noqa: PLW0108  append's None goes on
    return nodes


def _selectors(tree):
    for node in _visited(tree):
        one = node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node
        if isinstance(one, promql_parser.VectorSelector):
            yield one.name, {matcher.name for matcher in one.matchers.matchers} - {"__name__"}


def _grouped(tree):
    """Labels of every `by`, `on` and `group_left`."""
    found = set()
    for node in _visited(tree):
        modifier = getattr(node, "modifier", None)
        if isinstance(node, promql_parser.AggregateExpr) and modifier is not None:
            found.update(modifier.labels)
        elif isinstance(node, promql_parser.BinaryExpr) and modifier is not None and modifier.matching is not None:
            found.update(modifier.matching.labels)
    return found
