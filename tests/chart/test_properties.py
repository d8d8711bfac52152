"""Values drawn from the schema: what it admits is rendered, the same by both Helms, or refused by a guard with its key."""

import json
import re

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chart.rendering import CHART, CI, SITE, Refused, helm_says, loaded, template_of

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
GUARD = re.compile(r"execution error at \([^)]*\): [a-zA-Z]+(\.[a-zA-Z]+)*: ")


def leaves(node, path=()):
    """Each key of the schema that takes one value, with what it takes."""
    if "$ref" in node:
        node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
    for key, inner in node.get("properties", {}).items():
        yield from leaves(inner, (*path, key))
    if (drawn := _drawn(node)) is not None:
        yield path, drawn


def _drawn(node):
    if "enum" in node:
        return st.sampled_from(node["enum"])
    match node.get("type"):
        case "boolean":
            return st.booleans()
        case "integer" | ["integer", "null"]:
            least = node.get("minimum", 0)
            return st.integers(least, min(node.get("maximum", least + 40), least + 40))
        case "string" if "pattern" in node:
            texts = st.from_regex(node["pattern"], fullmatch=True).filter(lambda text: "\n" not in text and len(text) < 40)
            return texts.filter(lambda text: text != node.get("not", {}).get("const"))
        case _:
            return None


LEAVES = [leaf for leaf in leaves(SCHEMA) if leaf[0][0] not in ("$defs", "strimzi")]


@st.composite
def drawn_values(draw):
    """A few keys, each with a value that the schema takes."""
    values = {}
    for path, value in draw(st.lists(st.sampled_from(LEAVES), min_size=1, max_size=5, unique_by=lambda leaf: leaf[0])):
        node = values
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = draw(value)
    return values


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("drawn") / "values.yaml"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], derandomize=True)
@given(values=drawn_values())
def test_what_the_schema_admits_renders_or_is_refused_by_name(file, values):
    """An accident within a template tells nobody which key to mend."""
    file.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    base = ["template", "first", CHART, "--namespace", "reporting", "--kube-version", "1.31.0"]
    words = [*base, *(f"--values={one}" for one in (SITE, CI / "default-values.yaml", file))]
    said = [_outcome(helm, words) for helm in (3, 4)]
    assert said[0] == said[1]
    assert not said[0].startswith("an accident")
    for one in loaded(said[0]) if not said[0].startswith("refused") else ():
        if (template := template_of(one)) is not None:
            own = template["spec"]["securityContext"]
            assert own["runAsNonRoot"] is True
            assert own["runAsUser"] > 0
            names = [env["name"] for container in template["spec"]["containers"] for env in container["env"]]
            assert len(names) == len(set(names)) * len(template["spec"]["containers"])


def _outcome(helm, words):
    try:
        return helm_says(helm, words)
    except Refused as refused:
        guard = GUARD.search(f"{refused}")
        return f"refused {guard[0]}" if guard else f"an accident of Helm {helm}: {refused}"


def test_enough_of_the_schema_is_drawn():
    """A walk that no longer finds the keys would prove nothing."""
    assert len(LEAVES) > 60
