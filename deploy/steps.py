"""The steps of the set-up: programs with their output in a log, stamps of what is done, works at the same time.

Standard library only.
"""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTE_EVERY_S = 10


class StepFailed(Exception):
    """A step that ended badly; the text says what, where the log is and how to go on."""


_speaking = threading.Lock()
_stopping = threading.Event()


def say(text: str) -> None:
    with _speaking:
        sys.stdout.write(f"setup: {text}\n")
        sys.stdout.flush()


def run(title: str, command: Sequence[str | Path], *, log: Path, mend: str, env: dict[str, str] | None = None) -> None:
    """Run a program with its output in a log; tell now and then that it still runs. Raises StepFailed with the log's end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    started, told = time.monotonic(), time.monotonic()
    with log.open("ab") as out:
        child = subprocess.Popen(
            command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}, cwd=ROOT
        )
    while (code := _ended(child)) is None:
        if _stopping.is_set():
            child.terminate()
        if time.monotonic() - told >= NOTE_EVERY_S:
            told = time.monotonic()
            say(f"{title}: still running after {told - started:.0f} s ({tail(log, 1)[:90]})")
    if code != 0:
        raise StepFailed(f"{title} failed (exit code {code}). The end of {log}:\n{tail(log, 12)}\n{mend}")


def _ended(child: subprocess.Popen[bytes]) -> int | None:
    try:
        return child.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        return None


def tail(log: Path, lines: int) -> str:
    return "\n".join(log.read_text("utf-8", "replace").strip().splitlines()[-lines:])


def digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def is_stamped(stamp: Path, key: str) -> bool:
    return stamp.is_file() and stamp.read_text("utf-8") == key


def write_whole(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file so that it is either there whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, "utf-8")
    fresh.chmod(mode)
    fresh.replace(path)


@contextmanager
def timed(title: str) -> Iterator[None]:
    say(f"{title} …")
    started = time.monotonic()
    yield
    say(f"{title}: done in {time.monotonic() - started:.1f} s")


def together(*works: Callable[[], None]) -> None:
    """Do independent works at the same time; the first failure stops the others."""
    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(work) for work in works]
        try:
            while wait(futures, timeout=0.5, return_when=FIRST_EXCEPTION).not_done:
                if any(future.done() and future.exception() for future in futures):
                    break
            failed = [error for future in futures if future.done() and (error := future.exception())]
            if failed:
                raise failed[0]
        finally:
            _stopping.set()
