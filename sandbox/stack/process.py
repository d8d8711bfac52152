"""Programs that outlive the one that started them, recorded so that exactly they can be found again.

A record names the process id, the kernel's start time of that process and the boot: an id that was given to another program
since then is never taken for ours. The record is written before the program begins, so that a starter that dies leaves no stranger.
Linux only (`/proc`).
"""

import atexit
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from streams.private_files import open_private

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_RECORD_AND_BECOME = 'cat /proc/$$/stat /proc/sys/kernel/random/boot_id > "$0.new" && mv "$0.new" "$0" && exec "$@"'
"""`exec` keeps process id and start time, so what the shell writes about itself is true of the program."""
_children: dict[int, subprocess.Popen[bytes]] = {}
"""Programs this process started: they must be waited for when they end, whichever object asks."""


@atexit.register
def _let_go() -> None:
    """Collect those that ended, and leave the others: Python would complain of a program that is meant to outlive this one."""
    for child in _children.values():
        if child.poll() is None:
            child.returncode = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One process of this boot, which no later process with the same id is taken for."""

    pid: int
    started: int
    """Clock ticks since the boot."""
    boot: str

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs (one that has ended and waits to be collected does not)."""
        if child := _children.get(self.pid):
            child.poll()
        state, _, started = _stat(self.pid)
        return state != "" and started == self.started and self.boot == _BOOT.read_text("ascii").strip()

    @property
    def exit_code(self) -> int | None:
        """How it ended, where this process is the one that started it."""
        child = _children.get(self.pid)
        return None if child is None else child.poll()


def recorded(record: Path) -> Identity | None:
    """The process that a record names, alive or not; None where there is no whole record."""
    try:
        stat, boot = record.read_text("ascii").splitlines()
    except (OSError, ValueError):
        return None
    pid, _, rest = stat.partition(" ")
    return Identity(pid=int(pid), started=int(rest.rpartition(")")[2].split()[19]), boot=boot)


def spawn(command: Sequence[str | Path], *, record: Path, log: Path, env: Mapping[str, str]) -> Identity:
    """Start a program in a session of its own, output appended to `log`; return when it is recorded.

    What it writes is closed to others. Raises OSError when the recording shell itself could not run.
    """
    record.unlink(missing_ok=True)
    with open_private(log, "ab") as out:
        child = subprocess.Popen(
            ["/bin/sh", "-c", _RECORD_AND_BECOME, record, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            env=env,
            start_new_session=True,
            umask=0o077,  # what it writes is nobody else's to read
        )
    _children[child.pid] = child
    try:
        return _recorded_soon(child, record, log)
    except BaseException:
        child.kill()
        child.wait()
        raise


def _recorded_soon(child: subprocess.Popen[bytes], record: Path, log: Path) -> Identity:
    while (identity := recorded(record)) is None:
        if child.poll() is not None:
            raise OSError(f"{record} could not be written (exit code {child.returncode}); see {log}")
        time.sleep(0.005)
    return identity


def end(identity: Identity, *, by: signal.Signals, within_s: float) -> bool:
    """Ask a process to end and wait; kill it and what it started when it does not. True where asking was enough."""
    _send(identity, by)
    if wait_gone([identity], within_s=within_s):
        return True
    kill(identity)
    return False


def kill(identity: Identity) -> None:
    """SIGKILL to a process and everything it started; return when all are gone.

    Where the process is gone its id may be another program's by now: then nothing is touched, least of all that program's children.
    """
    if not identity.is_alive:
        return
    family = [identity, *_descendants(identity)]
    with suppress(ProcessLookupError):
        os.killpg(identity.pid, signal.SIGKILL)
    for member in family:
        _send(member, signal.SIGKILL)
    wait_gone(family, within_s=20)


def wait_gone(identities: Sequence[Identity], *, within_s: float) -> bool:
    """Wait until none of the processes is alive; False when the time is over."""
    deadline = time.monotonic() + within_s
    while any(identity.is_alive for identity in identities):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def working_directory(pid: int) -> Path | None:
    """Where a process runs; None when there is none or it is not ours to ask."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def _send(identity: Identity, sign: signal.Signals) -> None:
    if identity.is_alive:
        with suppress(ProcessLookupError):
            os.kill(identity.pid, sign)


def _descendants(ancestor: Identity) -> Iterator[Identity]:
    """Children and theirs: PostgreSQL's live in sessions of their own, a signal to the group does not reach them."""
    parents: dict[int, list[Identity]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        state, parent, started = _stat(int(entry.name))
        if state:
            parents.setdefault(parent, []).append(Identity(pid=int(entry.name), started=started, boot=ancestor.boot))
    todo = [ancestor.pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            yield child
            todo.append(child.pid)


def _stat(pid: int) -> tuple[str, int, int]:
    """State letter, parent and start time of a process; an empty letter where there is none, or only an uncollected one.

    A killed JVM is a "zombie" as soon as its first thread is gone; it holds its ports until the last one is.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return "", 0, 0
    state, parent, threads, started = fields[0], int(fields[1]), int(fields[17]), int(fields[19])
    return "" if state in "ZX" and threads <= 1 else state, parent, started
