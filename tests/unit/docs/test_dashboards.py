"""The dashboards ask for what is served, for the site that was chosen, and can be read by both who read them.

Whether every expression has data on a running site, `make operations-proof OPERATIONS_ARGS=dashboards` says, and draws them.
"""

import json
import re
from itertools import combinations

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import build
from tests.unit.docs.events_in_code import CHECKOUT
from tests.unit.docs.promql import faults

FOLDER = CHECKOUT / "deploy" / "grafana"
DOCUMENTS = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")}
EXPRESSIONS = [
    (name, target["expr"]) for name, board in DOCUMENTS.items() for panel in board["panels"] for target in panel.get("targets", ())
]


def filled(expression):
    """As Grafana sends it, with everything chosen."""
    return re.sub(r"\$(site|source|institution)\b", ".*", expression.replace("$__rate_interval", "1m"))


def test_there_are_four_and_they_are_made_by_the_builder():
    """`python -m deploy.grafana.build`. A file that was changed by hand would be changed back by the next one."""
    assert {"overview", "delivery", "capture", "join"} == DOCUMENTS.keys() == build.BOARDS.keys()
    for name in DOCUMENTS:
        assert (FOLDER / f"{name}.json").read_text("utf-8") == build.dashboard(name)


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS)
def test_an_expression_asks_for_what_is_served_of_the_chosen_site(name, expression):
    """A panel of a metric that was renamed is empty for ever, and one without the site adds two hospitals up."""
    assert [] == list(faults(filled(expression)))
    named = re.findall(r"\b(?:cdc|debezium|connect|jvm|process)_[a-z0-9_]+(.*)", expression.replace("(", "\n"))
    assert all(rest.startswith('{site=~"$site"') for rest in named)
    assert named or "ALERTS" in expression


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_variable_is_there_and_used_and_no_data_source_is_named(name):
    """A dashboard that names the data source of who made it shows nothing to anybody else."""
    board = DOCUMENTS[name]
    variables = {one["name"]: one for one in board["templating"]["list"]}
    assert "datasource" == variables["datasource"]["type"]
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"]))) - {"__rate_interval", "__value"}
    assert used <= variables.keys()
    assert variables.keys() - used <= {"runbooks"}
    uids = set(re.findall(r'"uid": "([^"]+)"', json.dumps(board["panels"])))
    assert {"${datasource}"} == uids
    for one in variables.values():
        assert [] == [
            fault
            for query in re.findall(r"label_values\((.+), \w+\)", one.get("definition", ""))
            for fault in faults(filled(query))
        ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_panels_have_titles_in_both_languages_and_places_of_their_own(name):
    """Two panels on one place hide each other."""
    panels = DOCUMENTS[name]["panels"]
    assert len(panels) == len({panel["id"] for panel in panels})
    for panel in panels:
        chinese, _, english = panel["title"].partition(" · ")
        assert re.search(r"[\u4e00-\u9fff]|CPU", chinese) or "JMX" in chinese
        assert re.search(r"[A-Za-z]", english or chinese)
        place = panel["gridPos"]
        assert 0 <= place["x"] <= place["x"] + place["w"] <= 24
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_grafana_itself_reads_all_of_it(name):
    """By Grafana's own types: what they do not understand is not in what they give back, and is missing on the screen."""
    register_default_plugins()
    read = Dashboard.from_json(DOCUMENTS[name])
    back = json.loads(JSONEncoder(sort_keys=True).encode(read))
    assert [] == list(_lost(DOCUMENTS[name], back, ""))


def _lost(written, back, place):
    """What is not in what came back; `definition` is for people who edit the variable."""
    if isinstance(written, dict):
        for name, value in written.items():
            if name != "definition":
                yield from _lost(value, back.get(name), f"{place}.{name}") if isinstance(back, dict) else [f"{place}.{name}"]
    elif isinstance(written, list):
        pairs = zip(written, back, strict=True)
        yield from (fault for number, (one, other) in enumerate(pairs) for fault in _lost(one, other, f"{place}.{number}"))
    elif written != back:
        yield f"{place}: {written!r} is {back!r}"
