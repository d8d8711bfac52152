"""A kubelet, as far as one machine needs it: a pod's sandbox, volumes, init containers, containers, probes, restarts, its end."""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.images.container import Root
from tests.images.failed import Failed
from tests.pods.bundle import Place, configuration
from tests.pods.network import Links
from tests.pods.probes import Count, probes_of
from tests.pods.rendered import Pod
from tests.pods.runtime import Running
from tests.pods.volumes import Keys, lay_out

_PAUSE: Final = """\
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    signal.pause()
"""
_NOBODY: Final = 65535
_GRACE_S: Final = 30
"""What a server fills in."""
_BACK_OFF_S: Final = (10.0, 300.0)
_TICK_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What a node has: images by their names, a folder, a network."""

    roots: Mapping[str, Root]
    folder: Path
    links: Links


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a container ended at the end of its pod."""

    code: int
    took_s: float
    in_grace: bool


class Started:
    """A pod on a node, until `stop`. Its containers are watched by threads of their own."""

    def __init__(self, node: Node, pod: Pod, keys: Keys) -> None:
        self.pod = pod
        self._node = node
        self._folder = node.folder / "pods" / pod.name
        shutil.rmtree(self._folder, ignore_errors=True)
        self._stopping = threading.Event()
        self._runs = 0
        self.faults: list[str] = []
        """What keeps it from running as its template says."""
        self.restarts: list[str] = []
        """Why a container was started once more."""
        self.probes: dict[str, Count] = {}
        """Of the container that is watched now, by kind."""
        self.ended: dict[str, Ended] = {}
        self.code: int | None = None
        """Of a pod that ends by itself: the exit code of what ended it."""
        volumes = lay_out(pod, keys, into=self._folder / "volumes", disks=node.folder / "disks")
        self._sandbox = self._pause()
        sandbox = self._sandbox.pid()
        self.address = node.links.join(sandbox)
        root = node.roots[_image(pod.spec["containers"][0]["image"])]
        self._place = Place(root=root, sandbox=sandbox, volumes=volumes, files=self._files())
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def wait(self, within_s: float) -> int:
        """The exit code of a pod that ends by itself. Raises Failed."""
        self._thread.join(within_s)
        if self._thread.is_alive() or self.code is None:
            raise Failed(f"{self.pod.name} has not ended within {within_s:.0f} s ({self.faults}):\n{self.said()}")
        return self.code

    def stop(self) -> Mapping[str, Ended]:
        """How its containers ended."""
        self._stopping.set()
        self._thread.join()
        self._sandbox.stop(1)
        return self.ended

    @property
    def is_ready(self) -> bool:
        """Whether a service would send to it."""
        return bool(self.probes) and all(one.holds for one in self.probes.values())

    def said(self, most: int = 3000) -> str:
        """The end of what its containers said."""
        logs = sorted(self._folder.glob("*/output.log"), key=lambda log: log.stat().st_mtime)
        return "".join(f"--- {log.parent.name}\n{log.read_text('utf-8', 'replace')[-most:]}\n" for log in logs)

    def _pause(self) -> Running:
        root = self._node.roots[_image(self.pod.spec["containers"][0]["image"])]
        told = configuration(_sandbox_of(self.pod), {"name": "sandbox"}, Place(root=root, sandbox=0, volumes={}, files={}))
        told["root"]["readonly"] = True
        told["process"] |= {"args": ["python", "-c", _PAUSE], "cwd": "/"}
        told["hostname"] = self.pod.name
        told["linux"]["namespaces"] = [{"type": kind} for kind in ("pid", "ipc", "uts", "network", "mount")]
        return Running(f"{self.pod.name}-sandbox", self._folder / "sandbox", told, runtime=self._node.folder / "runc")

    def _files(self) -> Mapping[str, Path]:
        hosts = [f"127.0.0.1\tlocalhost\n{self.address}\t{self.pod.name}\n"]
        hosts += [f"{one['ip']}\t{' '.join(one['hostnames'])}\n" for one in self.pod.spec.get("hostAliases", [])]
        contents = {"/etc/hosts": "".join(hosts), "/etc/hostname": f"{self.pod.name}\n", "/etc/resolv.conf": ""}
        files = {}
        for path, content in {**contents, "/dev/termination-log": ""}.items():
            files[path] = self._folder / Path(path).name
            files[path].write_text(content, "utf-8")
            files[path].chmod(0o666 if "termination" in path else 0o644)
        return files

    def _live(self) -> None:
        try:
            for container in self.pod.spec.get("initContainers", []):
                if not self._to_its_end(container):
                    return
            watched = [threading.Thread(target=self._watch, args=[one], daemon=True) for one in self.pod.spec["containers"]]
            for thread in watched:
                thread.start()
            for thread in watched:
                thread.join()
        except Failed as failed:
            self.faults.append(f"{failed}")

    def _to_its_end(self, container: Mapping[str, Any]) -> bool:
        """An init container, also again where the pod's policy says so; whether the next one may start."""
        for turn in range(1 << 16):
            run = self._run(container)
            while run.wait(_TICK_S) is None:
                if self._stopping.is_set():
                    self._end(container, run)
                    return False
            run.forget()
            if run.ended == 0:
                return True
            if self._policy == "Never":
                self.code = run.ended
                return False
            self._again(container, f"ended with {run.ended}", turn)
        return False

    def _watch(self, container: Mapping[str, Any]) -> None:
        with self._told():
            for turn in range(1 << 16):
                run = self._run(container)
                why = self._observe(container, run)
                if self._stopping.is_set() or why:
                    self._end(container, run)
                if self._stopping.is_set():
                    return
                run.forget()
                if self._policy == "Never" or (self._policy == "OnFailure" and run.ended == 0):
                    self.code = max(self.code or 0, run.ended or 0)
                    return
                self._again(container, why or f"ended with {run.ended}:\n{run.said(800)}", turn)
                if self._stopping.is_set():
                    return

    @contextlib.contextmanager
    def _told(self) -> Any:
        try:
            yield
        except Failed as failed:
            self.faults.append(f"{failed}")

    def _observe(self, container: Mapping[str, Any], run: Running) -> str:
        """Ask its probes until it ends, or the pod is to stop, or one says that it must be started anew: then why."""
        ports = {one["name"]: one["containerPort"] for one in container.get("ports", []) if "name" in one}
        began = time.monotonic()
        self.probes = probes_of(container)
        due = {kind: began + count.probe.initial_delay_s for kind, count in self.probes.items()}
        while run.ended is None and not self._stopping.wait(_TICK_S):
            has_started = "startup" not in self.probes or self.probes["startup"].holds is True
            for kind, count in self.probes.items():
                if (kind == "startup") is has_started or time.monotonic() < due[kind]:
                    continue
                count.take(good=count.probe.ask(self.address, ports, run.execute))
                due[kind] = time.monotonic() + count.probe.period_s
                if kind != "readiness" and count.holds is False:
                    return f"its {kind} probe failed {count.probe.failures} times"
        return ""

    def _end(self, container: Mapping[str, Any], run: Running) -> None:
        """What is to be done before it is told, then the signal, then its grace, then the end."""
        grace_s, began = self.pod.spec.get("terminationGracePeriodSeconds", _GRACE_S), time.monotonic()
        match container.get("lifecycle", {}).get("preStop"):
            case None:
                pass
            case {"exec": asked}:
                run.execute(asked["command"], grace_s)
            case {"sleep": {"seconds": pause_s}}:
                threading.Event().wait(min(pause_s, grace_s))
            case other:
                raise Failed(f"a preStop that is not known here: {other}")
        how = self._place.root.config.get("StopSignal") or "TERM"
        code, took_s, in_grace = run.stop(grace_s - (time.monotonic() - began), how.removeprefix("SIG"))
        self.ended[container["name"]] = Ended(code=code, took_s=took_s, in_grace=in_grace)

    def _again(self, container: Mapping[str, Any], why: str, turn: int) -> None:
        self.restarts.append(f"{container['name']}: {why}")
        first_s, most_s = _BACK_OFF_S
        self._stopping.wait(min(first_s * 2**turn, most_s))

    def _run(self, container: Mapping[str, Any]) -> Running:
        self._runs += 1
        told = configuration(self.pod, container, self._place)
        folder = self._folder / f"{self._runs}-{container['name']}"
        return Running(f"{self.pod.name}-{container['name']}-{self._runs}", folder, told, runtime=self._node.folder / "runc")

    @property
    def _policy(self) -> str:
        return str(self.pod.spec.get("restartPolicy", "Always"))


def run_job(node: Node, keys: Keys, pods: Callable[[int], Pod], tries: int, within_s: float) -> tuple[int, str]:
    """As the controller of Jobs does it: another pod after one that failed. How many it took, and what the last one said. Raises
    Failed.
    """
    said: Sequence[str] = ()
    for turn in range(tries):
        started = Started(node, pods(turn), keys)
        try:
            code = started.wait(within_s)
            said = [*said, started.said()]
        finally:
            started.stop()
        if code == 0:
            return turn + 1, said[-1]
    raise Failed(f"a job has failed {tries} times:\n{said[-1]}")


def _sandbox_of(pod: Pod) -> Pod:
    rights = {"runAsUser": _NOBODY, "runAsGroup": _NOBODY}
    return Pod(name=pod.name, component=pod.component, spec={"securityContext": rights, "containers": []}, claims={})


def _image(named: str) -> str:
    """The name of an image without registry, project, tag and digest."""
    return named.rpartition("/")[2].partition("@")[0].partition(":")[0]
