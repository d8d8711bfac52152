"""What Kafka Connect and Debezium tell of themselves, by Prometheus's JMX exporter: one table, from which its rules are made.

`python -m streams.telemetry.connect_table` prints deploy/prometheus/jmx-connect.yaml; docs/metrics.md lists the same. Base units;
the label `source` is as the workers' own metrics have it. A site with `kafka.topic_prefix` is told apart by `topic_prefix`.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from streams.telemetry.metric_table import Kind

_NAME: Final = '"?([^,"<>]+)"?'
_SERVER: Final = f'server={_NAME}(?:, site="?([^,"<>]*)"?)?'
_SOURCE: Final[Mapping[str, str]] = {"source": "$1", "topic_prefix": "$2"}
_TASK: Final[Mapping[str, str]] = {"connector": "$1", "task": "$2"}


class Bean(NamedTuple):
    """A kind of MBean."""

    pattern: str
    """Its ObjectName as the exporter writes it, up to the attribute."""
    labels: Mapping[str, str]
    """By name: the group of the pattern that they are read from."""


_DEBEZIUM: Final = rf"debezium\.[^<]+<type=connector-metrics, context={{}}, {_SERVER}"
STREAMING: Final = Bean(_DEBEZIUM.format("streaming") + "><>", _SOURCE)
SNAPSHOT: Final = Bean(_DEBEZIUM.format("snapshot") + "><>", _SOURCE)
SNAPSHOT_TABLE: Final = Bean(_DEBEZIUM.format("snapshot") + f", key={_NAME}><>", _SOURCE)
CONNECTOR: Final = Bean(f"kafka.connect<type=connector-metrics, connector={_NAME}><>", {"connector": "$1"})
TASK: Final = Bean(rf"kafka.connect<type=connector-task-metrics, connector={_NAME}, task=(\d+)><>", _TASK)
SOURCE_TASK: Final = Bean(rf"kafka.connect<type=source-task-metrics, connector={_NAME}, task=(\d+)><>", _TASK)
ERRORS: Final = Bean(rf"kafka.connect<type=task-error-metrics, connector={_NAME}, task=(\d+)><>", _TASK)
WORKER: Final = Bean("kafka.connect<type=connect-worker-metrics><>", {})
REBALANCE: Final = Bean("kafka.connect<type=connect-worker-rebalance-metrics><>", {})


class ConnectMetric(NamedTuple):
    """One series of Kafka Connect's."""

    name: str
    """As Prometheus knows it."""
    kind: Kind
    """Gauge or counter."""
    unit: str
    """In words."""
    bean: Bean
    """The MBean that has it."""
    attribute: str
    """As the MBean has it; with groups where a label is read from it or from its value."""
    help: str
    """What it tells."""
    extra: Mapping[str, str] = {}
    """Labels besides those of the bean."""
    factor: float = 1.0
    """Of the attribute's value, to the base unit."""
    value: str = ""
    """Instead of the attribute's, where that is a word."""

    @property
    def labels(self) -> Mapping[str, str]:
        """All labels, with what they are read from."""
        return {**self.bean.labels, **self.extra}


_C, _G = Kind.COUNTER, Kind.GAUGE
_STATE: Final = "status: (.+)"
_ROWS: Final = "RowsScanned:"
_BEHIND: Final = "from the commit in the database to its reading; below 0 before the first change, clocks that differ are in it"


def _snapshot_states() -> Iterator[ConnectMetric]:
    for state in ("running", "paused", "completed", "aborted", "skipped"):
        attribute = f"Snapshot{state.capitalize()}:"
        told = "1 with the state of the last reading of all rows: running, paused, completed, aborted, skipped"
        yield ConnectMetric("debezium_snapshot_state", _G, "", SNAPSHOT, attribute, told, {"state": state})


def _operations() -> Iterator[ConnectMetric]:
    for operation in ("create", "update", "delete"):
        attribute = f"TotalNumberOf{operation.capitalize()}EventsSeen:"
        told = "changes that were read from the log, by what they did"
        yield ConnectMetric("debezium_changes_total", _C, "", STREAMING, attribute, told, {"operation": operation})


CONNECT_METRICS: Final[tuple[ConnectMetric, ...]] = (
    ConnectMetric("debezium_connected", _G, "", STREAMING, "Connected:", "1 while it reads the log of its database, else 0"),
    ConnectMetric("debezium_behind_source_seconds", _G, "seconds", STREAMING, "MilliSecondsBehindSource:", _BEHIND, {}, 0.001),
    ConnectMetric(
        "debezium_behind_source_p95_seconds",
        _G,
        "seconds",
        STREAMING,
        "MilliSecondsBehindSourceP95:",
        "the same of all changes since its start, the 95th of a hundred",
        {},
        0.001,
    ),
    ConnectMetric(
        "debezium_since_last_event_seconds",
        _G,
        "seconds",
        STREAMING,
        "MilliSecondsSinceLastEvent:",
        "since it last read anything in the log, heartbeats too; below 0 before the first",
        {},
        0.001,
    ),
    *_operations(),
    ConnectMetric(
        "debezium_events_filtered_total",
        _C,
        "",
        STREAMING,
        "NumberOfEventsFiltered:",
        "events of tables that are not captured",
    ),
    ConnectMetric(
        "debezium_events_erroneous_total", _C, "", STREAMING, "NumberOfErroneousEvents:", "events that could not be processed"
    ),
    ConnectMetric(
        "debezium_transactions_total", _C, "", STREAMING, "NumberOfCommittedTransactions:", "transactions whose end was read"
    ),
    ConnectMetric(
        "debezium_queue_capacity_events", _G, "events", STREAMING, "QueueTotalCapacity:", "room between the database and Kafka"
    ),
    ConnectMetric(
        "debezium_queue_free_events",
        _G,
        "events",
        STREAMING,
        "QueueRemainingCapacity:",
        "of it, what is free; 0: Kafka is slow",
    ),
    ConnectMetric("debezium_queue_bytes", _G, "bytes", STREAMING, "CurrentQueueSizeInBytes:", "what lies in it"),
    *_snapshot_states(),
    ConnectMetric("debezium_snapshot_tables", _G, "tables", SNAPSHOT, "TotalTableCount:", "tables that are read whole"),
    ConnectMetric(
        "debezium_snapshot_remaining_tables",
        _G,
        "tables",
        SNAPSHOT,
        "RemainingTableCount:",
        "of these, not read to the end yet",
    ),
    ConnectMetric(
        "debezium_snapshot_duration_seconds", _G, "seconds", SNAPSHOT, "SnapshotDurationInSeconds:", "how long it has taken"
    ),
    ConnectMetric("debezium_snapshot_rows", _G, "rows", SNAPSHOT_TABLE, _ROWS, "rows of a table that it has read", {"table": "$3"}),
    ConnectMetric(
        "connect_connector_state",
        _G,
        "",
        CONNECTOR,
        _STATE,
        "1 with the state of a connector: running, paused, stopped, failed, unassigned, restarting",
        {"state": "$2"},
        value="1",
    ),
    ConnectMetric("connect_task_state", _G, "", TASK, _STATE, "1 with the state of a task", {"state": "$3"}, value="1"),
    ConnectMetric(
        "connect_task_offset_commit_failures_ratio",
        _G,
        "",
        TASK,
        "offset-commit-failure-percentage:",
        "part of the times that noting how far it is failed",
    ),
    ConnectMetric(
        "connect_source_records_polled_total",
        _C,
        "",
        SOURCE_TASK,
        "source-record-poll-total:",
        "records that Debezium handed over",
    ),
    ConnectMetric(
        "connect_source_records_written_total",
        _C,
        "",
        SOURCE_TASK,
        "source-record-write-total:",
        "records that brokers took, without those that were dropped on the way",
    ),
    ConnectMetric(
        "connect_source_records_active",
        _G,
        "records",
        SOURCE_TASK,
        "source-record-active-count:",
        "records on their way to the brokers",
    ),
    ConnectMetric("connect_task_errors_total", _C, "", ERRORS, "total-record-errors:", "errors of a task's records"),
    ConnectMetric("connect_task_retries_total", _C, "", ERRORS, "total-retries:", "what was tried again"),
    ConnectMetric(
        "connect_task_skipped_total", _C, "", ERRORS, "total-records-skipped:", "records left out: 0, or somebody allowed it"
    ),
    ConnectMetric("connect_connectors", _G, "", WORKER, "connector-count:", "connectors of this worker"),
    ConnectMetric("connect_tasks", _G, "", WORKER, "task-count:", "tasks of this worker"),
    ConnectMetric(
        "connect_rebalances_total", _C, "", REBALANCE, "completed-rebalances-total:", "how often work was shared out anew"
    ),
)
"""Beside them the exporter serves `jvm_*` and `process_*` of its own, without a rule."""

JVM: Final[tuple[str, ...]] = (
    "jvm_memory_used_bytes",
    "jvm_memory_max_bytes",
    "jvm_gc_collection_seconds_sum",
    "process_cpu_seconds_total",
)
"""Those of them that the shipped dashboards ask for."""

_HEAD: Final = """\
# What Kafka Connect and Debezium tell of themselves, as Prometheus reads it (docs/metrics.md): rules for the agent
# jmx_prometheus_javaagent, for every worker of Connect:
#   KAFKA_OPTS=-javaagent:/opt/jmx_prometheus_javaagent-1.0.1.jar=9404:/opt/jmx-connect.yaml
# Made by `python -m streams.telemetry.connect_table`; there are neither TLS nor a login on that port.
startDelaySeconds: 0
lowercaseOutputName: false
includeObjectNames:
  - "debezium.*:type=connector-metrics,*"
  - "kafka.connect:type=connector-metrics,*"
  - "kafka.connect:type=connector-task-metrics,*"
  - "kafka.connect:type=source-task-metrics,*"
  - "kafka.connect:type=task-error-metrics,*"
  - "kafka.connect:type=connect-worker-metrics"
  - "kafka.connect:type=connect-worker-rebalance-metrics"
rules:
"""


def rules() -> str:
    """The file for the exporter."""
    return _HEAD + "".join(map(_rule, CONNECT_METRICS))


def _rule(metric: ConnectMetric) -> str:
    lines = [f"  - pattern: '{metric.bean.pattern}{metric.attribute}'", f"    name: {metric.name}", f"    type: {metric.kind.name}"]
    lines += [f'    value: "{metric.value}"'] if metric.value else []
    lines += [f"    valueFactor: {metric.factor}"] if metric.factor != 1 else []
    if metric.labels:
        lines.append("    labels: {" + ", ".join(f'{name}: "{of}"' for name, of in metric.labels.items()) + "}")
    return "\n".join([*lines, f'    help: "{metric.help}"']) + "\n"


def table() -> list[str]:
    """Rows of docs/metrics.md, one a name."""
    first = {metric.name: metric for metric in reversed(CONNECT_METRICS)}
    return [_row(metric) for metric in reversed(first.values())]


def _row(metric: ConnectMetric) -> str:
    labels = ", ".join(f"`{name}`" for name in metric.labels) or "–"
    return f"| `{metric.name}` | {metric.kind.value} | {metric.unit or '–'} | {labels} | {metric.help} |"


if __name__ == "__main__":
    sys.stdout.write(rules())
