"""`yibao watch` decides as Prometheus does: of the same samples the same alerts fire at the same moments."""

import re

import pytest

from streams.telemetry.alerts.alert import filled
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


PAUSED_SINCE = "cdc_paused_since_timestamp_seconds"


@pytest.mark.parametrize(("lasts_s", "told"), [(420.0, []), (9 * 3600.0, ["the service fee_list_d has been paused for 9h 0m"])])
def test_one_look_says_how_long_it_was_and_not_how_long_it_would_be(lasts_s, told):
    """`yibao watch` asks no second time: seven minutes were told as a working day."""
    history, now = History(kept_s=REACH_S), 1_700_000_000.0
    history.add(now, {PAUSED_SINCE: {frozenset({("of", "service"), ("name", "fee_list_d")}): now - lasts_s}})
    alert = BY_NAME["YibaoPausedForLong"]
    found = decide([alert], {}, history, now=now, since=now)
    assert told == [filled(alert.summary, labels, one.value) for (_, labels), one in found.items()]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_no_text_names_a_time_that_was_not_measured(alert):
    """A length of time stands in it as the value, or is one over which the alert itself counts, or the limit that it asks for."""
    measured = {"YibaoRebalancesOften": " in a quarter of an hour"}.get(alert.name, "")
    assert not re.search(r"\b(minute|hour|day|week)s?\b", alert.summary.replace(measured, ""))
    for number, unit in re.findall(r"(\d+) (分钟|小时|天)", alert.zh):
        limit = int(number) * {"分钟": 60, "小时": 3600, "天": 86_400}[unit]
        assert f"{limit}" in alert.when.promql(), alert.zh
