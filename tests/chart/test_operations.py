"""Alerts, autoscaling, uninstalling, replaying."""

import re

import pytest
import yaml

from streams.telemetry.metric_table import BY_NAME
from tests.chart.rendering import CHART, TOPOLOGIES, hook, of_kind, pods, resources

ROOT = CHART.parents[1]


def test_alerts_are_the_products_and_of_this_site_alone():
    """Several sites share a Prometheus: without the site's label one that is paused would silence the others."""
    ours = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    (made,) = of_kind("monitored", "PrometheusRule")
    pairs = [
        (rule, shown)
        for group, shown_group in zip(ours, made["spec"]["groups"], strict=True)
        for rule, shown in zip(group["rules"], shown_group["rules"], strict=True)
    ]
    assert len(pairs) >= 20
    for rule, shown in pairs:
        squeezed = re.sub(r'\{site="first-hospital"\}|site="first-hospital",', "", shown["expr"])
        assert re.sub(r"\s+", " ", rule["expr"]).strip() == re.sub(r"\s+", " ", squeezed).strip()
        assert len(re.findall(r"\bcdc_\w+", shown["expr"])) == shown["expr"].count('site="first-hospital"') > 0
        assert {"site": "first-hospital", **rule["labels"]} == shown["labels"]
        assert f"https://runbooks.his/yibao/{rule['alert']}" == shown["annotations"].pop("runbook_url")
        assert rule["annotations"] == shown["annotations"]


def test_the_monitor_finds_every_worker_and_nothing_else():
    """A worker that is not scraped is one whose alerts never fire."""
    (monitor,) = of_kind("monitored", "PodMonitor")
    wanted, (among,) = monitor["spec"]["selector"]["matchLabels"], monitor["spec"]["selector"]["matchExpressions"]
    for pod in pods("monitored"):
        labels = pod.metadata["labels"]
        is_chosen = wanted.items() <= labels.items() and labels[among["key"]] in among["values"]
        assert is_chosen == (pod.role in ("place", "join", "deliver"))


def test_autoscaling_asks_a_metric_that_the_product_has():
    """A query of a metric that is not served scales to the fewest workers, and nobody is told."""
    scaled = of_kind("autoscaled", "ScaledObject")
    assert ["deliver", "join"] == sorted(one["metadata"]["labels"]["app.kubernetes.io/component"] for one in scaled)
    for one in scaled:
        (trigger,) = one["spec"]["triggers"]
        (name,) = set(re.findall(r"cdc_\w+", trigger["metadata"]["query"]))
        stage = one["metadata"]["labels"]["app.kubernetes.io/component"]
        assert name in BY_NAME
        assert f'stage="{stage}",site="first-hospital",namespace="reporting"' in trigger["metadata"]["query"]
        wanted = one["spec"]["scaleTargetRef"]
        (target,) = (found for found in of_kind("autoscaled", wanted["kind"]) if found["metadata"]["name"] == wanted["name"])
        assert "replicas" not in target["spec"], "Helm 4 would take the number back from the autoscaler, or fail"


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_selectors_choose_the_pods_of_their_own_stage(topology):
    """A selector cannot be changed later, and one that is too wide evicts, spreads and exposes another stage's pods."""
    labels = {pod.role: pod.metadata["labels"] for pod in pods(topology)}
    for one in resources(topology):
        if one["kind"] in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
            selector = one["spec"]["selector"]["matchLabels"]
            stage = one["metadata"]["labels"]["app.kubernetes.io/component"]
            assert [stage] == [role for role, found in labels.items() if selector.items() <= found.items()]
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(selector)


@pytest.mark.parametrize(("topology", "verb"), [("removed", "delete"), ("stopped", "stop")])
def test_uninstalling_does_what_was_chosen(topology, verb):
    """A capture that nobody reads lets the hospital's disk fill; one that is deleted unasked loses its place."""
    (order,) = (one for one in of_kind(topology, "Job") if hook(one) == "pre-delete")
    assert [["connector", verb, "his"]] == [one["args"][:3] for one in order["spec"]["template"]["spec"]["containers"]]


@pytest.mark.parametrize("topology", [one for one in TOPOLOGIES if one not in ("removed", "stopped")])
def test_nothing_is_ordered_at_uninstall_unless_chosen(topology):
    """Without a choice the captures stay as they are."""
    assert {hook(one) for one in resources(topology)} <= {"", "test"}


def test_replay_is_a_template_that_never_starts_by_itself():
    """A schedule that a cluster kept would send dead letters again each year."""
    for topology in ("default", "removed"):
        (cron,) = of_kind(topology, "CronJob")
        assert cron["spec"]["suspend"] is True
        pod = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        verbs = [one["args"][:2] for one in [*pod.get("initContainers", []), *pod["containers"]]]
        assert [["replay", "plan"], ["replay", "run"]][: 2 if topology == "removed" else 1] == verbs


def test_a_plan_of_replay_says_why_also_where_it_only_looks():
    """A plan without a reason is refused: the job that the notes tell to make would end with 2 where no value is changed."""
    for topology in ("default", "removed"):
        (cron,) = of_kind(topology, "CronJob")
        pod = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        plan = [*pod.get("initContainers", []), *pod["containers"]][0]["args"]
        assert plan[plan.index("--why") + 1].strip()
        assert plan.index("--why") < plan.index("--")


def test_the_job_has_another_name_whenever_it_does_something_else():
    """A Job's template cannot be changed: with one name the upgrade would fail, and without a new one nothing would be applied."""
    names = {
        one["metadata"]["name"]
        for topology in ("default", "airgap", "dmz", "kunpeng")
        for one in of_kind(topology, "Job")
        if not hook(one)
    }
    assert 4 == len(names)


def test_every_alert_comes_with_its_page_and_every_dashboard():
    """Behind an air gap nobody opens a page that is not there."""
    (rule,) = of_kind("monitored", "PrometheusRule")
    maps = {one["metadata"]["name"]: one for one in of_kind("monitored", "ConfigMap")}
    pages = maps["first-yibao-cdc-runbooks"]["data"]
    alerts = {one["alert"] for group in rule["spec"]["groups"] for one in group["rules"]}
    assert {f"{alert}.{language}.md" for alert in alerts for language in ("en", "zh")} == pages.keys()
    assert sum(len(page.encode()) for page in pages.values()) < 1_000_000, "more than a ConfigMap holds"
    dashboards = sorted((CHART / "files" / "dashboards").glob("*.json"))
    assert dashboards
    for file in dashboards:
        made = maps[f"first-yibao-cdc-dashboard-{file.stem}"]
        assert "1" == made["metadata"]["labels"]["grafana_dashboard"]
        assert {file.name: file.read_text(encoding="utf-8")} == made["data"]
