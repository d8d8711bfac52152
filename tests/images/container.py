"""A container of an image by runc: read-only root, no capabilities, no new rights, the machine's own network."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.images import Store
from tests.images.failed import Failed

UID: Final = 10001
RUNC: Final = "/usr/sbin/runc"
_PATIENCE_S: Final = 60.0
_NODES: Final = {"/proc": ("proc", "proc", []), "/dev": ("tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"])}
_SHARED_MEMORY: Final = ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of this machine in a container."""

    source: Path
    target: str
    writable: bool = False


class Root:
    """The root file system of an image, and what its configuration says."""

    def __init__(self, store: Store, tag: str) -> None:
        self._store = store
        self._container = store.says("from", "--pull-never", "--signature-policy", store.policy, tag)
        self.path = Path(store.says("mount", self._container))
        told = json.loads(store.says("inspect", "--type", "image", tag))["OCIv1"]
        self.config: Mapping[str, Any] = told["config"]

    def close(self) -> None:
        """Unmount it."""
        self._store.says("rm", self._container)


class Container:
    """One container; its output is in a log. Started by `start` or run to its end by `run`."""

    def __init__(self, root: Root, folder: Path, name: str) -> None:
        self._root = root
        self._folder = folder
        self.name = f"yibao-proof-{os.getpid()}-{name}"
        self.log = folder / "output.log"
        self._process: subprocess.Popen[bytes] | None = None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def start(
        self, command: Sequence[str], *, env: Mapping[str, str], mounts: Sequence[Mount], user: int = UID, args: Sequence[str] = ()
    ) -> None:
        """args: in place of entry point and command."""
        config = self._root.config
        words = args or [*config.get("Entrypoint", []), *(command or config.get("Cmd", []))]
        told = spec(self._root.path, words, [*config["Env"], *(f"{key}={value}" for key, value in env.items())], mounts, user)
        told["process"]["cwd"] = config.get("WorkingDir") or "/"
        (self._folder / "config.json").write_text(json.dumps(told), "utf-8")
        with self.log.open("wb") as log:
            runc = [*self._runc, "run", "--bundle", self._folder, self.name]
            self._process = subprocess.Popen(runc, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait(self, within_s: float) -> int:
        """Its exit code. Raises Failed."""
        assert self._process is not None
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} has not ended within {within_s:.0f} s:\n{self.said()}") from None

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return None if self._process is None else self._process.poll()

    def executes(self, words: Sequence[str], within_s: float) -> bool:
        """Whether a program in the container ends with 0."""
        try:
            runc = [*self._runc, "exec", self.name, *words]
            return (
                subprocess.run(runc, capture_output=True, check=False, timeout=within_s, stdin=subprocess.DEVNULL).returncode == 0
            )
        except subprocess.TimeoutExpired:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM, within_s: float = _PATIENCE_S) -> tuple[int | None, float]:
        """Its exit code and the seconds that it took, -9 for one that had to be killed; None where it never ran."""
        if self._process is None:
            return None, 0.0
        began = time.monotonic()
        if self._process.poll() is None:
            subprocess.run([*self._runc, "kill", self.name, how.name], capture_output=True, check=False)
        try:
            code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            code = -9
        subprocess.run([*self._runc, "delete", "--force", self.name], capture_output=True, check=False)
        self._process.wait()
        return code, time.monotonic() - began

    def said(self, most: int = 3000) -> str:
        """The end of its output."""
        return self.log.read_text("utf-8", "replace")[-most:]

    @property
    def _runc(self) -> list[str | Path]:
        return [RUNC, "--root", self._folder.parent / "runc"]


def spec(root: Path, words: Sequence[str], env: Sequence[str], mounts: Sequence[Mount], user: int) -> dict[str, Any]:
    """What runc is told."""
    nodes = [
        {"destination": to, "type": kind, "source": source, "options": options} for to, (kind, source, options) in _NODES.items()
    ]
    nodes += [
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": _SHARED_MEMORY},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777", "size=256m"]},
    ]
    nodes += [
        {
            "destination": mount.target,
            "type": "bind",
            "source": f"{mount.source}",
            "options": ["bind", "nosuid", "nodev", "rw" if mount.writable else "ro"],
        }
        for mount in sorted(mounts, key=lambda mount: mount.target)
    ]
    return {
        "ociVersion": "1.0.2",
        "root": {"path": f"{root}", "readonly": True},
        "hostname": "proof",
        "process": {
            "terminal": False,
            "user": {"uid": user, "gid": user},
            "args": list(words),
            "env": list(env),
            "cwd": "/",
            "noNewPrivileges": True,
            "capabilities": {},
        },
        "mounts": nodes,
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus"],
        },
    }
