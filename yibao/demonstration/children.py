"""The programs that a demonstration starts: workers and the platform, each a process of its own, found again by their records."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sandbox.stack import process
from sandbox.stack.service import CHECKOUT
from streams.errors import Fatal, Unreachable
from streams.private_files import private_folder

_TERM_S = 20.0


class Child:
    """One program. bound: it gets SIGTERM when the process that started it ends, however that happens."""

    def __init__(self, name: str, *, home: Path) -> None:
        self.name = name
        self.log = home / "logs" / f"{name}.log"
        self._record = home / "pids" / name

    def start(self, arguments: Sequence[str | Path], *, bound: bool) -> None:
        """Run `yibao` with these arguments, its output appended to the log."""
        for path in (self.log, self._record):
            private_folder(path.parent)
        command: list[str | Path] = [sys.executable, "-m", "yibao", *arguments]
        if bound and (setpriv := shutil.which("setpriv")):
            command = [setpriv, "--pdeathsig", "TERM", *command]
        process.spawn(command, record=self._record, log=self.log, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})

    @property
    def pid(self) -> int:
        """Its process id. Raises Fatal when it was not started."""
        identity = process.recorded(self._record)
        if identity is None:
            raise Fatal(f"{self.name} was not started", exit_code=1)
        return identity.pid

    @property
    def is_alive(self) -> bool:
        identity = process.recorded(self._record)
        return identity is not None and identity.is_alive

    def stop(self) -> bool:
        """SIGTERM, and SIGKILL to it and all it started if that does not end it. Returns whether it ran."""
        identity = process.recorded(self._record)
        if identity is None:
            return False
        ran = identity.is_alive
        process.end(identity, by=signal.SIGTERM, within_s=_TERM_S)
        self._record.unlink(missing_ok=True)
        return ran

    def first_line(self, *, within_s: float) -> str:
        """The first whole line of its log that does not begin a log event. Raises Unreachable when none comes."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
                if line.endswith("\n") and line.startswith("{") and '"event"' not in line:
                    return line
            self.check()
            time.sleep(0.05)
        raise Unreachable(f"{self.name} said nothing within {within_s:.0f} s; see {self.log}")

    def check(self) -> None:
        """Raises Fatal with the end of its log when it does not run any more."""
        if not self.is_alive:
            tail = "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
            raise Fatal(f"{self.name} ended; the end of {self.log}:\n{tail}", exit_code=1)
