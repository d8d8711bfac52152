"""Faults that are planted into copies of the chart and of what it renders: each must be found, or the proof proves nothing."""

import copy
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.chart.rendering import CHART, CI, SITE, resources
from tests.cluster.api import Refused
from tests.cluster.course import VALUES, Ground, make_namespace
from tests.cluster.dry import KUBERNETES, taken
from tests.cluster.failed import Failed, demand
from tests.cluster.helm import RELEASE, Operator
from tests.cluster.state import demand_alone

_SHORT_S: Final = 15
_NAMED: Final = '  name: {{ include "yibao.fullname" . }}-site\n'
_HOME: Final = '  - {name: HOME, value: {{ include "yibao.home" . }}}\n'


class Place(NamedTuple):
    """Where a template is spoilt, and how."""

    template: str
    right: str
    wrong: str


PLACES: Final = {
    "root": Place("_pod.tpl", "runAsUser: {{ int64 $pod.runAsUser }}", "runAsUser: 0"),
    "kept": Place("site.yaml", _NAMED, f"{_NAMED}  annotations: {{helm.sh/resource-policy: keep}}\n"),
    "twice": Place("_pod.tpl", _HOME, _HOME + _HOME),
}
_FEW: Final = (SITE, CI / "no-operators-values.yaml")


def prove(ground: Ground, folder: Path) -> str:
    """How many were found. Raises Failed."""
    faults: tuple[Callable[[Ground, Path], str], ...] = (root, missing_secret, kept, twice)
    for fault in faults:
        ground.say(f"planted, {fault.__name__.replace('_', ' ')}: {fault(ground, folder / fault.__name__)}")
    fields = _fields(ground)
    ground.say(f"planted, fields of custom resources: {fields} refused")
    return f"{len(faults) + fields} planted faults found"


def root(ground: Ground, folder: Path) -> str:
    """Helm says "deployed" of workers whose every pod is refused, unless it waits."""
    chart = planted(folder, "root")
    operator = _operator(ground, "planted-root")
    said = _fails(lambda: operator.installs(chart, _FEW, timeout_s=_SHORT_S), "a chart whose pods run as root")
    demand("install" in said, said)
    events = ground.plane.api.items("/api/v1/namespaces/planted-root/events")
    told = [one["message"] for one in events if 'violates PodSecurity "restricted' in one.get("message", "")]
    demand(told, "no event says that Pod Security refused the pods")
    return "install --wait fails"


def missing_secret(ground: Ground, _folder: Path) -> str:
    """A key that a Secret lacks keeps every pod that mounts it from starting."""
    namespace = "planted-secret"
    operator = _operator(ground, namespace)
    ground.plane.api.delete(f"/api/v1/namespaces/{namespace}/secrets/yibao-his")
    _fails(lambda: operator.installs(CHART, _FEW, timeout_s=_SHORT_S), "a site without one of its secrets")
    lacks = {fault for (where, _), faults in ground.node.waiting.items() if where == namespace for fault in faults}
    demand(lacks == {"secrets/yibao-his"}, f"pods wait for {lacks}")
    return "install --wait fails, pods wait for secrets/yibao-his"


def kept(ground: Ground, folder: Path) -> str:
    """What is left behind is found by name."""
    chart = planted(folder, "kept")
    namespace = "planted-kept"
    operator, first = Operator(4, ground.plane, namespace), make_namespace(ground, namespace)
    operator.installs(chart, _FEW)
    operator.uninstalls()
    said = _fails(lambda: demand_alone(ground.plane.api, ground.kinds, namespace, first, 10), "a resource that an uninstall leaves")
    demand("still has ConfigMap/first-yibao-cdc-site" in said, said)
    return "found after the uninstall"


def twice(ground: Ground, folder: Path) -> str:
    """A name that stands twice in an environment is refused by a server that merges."""
    chart = planted(folder, "twice")
    operator = _operator(ground, "planted-twice")
    said = operator.refused("install", RELEASE, chart, *(f"--values={file}" for file in VALUES))
    demand("HOME" in said, said)
    return "refused"


def _fields(ground: Ground) -> int:
    """Slips in custom resources, which the server refuses by the operators' own definitions."""
    slips: tuple[tuple[str, str, Callable[[Any], None]], ...] = (
        ("monitored", "PodMonitor", lambda spec: spec["podMetricsEndpoints"][0].update(intervall="15s")),
        ("monitored", "PodMonitor", lambda spec: spec["podMetricsEndpoints"][0].update(interval="15 s")),
        ("monitored", "PrometheusRule", lambda spec: spec["groups"][0]["rules"][0].update({"for": "5x"})),
        ("autoscaled", "ScaledObject", lambda spec: spec.update(minReplicas=2)),
        ("autoscaled", "ScaledObject", lambda spec: spec.update(triggers=None)),
        ("strimzi", "KafkaTopic", lambda spec: spec.update(partition=12)),
        ("strimzi", "KafkaTopic", lambda spec: spec.update(replicas=0)),
        ("strimzi", "KafkaConnector", lambda spec: spec.update(tasksMax="1")),
        ("strimzi", "KafkaConnector", lambda spec: spec.update(pause=True)),  # until version v1beta2
    )
    plurals = {kind: path.rpartition("/")[2] for kind, path in ground.kinds}
    for topology, kind, slip in slips:
        one = next(one for one in resources(topology, KUBERNETES) if one["kind"] == kind)
        taken(ground.plane.api, one, plurals[kind])
        bad: Mapping[str, Any] = copy.deepcopy(dict(one))
        slip(bad["spec"])
        try:
            taken(ground.plane.api, bad, plurals[kind])
        except Refused:
            continue
        raise Failed(f"a {kind} with a slip is taken: {bad['spec']}")
    return len(slips)


def _operator(ground: Ground, namespace: str) -> Operator:
    make_namespace(ground, namespace)
    return Operator(4, ground.plane, namespace)


def planted(folder: Path, fault: str) -> Path:
    """A copy of the chart with a fault. Raises Failed where there is no place for it any more."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CHART, folder)
    place = PLACES[fault]
    file = folder / "templates" / place.template
    text = file.read_text("utf-8")
    demand(text.count(place.right) == 1, f"{place.template} has no place for {fault} any more: {place.right!r}")
    file.write_text(text.replace(place.right, place.wrong), "utf-8")
    return folder


def _fails(act: Callable[[], object], what: str) -> str:
    """What was said. Raises Failed where the proof does not find it."""
    try:
        act()
    except Failed as failed:
        return f"{failed}"
    raise Failed(f"the proof does not find {what}")
