"""Containers by runc, one process of this machine each."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.images.container import RUNC
from tests.images.failed import Failed

_STARTED_S: Final = 60.0
_KILLED_S: Final = 30.0


class Running:
    """A container from its start on. folder: of its bundle and its log."""

    def __init__(self, name: str, folder: Path, told: Mapping[str, Any], *, runtime: Path) -> None:
        self.name = name
        self.log = folder / "output.log"
        self._runc = [RUNC, "--root", runtime]
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(told), "utf-8")
        with self.log.open("ab") as log:
            words = [*self._runc, "run", "--bundle", folder, name]
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def wait(self, within_s: float) -> int | None:
        """Its exit code; None where it still runs then."""
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None

    def pid(self) -> int:
        """The number of its first process on this machine. Raises Failed where it has ended before."""
        until, pause = time.monotonic() + _STARTED_S, threading.Event()
        while time.monotonic() < until and self.ended is None:
            done = subprocess.run([*self._runc, "state", self.name], capture_output=True, text=True, check=False)
            if done.returncode == 0 and (state := json.loads(done.stdout))["status"] == "running":
                return int(state["pid"])
            pause.wait(0.05)
        raise Failed(f"{self.name} does not run:\n{self.said()}")

    def execute(self, words: Sequence[str], within_s: float) -> bool:
        """Whether a program in it ends with 0 in time."""
        try:
            done = subprocess.run([*self._runc, "exec", self.name, *words], capture_output=True, check=False, timeout=within_s)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def stop(self, grace_s: float, how: str = "TERM") -> tuple[int, float, bool]:
        """Its exit code, the seconds that it took, and whether it went by itself within its grace."""
        began = time.monotonic()
        self._signal(how)
        code = self.wait(grace_s)
        took_s, by_itself = time.monotonic() - began, code is not None
        if code is None:
            self._signal(signal.SIGKILL.name)
            code = self._process.wait(_KILLED_S)
        self.forget()
        return code, took_s, by_itself

    def forget(self) -> None:
        """Nothing of it stays but its log."""
        subprocess.run([*self._runc, "delete", "--force", self.name], capture_output=True, check=False)
        self._process.wait()

    def said(self, most: int = 3000) -> str:
        """The end of its output."""
        return self.log.read_text("utf-8", "replace")[-most:]

    def _signal(self, how: str) -> None:
        if self.ended is None:
            subprocess.run([*self._runc, "kill", self.name, how], capture_output=True, check=False)
