"""Runs several workers as one: started, restarted with back-off, stopped together. None of them outlives the supervisor.

One that hangs is ended and started again, too: a process that somebody stopped, or that stands in a disk which does not answer,
keeps its place and never ends by itself.
"""

import ctypes
import math
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

from streams.lanes.exits import Exit
from streams.mapping import Site
from streams.telemetry.dying import WORDS_VARIABLE
from yibao.interrupted import EXIT_CODE
from yibao.liveness import Watched
from yibao.restarts import Ended, History, decide

log = structlog.get_logger()

PARENT_VARIABLE: Final = "YIBAO_SUPERVISOR_PID"
PATIENT_VARIABLE: Final = "YIBAO_WAIT_FOR_BROKER"
_LOOK_S = 0.2
_STOP_WITHIN_S = 30.0
_PR_SET_PDEATHSIG = 1
_CANNOT_BEGIN = frozenset({1, 2, 3, int(Exit.METADATA), int(Exit.OTHER_SITE)})


@dataclass(slots=True)
class _Worker:
    """One worker process, or the next one in its place."""

    name: str
    """Stage and index."""
    command: Sequence[str]
    """What to run."""
    history: History = field(default_factory=History)
    """How its processes ended lately."""
    process: subprocess.Popen[bytes] | None = None
    """None while none runs."""
    words: int = -1
    """The end of the pipe that the worker's words are read from."""
    next_start: float | None = 0.0
    """When to start it, on the supervisor's clock; None while it runs."""
    was_ready: bool = False
    """Whether one of its processes could begin."""
    last_word: str = ""
    """The last reason that it gave for its end."""
    watched: Watched | None = None
    """Whether it lives; None until it said where it is served."""
    served_by: float = math.inf
    """Until when it must have said that, on the supervisor's clock; infinite where it has, or need not."""


class Supervisor:
    """Runs the commands, by worker name, until it is told to stop. silent_s: so long a worker that is served may say nothing on
    `/live`, or no. start_s: so long it may take until it is served. 0, of both: for ever.
    """

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        *,
        silent_s: float = 0.0,
        start_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workers = [_Worker(name, command) for name, command in commands.items()]
        self._silent_s, self._start_s = silent_s, start_s
        self._clock = clock
        self._asked = 0

    def run(self) -> int:
        """0 after SIGTERM, 130 after SIGINT; else the exit code of a worker that could not begin (configuration, no broker)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)
        code = 0
        try:
            while self._asked == 0 and code == 0:
                for worker in self._workers:
                    code = code or self._look_after(worker)
                time.sleep(_LOOK_S)
        finally:
            self._stop()
        return EXIT_CODE if self._asked == signal.SIGINT else code

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self._asked = number

    def _look_after(self, worker: _Worker) -> int:
        """Start a worker that is due, take note of one that ended. Returns the exit code of one that could not begin, where trying
        again would not help; else 0.
        """
        now = self._clock()
        if worker.process is None:
            if worker.next_start is not None and now >= worker.next_start:
                self._start(worker)
            return 0
        code = worker.process.poll()
        if code is None:
            self._listen(worker)
            self._end_if_dead(worker, worker.process, now)
            return 0
        return self._ended(worker, code, now)

    def _start(self, worker: _Worker) -> None:
        reading, writing = os.pipe()
        environment = {**os.environ, WORDS_VARIABLE: str(writing), PARENT_VARIABLE: str(os.getpid())}
        if worker.was_ready:
            environment[PATIENT_VARIABLE] = "1"
        worker.process = subprocess.Popen(worker.command, pass_fds=(writing,), env=environment, stdin=subprocess.DEVNULL)
        os.close(writing)
        os.set_blocking(reading, False)
        worker.words, worker.last_word, worker.next_start = reading, "", None
        worker.served_by = self._clock() + self._start_s if self._start_s else math.inf
        log.info("worker_started", worker=worker.name, pid=worker.process.pid)

    def _end_if_dead(self, worker: _Worker, process: subprocess.Popen[bytes], now: float) -> None:
        """A process that is stopped takes no other signal than SIGKILL. Nothing is lost: it commits nothing while it hangs."""
        if worker.watched is not None and worker.watched.is_dead:
            silent_s, why = self._silent_s, f"no yes came from /live for {self._silent_s:g} s (workers.http.silent_s)"
        elif now >= worker.served_by:
            silent_s = self._start_s
            why = f"it hung in its start, before it served /live, for {self._start_s:g} s (workers.http.start_s)"
        else:
            return
        _unwatch(worker)
        worker.served_by, worker.last_word = math.inf, f"{why}: killed"
        log.warning("worker_stalled", worker=worker.name, pid=process.pid, silent_s=silent_s, why=why)
        process.kill()

    def _listen(self, worker: _Worker) -> None:
        """Take in what a worker said since it was last listened to."""
        try:
            said = os.read(worker.words, 65536)
        except BlockingIOError:
            return
        for line in said.splitlines():
            word = orjson.loads(line)
            worker.was_ready = worker.was_ready or "ready" in word
            worker.last_word = f"{word.get('reason', worker.last_word)}"
            if "served" in word:
                worker.served_by = math.inf
            if "served" in word and self._silent_s:
                worker.watched = Watched(f"{word['served']}", allowed_s=self._silent_s)

    def _ended(self, worker: _Worker, code: int, now: float) -> int:
        worker.process = None
        self._listen(worker)
        _unwatch(worker)
        os.close(worker.words)
        reason = worker.last_word
        if code in _CANNOT_BEGIN and not worker.was_ready:
            log.error("worker_start_failed", worker=worker.name, exit_code=code, reason=reason)
            return code
        worker.history = worker.history.after(Ended(exit_code=code, at=now, reason=reason))
        restart = decide(worker.history)
        worker.next_start = now + restart.delay_s
        log.warning("worker_ended", worker=worker.name, exit_code=code, reason=reason, restart_in_s=restart.delay_s)
        if restart.page:
            log.error("person_needed", worker=worker.name, why=restart.page)
        return 0

    def _stop(self) -> None:
        """Ask all to stop, and end those that do not."""
        running = [(worker.name, worker.process) for worker in self._workers if worker.process is not None]
        for _, process in running:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)  # one that somebody stopped takes the first signal only when it goes on
        until = time.monotonic() + _STOP_WITHIN_S
        for name, process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("worker_killed", worker=name, pid=process.pid)  # noqa: TRY400 - there is nothing to trace
                process.kill()
                process.wait()
        log.info("supervisor_stopped")


def supervisor_of(site: Site, commands: Mapping[str, Sequence[str]]) -> Supervisor:
    """Of the workers of a site on this machine, by the site's own patience."""
    http = site.workers.http
    return Supervisor(commands, silent_s=http.silent_s, start_s=http.start_s if http.serve else 0.0)


def end_with_parent() -> None:
    """In a worker: get SIGTERM when the supervisor ends, however it ends."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(0)


def _unwatch(worker: _Worker) -> None:
    if worker.watched is not None:
        worker.watched.close()
    worker.watched = None
