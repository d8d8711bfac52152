"""Ends everything that a run of tests has started when the run is over, however it ended.

The run marks its environment, and every program inherits the mark; its stacks' homes have it in their names. A small program holds
the reading end of a pipe whose writing end only the run has: the end of the run is the end of the pipe, also after SIGKILL; then
whoever still bears the mark is ended, and the homes are removed.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MARK = "YIBAO_RUN_OF_TESTS"
_CHECKOUT = Path(__file__).parents[1]
_ORDERLY_S = 2.0
"""Nothing of it is needed any more."""
_IN_ALL_S = 60.0


class Warden:
    """Watches from its creation on."""

    def __init__(self) -> None:
        os.environ[MARK] = f"yibao-stack-{uuid.uuid4().hex[:12]}-"
        self._program = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # the interruption of the terminal is not meant for it
            cwd="/",
        )

    def finish(self) -> None:
        """The run is over: return when nothing is left of it."""
        self._program.communicate()


def bearers(mark: str) -> Iterator[int]:
    """Process ids of the others that bear the mark."""
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(entry.name) != os.getpid() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)


def end_all(mark: str) -> None:
    """Ask all to end, and kill what does not, and what is born meanwhile."""
    began = time.monotonic()
    asked: set[int] = set()
    while (left := set(bearers(mark))) and (for_s := time.monotonic() - began) < _IN_ALL_S:
        late = for_s > _ORDERLY_S
        for pid in left if late else left - asked:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        asked |= left
        time.sleep(0.1)


def remove_homes(mark: str) -> None:
    """Remove what is left of the run's stacks, wherever they put it."""
    sys.path.insert(0, f"{_CHECKOUT}")
    for home in Path(tempfile.gettempdir()).glob(f"{mark}*"):
        from sandbox.stack import Stack  # noqa: PLC0415  mostly there is nothing to remove

        Stack(home).erase()
        with suppress(OSError):
            home.rmdir()  # of a stack that was never started


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end_all(os.environ[MARK])
    remove_homes(os.environ[MARK])
