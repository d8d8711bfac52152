"""The chart in short; `make chart-proof` renders every topology with both Helms for every version of Kubernetes."""

import json

import pytest
import yaml

from deploy import chart_questions, chart_readme, chart_tools
from tests.chart.rendering import CHART, helm_says, loaded, text, values_of


@pytest.fixture(scope="module", autouse=True)
def helms():
    chart_tools.install("helm")


def test_the_chart_renders():
    """A template that no longer parses would be found when a hospital installs it."""
    assert "1 chart(s) linted, 0 chart(s) failed" in helm_says(
        4, ["lint", "--strict", CHART, *(f"--values={file}" for file in values_of("default"))]
    )
    kinds = [one["kind"] for one in loaded(text(values_of("default")))]
    assert [2, 1, 2, 1] == [kinds.count(kind) for kind in ("Deployment", "StatefulSet", "Job", "CronJob")]


def test_the_chart_has_the_alerts_of_the_product():
    """Helm reads no file outside of a chart, so its copy is held against the one that people edit."""
    ours = CHART.parents[1] / "deploy" / "prometheus" / "rules.yaml"
    assert ours.read_bytes() == (CHART / "files" / "rules.yaml").read_bytes(), f"cp {ours} {CHART}/files/"


def test_the_page_of_the_values_is_as_they_are():
    """Its table is generated: a value without a word in both languages, or a row of one that is gone, is found here."""
    assert chart_readme.page() == (CHART / "README.md").read_text(encoding="utf-8"), ".venv/bin/python deploy/chart_readme.py"
    assert all(value.what and value.title for value in chart_readme.values())


def test_every_value_has_its_word_and_its_place_in_the_schema():
    """A default that nobody explains, or that the schema lacks, is a key that people find by chance."""
    told = {value.path for value in chart_readme.values()}
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

    def leaves(node, path=()):
        if isinstance(node, dict) and node and path not in told:
            for key, inner in node.items():
                yield from leaves(inner, (*path, key))
        else:
            yield path

    assert [] == [path for path in leaves(defaults) if path not in told]


def test_the_form_of_rancher_asks_for_what_the_chart_has():
    """It is generated; each choice is one that the schema takes, and a condition is of a question before it."""
    assert chart_questions.page() == (CHART / "questions.yaml").read_text(encoding="utf-8"), "python -m deploy.chart_questions"
    asked = yaml.safe_load(chart_questions.page())["questions"]
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    seen = set()
    for question in asked:
        rule = chart_questions.rule_of(schema, tuple(question["variable"].split(".")))
        assert set(question.get("options", ())) <= set(rule.get("enum", ()))
        assert question.get("show_if", "").partition("=")[0] in {"", *seen}, question
        assert question["label"]
        seen.add(question["variable"])
    assert {"site.file", "connectors.onUninstall"} == {one["variable"] for one in asked if one.get("required")}


def test_the_schema_is_closed_at_every_level():
    """A slip in a key must be told, not kept in silence."""

    def open_objects(node, path=""):
        if isinstance(node, dict):
            if "properties" in node and node.get("additionalProperties") is not False:
                yield path
            for key, inner in node.items():
                yield from open_objects(inner, f"{path}/{key}")

    assert [] == list(open_objects(json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))))
