"""A person's terminal: one shell for the whole walk, one command after the other, what they print and how they end."""

import os
import secrets
import select
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one command ended, and what it printed."""

    code: int
    printed: str


class Terminal:
    """A shell with jobs, as an interactive one has them. what is started in the background stays until `close`."""

    def __init__(self, folder: Path) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("YIBAO", "PG"))}
        self._shell = subprocess.Popen(
            ["/bin/bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=env,
            start_new_session=True,
        )
        self._write("set -m\n")

    def run(self, command: str, *, within_s: float) -> Ended:
        """Type a command and wait for its end. Raises TimeoutError."""
        mark = secrets.token_hex(8)
        self._write(f"{{\n{command}\n}} </dev/null\nprintf '\\n%s %s\\n' {mark} $?\n")
        printed = self._read(lambda text: f"\n{mark} " in text and text.endswith("\n"), until=time.monotonic() + within_s)
        told, _, code = printed.rpartition(f"\n{mark} ")
        return Ended(code=int(code), printed=told)

    def close(self) -> None:
        """End what was started in the background, and the shell."""
        self._write("kill $(jobs -p) 2>/dev/null\nwait\nexit\n")
        try:
            self._shell.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self._shell.kill()

    def _write(self, text: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(text.encode())
        self._shell.stdin.flush()

    def _read(self, is_whole: Callable[[str], bool], *, until: float) -> str:
        assert self._shell.stdout is not None
        taken = b""
        while not is_whole(taken.decode("utf-8", "replace")):
            if not select.select([self._shell.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError(taken.decode("utf-8", "replace"))
            part = os.read(self._shell.stdout.fileno(), 65_536)
            if not part:
                raise EOFError(taken.decode("utf-8", "replace"))
            taken += part
        return taken.decode("utf-8", "replace")
