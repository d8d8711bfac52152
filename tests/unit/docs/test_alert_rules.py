"""The alerts that are shipped speak of metrics, labels, events and commands that there are: one that does not never fires, or helps
nobody. Whether each fires, and is silent, `promtool test rules` says (`test_alert_mutants.py`).
"""

import re

import pytest
import yaml

from streams.telemetry.alerts.rules_file import rules
from streams.telemetry.conditions import Reason
from streams.telemetry.metric_table import BY_NAME, Kind
from tests.unit.docs.events_in_code import CHECKOUT, events
from yibao import main

FOLDER = CHECKOUT / "deploy" / "prometheus"
RULES = [rule for group in yaml.safe_load((FOLDER / "rules.yaml").read_text("utf-8"))["groups"] for rule in group["rules"]]
CASES = yaml.safe_load((FOLDER / "rules_test.yaml").read_text("utf-8"))["tests"]
EVENTS = {call.name for call in events()}
SELECTOR = re.compile(r"\b(cdc_[a-z0-9_]+)(?:\{([^}]*)\})?")


def metric_of(name):
    """The metric of a series' name."""
    for end in ("", "_bucket", "_count", "_sum"):
        metric = BY_NAME.get(name.removesuffix(end))
        if metric is not None and (metric.kind is Kind.HISTOGRAM) == bool(end):
            return metric
    return None


def selectors(text):
    """Metric and labels of each selector."""
    for name, matchers in SELECTOR.findall(text):
        yield name, set(re.findall(r"([a-z]+)\s*(?:=~|!~|!=|=)", matchers))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_is_served(rule):
    """A renamed metric would silence it for ever."""
    asked = list(selectors(rule["expr"]))
    assert asked
    for name, labels in asked:
        metric = metric_of(name)
        assert metric is not None, name
        assert labels <= {"stage", "le", *metric.labels}, name
    grouped = {label.strip() for labels in re.findall(r"\b(?:by|on) \(([a-z, ]+)\)", rule["expr"]) for label in labels.split(",")}
    assert grouped <= {"stage", "le", *(label for name, _ in asked for label in metric_of(name).labels)}
    assert set(re.findall(r'reason="(\w+)"', rule["expr"])) <= {reason.value for reason in Reason}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_and_what_to_do(rule):
    """It wakes somebody who has never seen it. What it names must be found."""
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    told = rule["annotations"]
    assert {"summary", "zh", "remedy"} == told.keys()
    assert re.search(r"[\u4e00-\u9fff]", told["zh"])
    words = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", told["remedy"])) - {"max_slot_wal_keep_size"}
    known = EVENTS | BY_NAME.keys()
    assert words - known == set()
    assert set(re.findall(r"yibao ([a-z]+)", told["remedy"] + told["summary"])) <= {verb.name for verb in main.VERBS}
    for page, head in re.findall(r"(docs/[a-z]+\.md)(?:, ([A-Z][a-z ]+))?", told["remedy"]):
        text = (CHECKOUT / page).read_text("utf-8")
        assert not head or re.search(rf"^##+ {head}$", text, re.MULTILINE)


def test_every_alert_is_tried_firing_and_silent():
    """One that was never seen to fire is a hope; one that was never seen silent wakes people for nothing."""
    tried = [case["name"] for case in CASES]
    assert len(tried) == len(set(tried))
    assert {f"{rule['alert']} {how}" for rule in RULES for how in ("fires", "is silent")} <= set(tried)
    for case in CASES:
        fires = case["name"].split()[1].rstrip(",") == "fires"
        assert fires == any(asked["exp_samples"] for asked in case["promql_expr_test"])
        assert all(case["name"].split()[0] in asked["expr"] for asked in case["promql_expr_test"])
        for series in case["input_series"]:
            assert all(metric_of(name) is not None for name, _ in selectors(series["series"])), series


def test_the_rules_are_those_of_the_table():
    """`yibao watch` decides by the table; a rule that was changed by hand would decide otherwise."""
    assert rules() == (FOLDER / "rules.yaml").read_text("utf-8")
