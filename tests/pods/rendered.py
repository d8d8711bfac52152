"""What `helm template` makes of the chart, as the pods that a cluster's controllers make of it."""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chart.rendering import hook, loaded, template_of, text

DEFAULT_REPLICAS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod as its controller asks for it."""

    name: str
    component: str
    """Its label: place, join, deliver, apply, test, replay, uninstall."""
    spec: Mapping[str, Any]
    claims: Mapping[str, str]
    """Volumes that a claim of a StatefulSet brings, and the claim's name."""


class Release:
    """The resources of a release. files: values, in Helm's order. Raises Refused."""

    def __init__(self, *files: Path) -> None:
        self.resources = loaded(text(files))
        self.maps: Mapping[str, Mapping[str, str]] = {
            one["metadata"]["name"]: one["data"] for one in self.resources if one["kind"] == "ConfigMap"
        }

    def workers(self) -> list[Pod]:
        """Of all stages, as many as the chart says."""
        return [pod for one in self.resources if one["kind"] in ("Deployment", "StatefulSet") for pod in _replicas(one)]

    def tried(self, component: str, turn: int) -> Pod:
        """The pod of a Job's turn. For a CronJob: of a job that a person makes of it."""
        one = self._job(component)
        return _pod(one, f"{one['metadata']['name']}-{string.ascii_lowercase[turn]}", {})

    def tries(self, component: str) -> int:
        """How often the job controller tries a Job."""
        one = self._job(component)
        spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
        return 1 + int(spec["backoffLimit"])

    def when(self, component: str) -> str:
        """Helm's hook that a Job is; `""` for one that is there with the release."""
        return hook(self._job(component))

    def _job(self, component: str) -> Mapping[str, Any]:
        (found,) = (
            one
            for one in self.resources
            if one["kind"] in ("Job", "CronJob") and one["metadata"]["labels"]["app.kubernetes.io/component"] == component
        )
        return found


def _replicas(workload: Mapping[str, Any]) -> Iterator[Pod]:
    name, spec = workload["metadata"]["name"], workload["spec"]
    claims = [one["metadata"]["name"] for one in spec.get("volumeClaimTemplates", [])]
    for index in range(spec.get("replicas", DEFAULT_REPLICAS)):
        own = f"{name}-{index}" if workload["kind"] == "StatefulSet" else f"{name}-{string.ascii_lowercase[index]}"
        yield _pod(workload, own, {claim: f"{claim}-{own}" for claim in claims})


def _pod(workload: Mapping[str, Any], name: str, claims: Mapping[str, str]) -> Pod:
    template = template_of(workload)
    assert template is not None
    labels = template["metadata"]["labels"]
    return Pod(name=name, component=labels["app.kubernetes.io/component"], spec=template["spec"], claims=claims)
