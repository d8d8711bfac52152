"""A stand-in for scheduler, kubelet and provisioner: it lets pods run as far as the server can tell, and runs none.

A pod waits, as for a kubelet, until everything that it mounts is there: every Secret and ConfigMap with the keys that it names,
every claim with its volume. One that restarts is Running and Ready then, one that never restarts has Succeeded.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, Self

from tests.cluster.api import Api, Refused

NAME: Final = "stand-in"
_PAUSE_S: Final = 0.2
_GONE_OR_CHANGED: Final = (404, 409)
Find = Callable[[str, str], AbstractSet[str] | None]
"""The keys of a ConfigMap or Secret, or what a claim is bound to, by (plural, name); None for one that is not there."""


class Node:
    """One node. `held` and `failing` name components (app.kubernetes.io/component) whose pods do not get ready, or fail."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._thread = threading.Thread(target=self._run, name="node", daemon=True)
        self._ending = threading.Event()
        self.held: set[str] = set()
        self.failing: set[str] = set()
        self.ran: list[tuple[str, str, list[list[str]]]] = []
        """(namespace, component, arguments of its containers) of pods that ended, in their order."""
        self.waiting: dict[tuple[str, str], list[str]] = {}
        """What pods lack, by namespace and name."""
        self.faults: list[str] = []
        """What the server refused that it should not."""

    def __enter__(self) -> Self:
        self._api.post("/api/v1/nodes", {"metadata": {"name": NAME, "labels": {"kubernetes.io/hostname": NAME}}})
        room = {"cpu": "64", "memory": "256Gi", "pods": "500"}
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "", "lastTransitionTime": _now()}
        self._api.merge(f"/api/v1/nodes/{NAME}/status", {"status": {"capacity": room, "allocatable": room, "conditions": [ready]}})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(_PAUSE_S):
            try:
                for claim in self._api.items("/api/v1/persistentvolumeclaims"):
                    self._provide(claim)
                for pod in self._api.items("/api/v1/pods"):
                    self._settle(pod)
            except (OSError, Refused) as error:
                self.faults.append(f"{error}")

    def _provide(self, claim: Mapping[str, Any]) -> None:
        """A volume for a claim; the server's own controller binds them."""
        if claim["status"].get("phase") == "Bound":
            return
        meta, spec = claim["metadata"], claim["spec"]
        volume = {
            "metadata": {"name": f"pv-{meta['uid']}"},
            "spec": {
                "capacity": spec["resources"]["requests"],
                "accessModes": spec["accessModes"],
                "storageClassName": spec.get("storageClassName", ""),
                "claimRef": {"namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]},
                "csi": {"driver": NAME, "volumeHandle": meta["uid"]},
            },
        }
        with _calmly():
            self._api.post("/api/v1/persistentvolumes", volume)

    def _settle(self, pod: Mapping[str, Any]) -> None:
        meta, spec = pod["metadata"], pod["spec"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        component = meta.get("labels", {}).get("app.kubernetes.io/component", "")
        with _calmly():
            if "deletionTimestamp" in meta:
                self._api.delete(path)
                return
            if not spec.get("nodeName"):
                self._api.post(f"{path}/binding", {"metadata": {"name": meta["name"]}, "target": {"kind": "Node", "name": NAME}})
            if pod["status"].get("phase") != "Pending" or component in self.held:
                return
            lacks = missing(spec, lambda plural, name: self._find(plural, meta["namespace"], name))
            self.waiting[meta["namespace"], meta["name"]] = lacks
            if not lacks:
                self._api.patch(f"{path}/status", {"status": status(spec, fails=component in self.failing)})
                if spec["restartPolicy"] == "Never":
                    self.ran.append((meta["namespace"], component, [one.get("args", []) for one in containers(spec)]))

    def _find(self, plural: str, namespace: str, name: str) -> AbstractSet[str] | None:
        try:
            one = self._api.get(f"/api/v1/namespaces/{namespace}/{plural}/{name}")
        except Refused as refused:
            if refused.code == 404:
                return None
            raise
        if plural == "persistentvolumeclaims":
            return {one["spec"]["volumeName"]} if one["status"].get("phase") == "Bound" else None
        return {*one.get("data", {}), *one.get("binaryData", {})}


class _calmly:  # noqa: N801  reads as a statement
    """What went away or was changed in between is looked at again the next time."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        return isinstance(error, Refused) and error.code in _GONE_OR_CHANGED


def containers(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All of a pod's, those that run first first."""
    return [*spec.get("initContainers", []), *spec["containers"]]


def missing(spec: Mapping[str, Any], find: Find) -> list[str]:
    """What a pod names that is not there, or not with the keys that it names."""
    lacks = []
    for plural, name, keys in _named(spec):
        there = find(plural, name)
        if there is None:
            lacks.append(f"{plural}/{name}")
        else:
            lacks += [f"{plural}/{name}: {key}" for key in keys if key not in there]
    return lacks


def _named(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """(plural, name, keys) of everything that must be there before a container starts."""
    for volume in spec.get("volumes", []):
        if claim := volume.get("persistentVolumeClaim"):
            yield "persistentvolumeclaims", claim["claimName"], []
        for source in [volume, *volume.get("projected", {}).get("sources", [])]:
            for kind, plural, key in (("configMap", "configmaps", "name"), ("secret", "secrets", "secretName")):
                if (one := source.get(kind)) and not one.get("optional"):
                    yield plural, one.get(key) or one["name"], [item["key"] for item in one.get("items", [])]
    for container in containers(spec):
        for variable in container.get("env", []):
            for kind, plural in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
                if (one := variable.get("valueFrom", {}).get(kind)) and not one.get("optional"):
                    yield plural, one["name"], [one["key"]]


def status(spec: Mapping[str, Any], *, fails: bool) -> dict[str, Any]:
    """What a kubelet reports of a pod that runs, or of one that has ended."""
    now, ends = _now(), spec["restartPolicy"] == "Never"
    ended = {"exitCode": int(fails), "reason": "Error" if fails else "Completed", "startedAt": now, "finishedAt": now}
    state: dict[str, Any] = {"terminated": ended} if ends else {"running": {"startedAt": now}}
    is_ready = not ends and not fails
    ready = {"Ready": is_ready, "ContainersReady": is_ready, "Initialized": True, "PodScheduled": True}
    return {
        "phase": ("Failed" if fails else "Succeeded") if ends else "Running",
        "startTime": now,
        "conditions": [{"type": kind, "status": f"{is_so}", "lastTransitionTime": now} for kind, is_so in ready.items()],
        "containerStatuses": [
            {"name": one["name"], "image": one["image"], "imageID": "", "ready": is_ready, "restartCount": 0, "state": state}
            for one in spec["containers"]
        ],
    }


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
