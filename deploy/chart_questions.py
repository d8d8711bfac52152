"""Writes helm/yibao-cdc/questions.yaml: the form that Rancher shows for the chart. Usage: python -m deploy.chart_questions

It asks for what a first installation decides; everything else stays a line of values.yaml. Words, defaults and choices are those of
values.yaml and values.schema.json, so that the form cannot promise what the chart refuses.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.chart_readme import CHART, Value, values

PAGE: Final = CHART / "questions.yaml"
_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "镜像 Images": ("global.imageRegistry", "global.imageNamespace"),
    "站点 Site": ("site.file", "topics.mode", "connectors.mode", "connectors.onUninstall", "strimzi.kafka", "strimzi.connect"),
    "规模 Size (yibao sizing)": (
        "join.replicas",
        "join.persistence.enabled",
        "join.persistence.size",
        "join.persistence.storageClass",
        "place.persistence.enabled",
        "place.persistence.size",
        "place.persistence.storageClass",
        "deliver.replicas",
        "platformLimit.requestsPerSecond",
    ),
    "监控 Monitoring": ("keda.prometheusAddress",),
}
_SHOWN_IF: Final = {
    "strimzi.kafka": "topics.mode=strimzi",
    "strimzi.connect": "connectors.mode=strimzi",
    "connectors.onUninstall": "connectors.mode=job",
    "join.persistence.size": "join.persistence.enabled=true",
    "join.persistence.storageClass": "join.persistence.enabled=true",
    "place.persistence.size": "place.persistence.enabled=true",
    "place.persistence.storageClass": "place.persistence.enabled=true",
}
_KINDS: Final = {
    "site.file": "multiline",
    "join.persistence.storageClass": "storageclass",
    "place.persistence.storageClass": "storageclass",
}
_STAGES: Final = frozenset({"place", "join", "deliver"})
"""Which have values of the same names."""
_REQUIRED: Final = frozenset({"site.file", "connectors.onUninstall"})


def questions() -> Iterator[Mapping[str, Any]]:
    """One of each key, in the order of the form. Raises KeyError for a key that the chart no longer has."""
    known = {".".join(value.path): value for value in values()}
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    for group, names in _GROUPS.items():
        for name in names:
            yield _question(known[name], group, name, rule_of(schema, known[name].path))


def _question(value: Value, group: str, name: str, rule: Mapping[str, Any]) -> Mapping[str, Any]:
    label = f"{value.path[0]}：{value.title}" if value.path[0] in _STAGES else value.title
    told: dict[str, Any] = {"variable": name, "label": label, "description": value.what, "group": group}
    told |= _form(name, rule)
    if value.default not in ("", None):
        told["default"] = value.default
    if name in _REQUIRED:
        told["required"] = True
    if name in _SHOWN_IF:
        told["show_if"] = _SHOWN_IF[name]
    return told


def _form(name: str, rule: Mapping[str, Any]) -> Mapping[str, Any]:
    if name in _KINDS:
        return {"type": _KINDS[name]}
    if "enum" in rule:
        return {"type": "enum", "options": [choice for choice in rule["enum"] if choice != ""]}
    kinds = rule.get("type", "string")
    kind = next(one for one in (kinds if isinstance(kinds, list) else [kinds]) if one != "null")
    if kind in ("integer", "number"):
        return {"type": "int", "min": int(rule["minimum"])} if "minimum" in rule else {"type": "int"}
    return {"type": "boolean" if kind == "boolean" else "string"}


def rule_of(schema: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    """What the schema says of a key."""
    node: Mapping[str, Any] = schema
    for key in path:
        node = node["properties"][key]
        while "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def page() -> str:
    """The whole file."""
    head = "# The form of Rancher, generated: python -m deploy.chart_questions\n"
    return head + yaml.safe_dump({"questions": [*questions()]}, allow_unicode=True, sort_keys=False, width=120)


if __name__ == "__main__":
    Path(PAGE).write_text(page(), encoding="utf-8")
