"""Renders the chart with Helm 3 and 4, each combination once a run."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from deploy import chart_tools

CHART = Path(__file__).parents[2] / "helm" / "yibao-cdc"
CI = CHART / "ci"
SITE = CI / "site.yaml"
TOPOLOGIES = tuple(sorted(path.name.removesuffix("-values.yaml") for path in CI.glob("*-values.yaml")))
KUBERNETES = tuple(f"1.{minor}" for minor in range(23, 38))
"""Versions that the chart is rendered for."""
WITH_SCHEMAS = KUBERNETES[2:]
"""Of these, those whose resources' schemas are published."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Refused(Exception):
    """Helm refused to render; the text is what it said."""


class Pod(NamedTuple):
    """A pod that a resource makes."""

    role: str
    """Its component."""
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """All of it, those that run first first."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


def values_of(topology: str) -> tuple[Path, ...]:
    """The values files of a topology, in Helm's order."""
    return (SITE, CI / f"{topology}-values.yaml")


@cache
def text(files: tuple[Path, ...], helm: int = 4, kubernetes: str = "1.31", release: str = "first") -> str:
    """What `helm template` writes. Raises Refused."""
    words = ["template", release, CHART, "--namespace", "reporting", "--kube-version", f"{kubernetes}.0"]
    for file in files:
        words += ["--values", file]
    return helm_says(helm, words)


def helm_says(major: int, words: Sequence[str | Path]) -> str:
    """Standard output of Helm, which finds no plugins and no repositories of whoever runs this. Raises Refused."""
    nowhere = f"{chart_tools.TOOLS / 'nothing'}"
    homes = dict.fromkeys(("HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME", "KUBECONFIG"), nowhere)
    done = subprocess.run(
        [chart_tools.helm(major), *words], capture_output=True, text=True, check=False, env={**os.environ, **homes}
    )
    if done.returncode != 0:
        raise Refused(f"{done.stdout}{done.stderr}")
    return done.stdout


@cache
def resources(topology: str, kubernetes: str = "1.31") -> tuple[Mapping[str, Any], ...]:
    """What a topology makes."""
    return loaded(text(values_of(topology), kubernetes=kubernetes))


@cache
def loaded(rendered: str) -> tuple[Mapping[str, Any], ...]:
    """The resources of a text. A key that stands twice in a mapping is an error, as it is for a server."""
    return tuple(one for one in yaml.load_all(rendered, _Strict) if one is not None)


class _Strict(_LOADER):
    """Refuses mappings with a key that stands twice."""

    def construct_mapping(self, node, deep=False):  # noqa: FBT002  the library's signature
        keys = [key.value for key, _ in node.value if key.value != "<<"]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise AssertionError(f"line {node.start_mark.line}: {twice} stands twice")
        return super().construct_mapping(node, deep=deep)


def pods(topology: str, kubernetes: str = "1.31") -> Iterator[Pod]:
    """Every pod that a topology makes: of workers, jobs, hooks and tests."""
    for one in resources(topology, kubernetes):
        if (template := _template(one)) is not None:
            yield Pod(template["metadata"]["labels"]["app.kubernetes.io/component"], template["metadata"], template["spec"])


def _template(one: Mapping[str, Any]) -> Mapping[str, Any] | None:
    match one["kind"]:
        case "Pod":
            return one
        case "Deployment" | "StatefulSet" | "Job":
            return one["spec"]["template"]
        case "CronJob":
            return one["spec"]["jobTemplate"]["spec"]["template"]
        case _:
            return None


def of_kind(topology: str, kind: str) -> list[Mapping[str, Any]]:
    """Its resources of a kind."""
    return [one for one in resources(topology) if one["kind"] == kind]


def as_json(one: Mapping[str, Any]) -> str:
    """A resource as one text, the same for the same content."""
    return json.dumps(one, sort_keys=True)
