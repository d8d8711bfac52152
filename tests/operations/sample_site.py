"""The sample site on a stack of its own, with its commands as a person gives them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.stack import Stack
from sandbox.stack.service import CHECKOUT
from tests.bench.processes import stop
from tests.operations.failed import Failed

_ENDS_WITHIN_S = 40.0
_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSite:
    """It, its stack and its ports."""

    folder: Path
    """Where its files are."""
    stack: Stack
    """PostgreSQL, Kafka, Connect."""
    ports: Mapping[str, int]
    """Of these and of the platform, by name."""

    @property
    def file(self) -> Path:
        """`site.yaml`."""
        return self.folder / "site.yaml"

    def run(self, *words: str, codes: Sequence[int] = (0,)) -> "subprocess.CompletedProcess[str]":
        """A command to its end. Raises Failed where it ends with another code."""
        command = [sys.executable, "-m", "yibao", *words]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, env=_environment())
        if done.returncode not in codes:
            raise Failed(f"`yibao {' '.join(words)}` ended with {done.returncode}: {done.stderr[-600:]}{done.stdout[-600:]}")
        return done

    def asked(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Exit code and document."""
        done = self.run(*words, "-o", "json", codes=(0, 1, 3))
        return done.returncode, json.loads(done.stdout)

    @contextmanager
    def going(self, *words: str) -> Iterator[None]:
        """A command that goes on until it is asked to stop."""
        with (self.folder / f"{'-'.join(words[:2])}.log").open("ab") as log:
            command = [sys.executable, "-m", "yibao", *words]
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=_environment())
        try:
            yield
        finally:
            stop(process, within_s=_ENDS_WITHIN_S)

    def hospital(self, *, first: int, visits: int = 20) -> None:
        """Visits from this number on."""
        more = ("--visits", f"{visits}", "--first", f"{first}", "--bad-share", "0")
        self.run("hospital", "run", "--port", f"{self.ports['postgres']}", *more)


def until(what: str, holds: Callable[[], object]) -> None:
    """Wait for it. Raises Failed where it does not come."""
    ends = time.monotonic() + _WITHIN_S
    while not holds():
        if time.monotonic() > ends:
            raise Failed(f"not within {_WITHIN_S:.0f} s: {what}")
        time.sleep(0.2)


def demand(holds: object, otherwise: str) -> None:
    """Raise Failed where it is not so."""
    if not holds:
        raise Failed(otherwise)


def _environment() -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": str(CHECKOUT)}
