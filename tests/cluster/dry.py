"""Everything that any topology renders, asked of the server without being kept: pods as it would admit them, all other resources
with no field that it does not know.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from tests.chart.rendering import TOPOLOGIES, resources, template_of
from tests.cluster.api import Api, Refused
from tests.cluster.failed import Failed, demand
from tests.cluster.state import wait_until

KUBERNETES: Final = "1.36"
_PODS: Final = "pods"
_OTHERS: Final = "others"
_NAMESPACES: Final = (_PODS, _OTHERS)
_NO_POD: Final = 403
_NOT_YET: Final = 404
VERSIONS: Final[Mapping[str, Sequence[str]]] = {"kafka.strimzi.io": ("v1", "v1beta2"), "external-secrets.io": ("v1", "v1beta1")}
"""Groups of which the chart renders the version that a cluster knows."""
_DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def prove(api: Api) -> str:
    """The figures. Raises Failed."""
    _make_ground(api)
    plurals = {kind: path.rpartition("/")[2] for kind, path in api.kinds()}
    pods = refused = made = 0
    unknown = set[str]()
    for topology in TOPOLOGIES:
        for one in resources(topology, KUBERNETES):
            if (template := template_of(one)) is not None:
                refused += _admitted(api, topology, one["metadata"]["name"], template)
                pods += 1
            if one["kind"] not in plurals:
                unknown.add(one["kind"])
                continue
            for version in in_versions(one):
                _taken(api, topology, version, plurals[one["kind"]])
                made += 1
    demand(not unknown, f"no definition of {sorted(unknown)}")
    chosen = ", ".join(f"{group} in {' and '.join(versions)}" for group, versions in VERSIONS.items())
    return (
        f"{len(TOPOLOGIES)} topologies: {pods} pod templates admitted as restricted, in {refused} ways with root's number refused, "
        f"{made} resources taken field by field (of {chosen})"
    )


def define(api: Api, folder: Path) -> list[str]:
    """Install the definitions of a folder; the kinds that the server serves from then on. Raises Failed."""
    defined = [yaml.safe_load(file.read_text("utf-8")) for file in sorted(folder.glob("*.yaml"))]
    kinds = {one["spec"]["names"]["kind"] for one in defined if one["spec"]["scope"] == "Namespaced"}
    demand(kinds, f"no definitions in {folder}")
    for one in defined:
        api.post(_DEFINITIONS, one)
    wait_until(lambda: kinds <= _served(api), lambda: f"not served: {sorted(kinds - _served(api))}")
    return sorted(kinds)


def _served(api: Api) -> set[str]:
    """The kinds that the server serves; none while it has heard of a group and does not serve it yet."""
    try:
        return {kind for kind, _ in api.kinds()}
    except Refused as refused:
        if refused.code != _NOT_YET:
            raise
        return set()


def _make_ground(api: Api) -> None:
    """Two namespaces, and what topologies name that is somebody else's."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest"}
    for namespace in _NAMESPACES:
        api.post("/api/v1/namespaces", {"metadata": {"name": namespace, "labels": labels}})
    for account in ("first-yibao-cdc", "yibao"):
        api.post(f"/api/v1/namespaces/{_PODS}/serviceaccounts", {"metadata": {"name": account}})
    api.post("/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "yibao-high"}, "value": 1000})


def _admitted(api: Api, topology: str, name: str, template: Mapping[str, Any]) -> int:
    """As it is rendered; in how many ways it was tried with root's number, and refused. Raises Failed."""
    where = f"/api/v1/namespaces/{_PODS}/pods?dryRun=All&fieldValidation=Strict"
    pod = pod_of(name, template)
    try:
        api.post(where, pod)
    except Refused as refused:
        raise Failed(f"{topology}: a pod of {name} is refused: {refused}") from None
    tries = [*as_root(pod)]
    for how, bad in tries:
        try:
            api.post(where, bad)
        except Refused as refused:
            told = f"{refused}"
            demand(refused.code == _NO_POD and "PodSecurity" in told, f"{topology}: a pod of {name} {how}: {told}")
        else:
            raise Failed(f"{topology}: a pod of {name} {how} is admitted")
    return len(tries)


def _taken(api: Api, topology: str, one: Mapping[str, Any], plural: str) -> None:
    try:
        taken(api, one, plural)
    except Refused as refused:
        raise Failed(f"{topology}: {one['kind']} {one['metadata']['name']} is refused: {refused}") from None


def taken(api: Api, one: Mapping[str, Any], plural: str) -> None:
    """Ask the server to make a resource, without keeping it and with no field that it does not know. Raises Refused."""
    here = {**one, "metadata": {**one["metadata"], "namespace": _OTHERS}}
    root = "apis" if "/" in one["apiVersion"] else "api"
    api.post(f"/{root}/{one['apiVersion']}/namespaces/{_OTHERS}/{plural}?dryRun=All&fieldValidation=Strict", here)


def in_versions(one: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A resource in each version that the chart renders of its group, the one that is rendered here among them."""
    group, _, version = one["apiVersion"].rpartition("/")
    prefix = f"{group}/" if group else ""
    return [{**one, "apiVersion": f"{prefix}{other}"} for other in VERSIONS.get(group, (version,))]


def pod_of(name: str, template: Mapping[str, Any]) -> dict[str, Any]:
    """The pod that a controller makes of a template; a StatefulSet's brings the volume of its claim."""
    spec = copy.deepcopy(dict(template["spec"]))
    named = {volume["name"] for volume in spec.get("volumes", [])}
    mounted = {one["name"] for container in spec["containers"] for one in container.get("volumeMounts", [])}
    claims = [{"name": volume, "persistentVolumeClaim": {"claimName": f"{volume}-{name}-0"}} for volume in sorted(mounted - named)]
    spec["volumes"] = [*spec.get("volumes", []), *claims]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": f"{name}-0"[-63:]}, "spec": spec}


def as_root(pod: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(in words, the pod) with root's number for all of it, and for each of its containers."""
    whole = copy.deepcopy(dict(pod))
    whole["spec"]["securityContext"] |= {"runAsUser": 0, "runAsNonRoot": False}
    yield "as root", whole
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(pod["spec"].get(kind, [])):
            one = copy.deepcopy(dict(pod))
            one["spec"][kind][index]["securityContext"] |= {"runAsUser": 0}
            yield f"with {container['name']} as root", one
