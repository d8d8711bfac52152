"""The reference page of what is served of a worker, made from the tables: docs/metrics.md."""

from collections.abc import Iterator
from typing import Final

from streams.telemetry.conditions import MEANINGS, Kind
from streams.telemetry.connect_table import table
from streams.telemetry.metric_table import ALL, METRICS, Metric

_HEAD: Final = """\
# Metrics and health

Each worker serves five addresses, from a thread of its own: `/live`, `/ready`, `/health`, `/metrics` and `/runbooks`. Where,
`workers.http` says ([site.md](site.md)); by default a free port of 127.0.0.1, which the worker writes into `http.address` in its
folder and tells in the event `http_opened`. `yibao worker health` asks all workers of a machine. For Prometheus and for probes set
a port:

```yaml
workers:
  http: {host: 0.0.0.0, insecure: true, port: 9464}   # place 9464, join 9465, deliver 9466; a second of each: 9467 to 9469
```

There is neither TLS nor a login: keep the ports to the network of your monitoring. What is served names institutions, sources,
topics and certificates' settings, and nothing of a patient; a test holds that. This page is generated (`python -m
streams.mapping.schema docs`); what it does not name is not served. Alerts on it stand
in `deploy/prometheus/rules.yaml`, dashboards for Grafana in `deploy/grafana` ([below](#dashboards)).

`/runbooks` has a page for each alert, `/runbooks/YibaoLaneHeld` for one: what it means, what it does, where to look, what mends
it, whom to call. In English or Chinese, by `?lang=zh` or by what the browser asks for; HTML for a browser, plain text for `curl`.
`yibao runbook YibaoLaneHeld` shows the same in a terminal.
"""
_HEALTH: Final = """\
## Health

| address | asks | 503 where a reason is of kind |
|---|---|---|
| `/live` | must the process be ended? No outage of brokers, databases or the platform is looked at | `dead` |
| `/ready` | can it work now? | `dead`, `unready` |
| `/health` | how is it, and why? | `dead`, `unready`; 200 with `"state": "degraded"` where some of its work waits for somebody |

Each answers JSON: `worker`, `state` (the worst kind; `ok` where there is none) and `reasons`, each with `kind`, `reason` and
`what`. `/live` and `/ready` name only reasons of the kinds that they look at.

| reason | kind | what it means |
|---|---|---|
"""
_METRICS: Final = """\
## Metrics

All have the label `stage` (`place`, `join`, `deliver`), and are of one process: sum over workers what is of partitions, take
the greatest or the smallest of times. Gauges are looked at once a second in the event loop; where that stands still they stay
as they were, which `cdc_looked_timestamp_seconds` shows. Counters begin at 0 with the process. Times are told as they are and
not as ages: `time() - cdc_…_timestamp_seconds` grows also while a worker hangs. What there is nothing to tell of has no sample.
Beside these stand `process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_start_time_seconds`,
`process_open_fds` and `process_max_fds`, as other programs have them.

| name | kind | unit | labels | stages | what |
|---|---|---|---|---|---|
"""
_CONNECT: Final = """\
## Kafka Connect and Debezium

They serve nothing themselves. `deploy/prometheus/jmx-connect.yaml` is for Prometheus's JMX exporter (`jmx_prometheus_javaagent`
1.0.1), on every worker of Connect: `KAFKA_OPTS=-javaagent:/opt/jmx_prometheus_javaagent-1.0.1.jar=9404:/opt/jmx-connect.yaml`. The
embedded stack starts it with `yibao stack up --metrics`. `source` is the name in `site.yaml`; `topic_prefix` is that of `kafka`,
where the site has one. Besides these the exporter serves `jvm_*` and `process_*` of the Java program.

| name | kind | unit | labels | what |
|---|---|---|---|---|
"""
_DASHBOARDS: Final = """\
## Dashboards

Four for Grafana 10 and later, to be imported as they are: `overview.json` (who is on call: does it move, and where not),
`delivery.json` (the platform, its answers, institutions), `capture.json` (the hospital's database, Debezium, Connect), `join.json`
(what waits in the join, dead letters). Each asks for the data source, and for sites by the label `site`, which the scrape gives
(without one, choose All); sources and institutions where it has them. `python -m deploy.grafana.build` makes them, and
`make operations-proof OPERATIONS_ARGS=dashboards` runs every expression of theirs against a Prometheus that scrapes a running site.
"""


def page() -> str:
    """The whole page."""
    reasons, metrics = _HEALTH + "\n".join(_reasons()), _METRICS + "\n".join(map(_row, METRICS))
    return "\n".join([_HEAD, reasons, "", metrics, "", _CONNECT + "\n".join(table()), "", _DASHBOARDS])


def _reasons() -> Iterator[str]:
    for kind in Kind:
        for reason, (of, meaning) in MEANINGS.items():
            if of is kind:
                yield f"| `{reason.value}` | {kind.value} | {meaning} |"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{name}`" for name in metric.labels) or "–"
    stages = "all" if metric.stages == ALL else ", ".join(metric.stages)
    return f"| `{metric.name}` | {metric.kind.value} | {metric.unit or '–'} | {labels} | {stages} | {metric.help} |"
