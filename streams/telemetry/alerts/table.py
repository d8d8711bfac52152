"""Every alert, in one table: `deploy/prometheus/rules.yaml` is made from it (`python -m streams.mapping.schema docs`), and
`yibao watch` decides by it. Times instead of numbers of records, and nothing fires because a night is quiet.
"""

from collections.abc import Mapping
from typing import Final

from streams.telemetry.alerts.alert import Alert
from streams.telemetry.alerts.expressions import Select
from streams.telemetry.alerts.of_captures import CAPTURE
from streams.telemetry.alerts.of_records import LATENESS, PLATFORM
from streams.telemetry.alerts.of_workers import WORKERS

GROUPS: Final[Mapping[str, tuple[Alert, ...]]] = {
    "yibao-lateness": LATENESS,
    "yibao-platform": PLATFORM,
    "yibao-capture": CAPTURE,
    "yibao-workers": WORKERS,
}
"""By the name of Prometheus's group."""
ALERTS: Final = tuple(alert for alerts in GROUPS.values() for alert in alerts)
SERIES: Final = frozenset(part.name for alert in ALERTS for part in alert.when.parts() if isinstance(part, Select))
"""Names of the series that they ask for."""
REACH_S: Final = max(alert.reach_s for alert in ALERTS)
"""So far back they look."""
