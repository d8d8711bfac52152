"""The reference page of what is served of a worker, made from the tables: docs/metrics.md."""

from collections.abc import Iterator
from typing import Final

from streams.telemetry.conditions import MEANINGS, Kind
from streams.telemetry.metric_table import ALL, METRICS, Metric

_HEAD: Final = """\
# Metrics and health

Each worker serves four addresses, from a thread of its own: `/live`, `/ready`, `/health` and `/metrics`. Where, `workers.http`
says ([site.md](site.md)); by default a free port of 127.0.0.1, which the worker writes into `http.address` in its folder and
tells in the event `http_opened`. `yibao worker health` asks all workers of a machine. For Prometheus and for probes set a port:

```yaml
workers:
  http: {host: 0.0.0.0, insecure: true, port: 9464}   # place 9464, join 9465, deliver 9466; a second of each: 9467 to 9469
```

There is neither TLS nor a login: keep the ports to the network of your monitoring. What is served names institutions, sources,
topics and certificates' settings, and nothing of a patient; a test holds that. This page is generated (`python -m
streams.mapping.schema docs`); what it does not name is not served.
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


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, _HEALTH + "\n".join(_reasons()), "", _METRICS + "\n".join(map(_row, METRICS))]) + "\n"


def _reasons() -> Iterator[str]:
    for kind in Kind:
        for reason, (of, meaning) in MEANINGS.items():
            if of is kind:
                yield f"| `{reason.value}` | {kind.value} | {meaning} |"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{name}`" for name in metric.labels) or "–"
    stages = "all" if metric.stages == ALL else ", ".join(metric.stages)
    return f"| `{metric.name}` | {metric.kind.value} | {metric.unit or '–'} | {labels} | {stages} | {metric.help} |"
