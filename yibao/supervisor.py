"""Several workers as one: started, restarted with back-off, stopped together. None outlives the supervisor."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

import orjson
import structlog

from streams.telemetry.dying import LAST_WORD_VARIABLE
from yibao.restarts import Ended, History, decide

log = structlog.get_logger()

PARENT_VARIABLE: Final = "YIBAO_SUPERVISOR_PID"
PATIENT_VARIABLE: Final = "YIBAO_WAIT_FOR_BROKER"
_LOOK_S = 0.2
_STOP_WITHIN_S = 30.0
_SETTLED_S = 5.0
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class _Worker:
    """One child. next_start: seconds; None while it runs."""

    name: str
    command: Sequence[str]
    history: History = field(default_factory=History)
    process: subprocess.Popen[bytes] | None = None
    words: int = -1
    started_at: float = 0.0
    next_start: float | None = 0.0
    settled: bool = False


class Supervisor:
    """Runs the commands, by worker name, until it is told to stop."""

    def __init__(self, commands: Mapping[str, Sequence[str]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._workers = [_Worker(name, command) for name, command in commands.items()]
        self._clock = clock
        self._asked = False

    def run(self) -> int:
        """0 after SIGTERM or SIGINT; else the exit code of a worker that could not begin (configuration, no broker)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)
        code = 0
        try:
            while not self._asked and code == 0:
                for worker in self._workers:
                    code = code or self._look_after(worker)
                time.sleep(_LOOK_S)
        finally:
            self._stop()
        return code

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def _look_after(self, worker: _Worker) -> int:
        """Start what is due, take note of what ended. Not 0: it could not begin, and trying again would not help."""
        now = self._clock()
        if worker.process is None:
            if worker.next_start is not None and now >= worker.next_start:
                self._start(worker, now)
            return 0
        code = worker.process.poll()
        if code is None:
            worker.settled = worker.settled or now - worker.started_at > _SETTLED_S
            return 0
        return self._ended(worker, code, now)

    def _start(self, worker: _Worker, now: float) -> None:
        reading, writing = os.pipe()
        environment = {**os.environ, LAST_WORD_VARIABLE: str(writing), PARENT_VARIABLE: str(os.getpid())}
        if worker.settled:
            environment[PATIENT_VARIABLE] = "1"
        worker.process = subprocess.Popen(worker.command, pass_fds=(writing,), env=environment, stdin=subprocess.DEVNULL)
        os.close(writing)
        worker.words, worker.started_at, worker.next_start = reading, now, None
        log.info("worker_started", worker=worker.name, pid=worker.process.pid)

    def _ended(self, worker: _Worker, code: int, now: float) -> int:
        worker.process = None
        reason = _last_word(worker.words)
        if code in (1, 2, 3) and not worker.settled:
            log.error("worker_cannot_begin", worker=worker.name, exit_code=code)
            return code
        worker.history = worker.history.after(Ended(exit_code=code, at=now, reason=reason))
        restart = decide(worker.history)
        worker.next_start = now + restart.delay_s
        log.warning("worker_ended", worker=worker.name, exit_code=code, reason=reason, restart_in_s=restart.delay_s)
        if restart.page:
            log.error("worker_needs_a_person", worker=worker.name, why=restart.page)
        return 0

    def _stop(self) -> None:
        """Ask all to stop, and end those that do not."""
        running = [(worker.name, worker.process) for worker in self._workers if worker.process is not None]
        for _, process in running:
            process.send_signal(signal.SIGTERM)
        until = time.monotonic() + _STOP_WITHIN_S
        for name, process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("worker_did_not_stop", worker=name, pid=process.pid)  # noqa: TRY400 - there is nothing to trace
                process.kill()
                process.wait()
        log.info("supervisor_stopped")


def end_with_parent() -> None:
    """In a worker: get SIGTERM when the supervisor ends, however it ends."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(0)


def _last_word(descriptor: int) -> str:
    """Why the worker ended, from what it wrote into its pipe."""
    os.set_blocking(descriptor, False)
    try:
        said = os.read(descriptor, 65536)
    except BlockingIOError:
        said = b""
    finally:
        os.close(descriptor)
    return f"{orjson.loads(said.splitlines()[-1])['reason']}" if said.strip() else ""
