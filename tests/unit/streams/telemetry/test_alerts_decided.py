"""`yibao watch` decides as Prometheus does: of the same samples the same alerts fire at the same moments."""

import pytest

from streams.telemetry.alerts.deciding import Key, Standing, decide
from streams.telemetry.alerts.samples import History
from streams.telemetry.alerts.table import ALERTS, REACH_S
from tests.unit.docs.alert_cases import CASES, labels_of, looks, seconds

BY_NAME = {alert.name: alert for alert in ALERTS}


def fired(case):
    """Labels of what fires, by the moments at which the case is asked."""
    alert, history = BY_NAME[case["name"].split()[0]], History(kept_s=REACH_S)
    standing: dict[Key, Standing] = {}
    found = {}
    for at, look in looks(case):
        history.add(at, look)
        standing = decide([alert], standing, history, now=at, since=-REACH_S)
        found[at] = {labels for (_, labels), one in standing.items() if one.fires}
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_cases_of_prometheus_end_alike(case):
    """One table with two judges that disagree would wake one site and not the other."""
    found = fired(case)
    for asked in case["promql_expr_test"]:
        wanted = {
            frozenset(one for one in labels_of(sample["labels"])[1] if one[0] not in {"alertname", "alertstate", "severity"})
            for sample in asked["exp_samples"]
        }
        assert found[seconds(asked["eval_time"])] == wanted, asked["eval_time"]
