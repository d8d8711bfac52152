"""The alerts as Prometheus reads them: `deploy/prometheus/rules.yaml`."""

import json
from collections.abc import Iterator
from typing import Final

from streams.telemetry.alerts.alert import Alert, for_prometheus
from streams.telemetry.alerts.expressions import span
from streams.telemetry.alerts.table import GROUPS

_HEAD: Final = """\
# Alerts on what the workers serve (docs/metrics.md). Load it with `rule_files`; of one site each: scrape with a label `site`.
# critical: somebody must act now. warning: somebody must look today. Times instead of numbers of records, and nothing fires because
# a night is quiet. `promtool test rules rules_test.yaml` beside it tries each of them, firing and silent.
# Made from streams/telemetry/alerts, by which `yibao watch` decides without Prometheus: python -m streams.mapping.schema docs
groups:
"""


def rules() -> str:
    """The whole file."""
    return _HEAD + "".join(f"  - name: {name}\n    rules:\n{''.join(map(rule, alerts))}" for name, alerts in GROUPS.items())


def rule(alert: Alert) -> str:
    """One rule of the file."""
    return "".join(f"{line}\n" for line in _lines(alert))


def _lines(alert: Alert) -> Iterator[str]:
    yield f"      - alert: {alert.name}"
    yield f"        expr: {json.dumps(alert.when.promql(), ensure_ascii=False)}"
    yield f"        for: {span(alert.for_s)}"
    if alert.keep_s:
        yield f"        keep_firing_for: {span(alert.keep_s)}"
    yield f"        labels: {{severity: {alert.severity.value}}}"
    yield "        annotations:"
    for name, text in (("summary", alert.summary), ("zh", alert.zh), ("remedy", alert.remedy)):
        yield f"          {name}: {json.dumps(for_prometheus(text), ensure_ascii=False)}"
