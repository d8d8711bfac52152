"""Processes that a measurement starts, and the CPU that they use."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

CHECKOUT = Path(__file__).parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_S = 120
"""For a hang: a worker that closes its lanes in order takes a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """One process of a measurement."""

    process: "subprocess.Popen[str]"

    @property
    def cpu_s(self) -> float:
        """CPU seconds so far, all threads, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def rss_mib(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / (1 << 20)

    def check(self) -> None:
        """Raises RuntimeError when it ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.returncode}")


def stop(process: "subprocess.Popen[str] | subprocess.Popen[bytes]", *, within_s: float = _STOP_S) -> None:
    """Ask it to end, and kill it when it does not."""
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def started(command: Sequence[str | Path], *, log: Path) -> Iterator[Started]:
    """Run a program; SIGTERM at the end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
        )
    try:
        yield Started(process=process)
    finally:
        stop(process)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def platform(answer_s: float, *, home: Path) -> Iterator[str]:
    """The platform's address."""
    with started([sys.executable, "-m", "tests.bench.counting_platform", f"{answer_s}"], log=home / "platform.log") as running:
        assert running.process.stdout is not None
        yield f"http://127.0.0.1:{int(running.process.stdout.readline())}"


@contextmanager
def worker(stage: str, *, site: Path, home: Path, index: int = 0, kind: str = "worker") -> Iterator[Started]:
    """One worker of a stage. kind: `worker` as it is shipped, or one of `bench.bare`."""
    folder = home / "workers"
    command: list[str | Path] = [sys.executable, "-m"]
    if kind == "worker":
        command += ["yibao", "worker", stage, "--config", site, "--home", folder, "--index", f"{index}"]
    else:
        command += ["tests.bench.bare", kind, stage, site, folder]
    with started(command, log=home / f"{stage}-{index}.log") as running:
        yield running


def taken(url: str) -> tuple[int, int]:
    """Requests and bytes of content that the platform took so far."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        requests, plain_bytes = orjson.loads(answer.read())
    return requests, plain_bytes
