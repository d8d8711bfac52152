"""What Kafka Connect and Debezium are asked for by the shipped rules, and what is said of it: one table."""

import re

import yaml

from streams.telemetry.connect_table import CONNECT_METRICS, rules
from streams.telemetry.metric_table import BY_NAME, Kind
from tests.unit.docs.events_in_code import CHECKOUT

FILE = CHECKOUT / "deploy" / "prometheus" / "jmx-connect.yaml"


def test_the_shipped_file_is_made_from_the_table():
    """`python -m streams.telemetry.connect_table > deploy/prometheus/jmx-connect.yaml`."""
    assert FILE.read_text("utf-8") == rules()


def test_each_rule_finds_what_it_reads_its_labels_from():
    """A group that is not there is an empty label, and two tasks become one series."""
    for rule in yaml.safe_load(rules())["rules"]:
        groups = re.compile(rule["pattern"]).groups
        wanted = {int(group) for of in rule.get("labels", {}).values() for group in re.findall(r"\$(\d)", of)}
        assert wanted <= set(range(1, groups + 1)), rule


def test_a_name_is_one_series_of_one_kind_with_one_set_of_labels():
    """Prometheus refuses a page on which it is two."""
    kinds = {}
    for metric in CONNECT_METRICS:
        assert kinds.setdefault(metric.name, (metric.kind, tuple(metric.labels))) == (metric.kind, tuple(metric.labels))
        assert (metric.kind is Kind.COUNTER) == metric.name.endswith("_total")
        assert (metric.unit == "seconds") == metric.name.endswith("_seconds")
    assert kinds.keys().isdisjoint(BY_NAME)


def test_what_an_exporter_says_of_an_mbean_is_read():
    """As it was seen of Debezium 3.7.0 and Connect 4.2.1, with and without a site's prefix."""
    seen = {
        "debezium.postgres<type=connector-metrics, context=streaming, server=his><>Connected: true": ["debezium_connected"],
        "debezium.postgres<type=connector-metrics, context=streaming, server=his, site=bad.><>MilliSecondsBehindSourceP95: 3": [
            "debezium_behind_source_p95_seconds"
        ],
        "debezium.postgres<type=connector-metrics, context=snapshot, server=his, key=his.br_jbxx><>RowsScanned: 8": [
            "debezium_snapshot_rows"
        ],
        "kafka.connect<type=connector-task-metrics, connector=bad.capture-his, task=0><>status: running": ["connect_task_state"],
        "kafka.connect<type=connector-metrics, connector=capture-his><>status: failed": ["connect_connector_state"],
    }
    for line, names in seen.items():
        assert names == [rule["name"] for rule in yaml.safe_load(rules())["rules"] if re.search(rule["pattern"], line)], line
