"""What is in a namespace, and whether it is what was asked for."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from tests.cluster.api import Api
from tests.cluster.failed import Failed

SETTLED_S: Final = 60.0
"""How long the controllers have for what they do by themselves."""
_NOTES: Final = {"Event"}
_DERIVED: Final = {"ControllerRevision", "Endpoints", "EndpointSlice", "Lease", "Pod", "ReplicaSet"}
"""Made by controllers of what a release has."""
Name = tuple[str, str]
"""(kind, name)."""


def wait_until(is_so: Callable[[], object], what: Callable[[], str], within_s: float = SETTLED_S) -> None:
    """Raises Failed with `what` where it is not so in time."""
    until, pause = time.monotonic() + within_s, threading.Event()
    while not is_so():
        if time.monotonic() > until:
            raise Failed(f"not within {within_s:.0f} s: {what()}")
        pause.wait(0.2)


def there(api: Api, kinds: Sequence[tuple[str, str]], namespace: str) -> set[Name]:
    """Everything in a namespace but events."""
    return {
        (kind, one["metadata"]["name"])
        for kind, path in kinds
        if kind not in _NOTES
        for one in api.items(path.format(namespace=namespace))
    }


def demand_alone(
    api: Api, kinds: Sequence[tuple[str, str]], namespace: str, wanted: Iterable[Name], within_s: float = SETTLED_S
) -> None:
    """Raises Failed where, once the controllers have tidied up, something is missing or too much."""
    wanted = {*wanted}
    wait_until(
        lambda: there(api, kinds, namespace) == wanted,
        lambda: f"{namespace} {difference(wanted, there(api, kinds, namespace))}",
        within_s,
    )


def difference(wanted: Iterable[Name], found: Iterable[Name]) -> str:
    """In words; `""` where there is none."""
    wanted, found = {*wanted}, {*found}
    more, less = (sorted("/".join(one) for one in names) for names in (found - wanted, wanted - found))
    return "; ".join(f"{word} {', '.join(names)}" for word, names in (("still has", more), ("lacks", less)) if names)


def of_release(api: Api, kinds: Sequence[tuple[str, str]], namespace: str) -> set[Name]:
    """What of a namespace is neither made by controllers nor Helm's own memory."""
    return {
        (kind, name)
        for kind, name in there(api, kinds, namespace)
        if kind not in _DERIVED and not name.startswith("sh.helm.release.")
    }


def workers(api: Api, namespace: str) -> dict[str, Mapping[str, Any]]:
    """The workloads, by stage."""
    found = [
        one for plural in ("deployments", "statefulsets") for one in api.items(f"/apis/apps/v1/namespaces/{namespace}/{plural}")
    ]
    return {one["metadata"]["labels"]["app.kubernetes.io/component"]: one for one in found}


def unsettled(workload: Mapping[str, Any], replicas: int) -> str:
    """Why a workload does not run as many pods as are wanted, all of its present template; `""` where it does."""
    spec, status = workload["spec"], workload["status"]
    if spec["replicas"] != replicas:
        return f"{spec['replicas']} replicas are asked for, and not {replicas}"
    if status.get("observedGeneration") != workload["metadata"]["generation"]:
        return "the controller has not seen it yet"
    counts = {key: status.get(key, 0) for key in ("replicas", "readyReplicas", "updatedReplicas")}
    return "" if set(counts.values()) == {replicas} else f"of {replicas}: {counts}"


def demand_workers(api: Api, namespace: str, wanted: Mapping[str, int]) -> None:
    """Raises Failed where the stages do not run as many pods as they should."""

    def faults() -> dict[str, str]:
        found = workers(api, namespace)
        told = {stage: unsettled(found[stage], count) if stage in found else "missing" for stage, count in wanted.items()}
        return {stage: fault for stage, fault in told.items() if fault}

    wait_until(lambda: not faults(), lambda: f"workers of {namespace}: {faults()}")


def pods(api: Api, namespace: str, stage: str) -> list[Mapping[str, Any]]:
    """The pods of a component that are not being deleted, by name."""
    found = api.items(f"/api/v1/namespaces/{namespace}/pods?labelSelector=app.kubernetes.io/component={stage}")
    return sorted((one for one in found if "deletionTimestamp" not in one["metadata"]), key=lambda one: one["metadata"]["name"])


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether it says so."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
