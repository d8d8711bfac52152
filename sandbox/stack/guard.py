"""Ends a stack when the process that wanted it is gone, however that ended.

A small program holds the reading end of a pipe whose writing end only that process has: the end of the process is the end of the
pipe, also after SIGKILL.
"""

import os
import subprocess
import sys
from pathlib import Path

from sandbox.stack.service import CHECKOUT

DISMISSED = b"dismissed"


class Guard:
    """Watches over the stack in one home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._program: subprocess.Popen[bytes] | None = None

    def watch(self) -> None:
        """Begin to watch, unless that was done."""
        if self._program is None or self._program.poll() is not None:
            self._program = subprocess.Popen(
                [sys.executable, "-m", "sandbox.stack", self._home],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # the interruption of the terminal is not meant for it
                cwd="/",
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            )

    def dismiss(self) -> None:
        """Watch no longer; what runs goes on."""
        if self._program is not None:
            self._program.communicate(DISMISSED)
            self._program = None
