"""Which process a worker of this machine is, so that one that does not answer is told from one that has gone."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_STATE, _STARTED = 0, 19
"""Of the fields of /proc/PID/stat that stand behind the name."""
_HELD: Final = frozenset("Tt")
"""Stopped by a signal, or by a debugger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One that lives."""

    pid: int
    """Its number."""
    started: int
    """When it was started, in ticks since the machine was: numbers are given again."""
    stopped: bool = False
    """Whether a signal (SIGSTOP), a terminal or a debugger holds it."""

    @property
    def written(self) -> bytes:
        """As it stands in a file."""
        return f"{self.pid} {self.started}\n".encode()

    @property
    def line(self) -> str:
        """Why it does not answer, as far as that is seen from outside."""
        held = "is stopped by a signal (SIGSTOP) or a debugger" if self.stopped else "lives and does not answer"
        return f"process {self.pid} {held}"

    @property
    def mend(self) -> str:
        """What ends that."""
        return kill([self.pid])


def kill(pids: Sequence[int]) -> str:
    """What ends workers that hang. pids: as far as they are known."""
    order = f"kill -9 {' '.join(map(str, pids))}" if pids else "end that process with SIGKILL"
    return (
        f"{order}: nothing is lost, and `yibao worker all` starts it again (by itself after workers.http.silent_s); one that you "
        "started alone, start again"
    )


def this_process() -> Process:
    """The one that asks."""
    found = _seen(os.getpid())
    return Process(pid=os.getpid(), started=0) if found is None else found


def process_of(file: Path) -> Process | None:
    """The one that a file names; None where it has gone, or the file names none."""
    with suppress(OSError, ValueError):
        pid, started = map(int, file.read_text(encoding="ascii").split())
        found = _seen(pid)
        return found if found is not None and found.started == started else None
    return None


def _seen(pid: int) -> Process | None:
    """None: there is none; a zombie is none."""
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        state = fields[_STATE]
        return None if state in "ZX" else Process(pid=pid, started=int(fields[_STARTED]), stopped=state in _HELD)
    return None
