"""What runc is told of a container: the image's own configuration under what the pod's template says, as a kubelet and containerd
put them together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.images.container import Root
from tests.images.failed import Failed
from tests.pods import seccomp
from tests.pods.rendered import Pod

_USUAL: Final = tuple(
    f"CAP_{name}"
    for name in (
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    )
)
"""Capabilities of a container whose template says nothing."""
_QUIET: Final = ["nosuid", "noexec", "nodev"]
_NODES: Final[Sequence[tuple[str, str, Sequence[str]]]] = (
    ("/proc", "proc", _QUIET),
    ("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/dev/mqueue", "mqueue", _QUIET),
    ("/sys", "sysfs", [*_QUIET, "ro"]),
    ("/dev/shm", "tmpfs", [*_QUIET, "mode=1777", "size=65536k"]),
)
_SERVED: Final = {
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
    "KUBERNETES_PORT": "tcp://10.96.0.1:443",
}
"""What a kubelet adds to the environment of every container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a container is put."""

    root: Root
    sandbox: int
    """Process whose namespaces the pod's containers share."""
    volumes: Mapping[str, Path]
    files: Mapping[str, Path]
    """What a kubelet mounts besides: path in the container, path here."""


def configuration(pod: Pod, container: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Raises Failed for what a kubelet would refuse, and for what is not known here."""
    own = {**_inherited(pod), **container.get("securityContext", {})}
    user = own.get("runAsUser", int(place.root.config.get("User", "0").partition(":")[0] or 0))
    if own.get("runAsNonRoot") and user == 0:
        raise Failed(f"{pod.name}: {container['name']} would run as root: a kubelet does not start it")
    return {
        "ociVersion": "1.0.2",
        "root": {"path": f"{place.root.path}", "readonly": own.get("readOnlyRootFilesystem", False)},
        "process": {
            "terminal": False,
            "user": {"uid": user, "gid": own.get("runAsGroup", 0), "additionalGids": _groups(pod)},
            "args": words(container, place.root.config),
            "env": _environment(pod, container, place.root.config),
            "cwd": container.get("workingDir") or place.root.config.get("WorkingDir") or "/",
            "noNewPrivileges": not own.get("allowPrivilegeEscalation", True),
            "capabilities": capabilities(own.get("capabilities", {}), user),
        },
        "mounts": [*_nodes(), *_mounts(pod, container, place)],
        "linux": {
            "namespaces": _namespaces(pod, place.sandbox),
            "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            **_seccomp(own),
        },
    }


def words(container: Mapping[str, Any], image: Mapping[str, Any]) -> list[str]:
    """A `command` takes the place of the image's entry point and of its words; `args` of its words alone."""
    if "command" in container:
        return [*container["command"], *container.get("args", [])]
    return [*(image.get("Entrypoint") or []), *container.get("args", image.get("Cmd") or [])]


def capabilities(said: Mapping[str, Sequence[str]], user: int) -> dict[str, list[str]]:
    """A user that is not root has those of its bounding set only by files that grant them."""
    dropped = {f"CAP_{name}" for name in said.get("drop", [])}
    kept = [] if "CAP_ALL" in dropped else [name for name in _USUAL if name not in dropped]
    bounding = sorted({*kept, *(f"CAP_{name}" for name in said.get("add", []))})
    return {"bounding": bounding, **({"effective": bounding, "permitted": bounding} if user == 0 else {})}


def _inherited(pod: Pod) -> dict[str, Any]:
    shared = ("runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile")
    return {name: value for name, value in pod.spec.get("securityContext", {}).items() if name in shared}


def _groups(pod: Pod) -> list[int]:
    said = pod.spec.get("securityContext", {})
    return sorted({*said.get("supplementalGroups", []), *([said["fsGroup"]] if "fsGroup" in said else [])})


def _environment(pod: Pod, container: Mapping[str, Any], image: Mapping[str, Any]) -> list[str]:
    """Later ones go before earlier ones; a reference to another value is not known here."""
    values = dict(one.split("=", 1) for one in image.get("Env") or [])
    values |= {**_SERVED, "HOSTNAME": pod.name}
    for one in container.get("env", []):
        if "valueFrom" in one or "$(" in one.get("value", ""):
            raise Failed(f"{pod.name}: the value of {one['name']} comes from elsewhere, which is not known here")
        values[one["name"]] = one.get("value", "")
    if container.get("envFrom"):
        raise Failed(f"{pod.name}: envFrom is not known here")
    return [f"{name}={value}" for name, value in values.items()]


def _nodes() -> list[dict[str, Any]]:
    return [{"destination": to, "type": kind, "source": kind, "options": [*options]} for to, kind, options in _NODES]


def _mounts(pod: Pod, container: Mapping[str, Any], place: Place) -> list[dict[str, Any]]:
    made = [_bound(to, source, writable=True) for to, source in place.files.items()]
    for one in sorted(container.get("volumeMounts", []), key=lambda one: one["mountPath"]):
        if one["name"] not in place.volumes or one.keys() - {"name", "mountPath", "readOnly"}:
            raise Failed(f"{pod.name}: {container['name']} mounts what is not there, or in a way that is not known here: {one}")
        made.append(_bound(one["mountPath"], place.volumes[one["name"]], writable=not one.get("readOnly", False)))
    return made


def _bound(to: str, source: Path, *, writable: bool) -> dict[str, Any]:
    return {
        "destination": to,
        "type": "bind",
        "source": f"{source}",
        "options": ["rbind", "rprivate", "rw" if writable else "ro"],
    }


def _namespaces(pod: Pod, sandbox: int) -> list[dict[str, str]]:
    """Those of the sandbox; its processes only where the pod shares them."""
    shared = ["ipc", "uts", "network", *(["pid"] if pod.spec.get("shareProcessNamespace") else [])]
    files = {"network": "net"}
    made = [{"type": kind, "path": f"/proc/{sandbox}/ns/{files.get(kind, kind)}"} for kind in shared]
    return [*made, {"type": "mount"}, *([] if pod.spec.get("shareProcessNamespace") else [{"type": "pid"}])]


def _seccomp(own: Mapping[str, Any]) -> dict[str, Any]:
    match own.get("seccompProfile", {"type": "Unconfined"}):
        case {"type": "RuntimeDefault"}:
            return {"seccomp": seccomp.default()}
        case {"type": "Unconfined"}:
            return {}
        case other:
            raise Failed(f"a profile of seccomp that is not known here: {other}")
