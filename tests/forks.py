"""Workers as children of one program that has loaded what they run: to load it takes two seconds of a processor, most of what a
worker needs to begin, and a test begins up to six.

They are processes of their own, with their own arguments, environment, log and signals. That a worker begins from nothing is proved
by those that a supervisor starts: the demonstration, the pages that are walked, chaos.
"""

import gc
import json
import os
import random
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from functools import cache

from tests.bench.processes import CHECKOUT, Started, stop

_STOP_S = 120
"""For a hang: a worker that closes its lanes in order takes a second."""
_BEGIN_S = 120


class Fork:
    """One of them, as `subprocess.Popen` tells of a process."""

    def __init__(self, args, told):
        self.args, self.pid, self.returncode = args, None, None
        self._told = told

    def poll(self):
        return self.returncode

    def wait(self, timeout=None):
        with self._told:
            if not self._told.wait_for(lambda: self.returncode is not None, timeout):
                raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def send_signal(self, number):
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class Loaded:
    """The program that has loaded everything, as long as this process runs."""

    def __init__(self):
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._program = subprocess.Popen(
                [sys.executable, "-m", "tests.forks", f"{theirs.fileno()}"],
                cwd=CHECKOUT,
                env={**os.environ, "PYTHONPATH": f"{CHECKOUT}"},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._told, self._asked, self._running = threading.Condition(), [], {}
        threading.Thread(target=self._listen, daemon=True, name="forks").start()

    def fork(self, args, *, log, cwd=CHECKOUT, env=()):
        """Begin `python -m yibao` with these arguments; where its outputs go. env: more than this process has."""
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()  # whoever looks into it at once finds it
        fork, env = Fork(args, self._told), {**os.environ, "PYTHONPATH": f"{CHECKOUT}", **dict(env)}
        with self._told:
            self._asked.append(fork)
            self._socket.sendall(json.dumps([args, f"{log}", f"{cwd}", env]).encode() + b"\n")
            assert self._told.wait_for(lambda: fork.pid, _BEGIN_S), "nothing was begun"
        return fork

    def _listen(self):
        for line in self._socket.makefile("rb"):
            pid, code = json.loads(line)
            with self._told:
                if code is None:
                    self._running[pid] = fork = self._asked.pop(0)
                    fork.pid = pid
                else:
                    self._running.pop(pid).returncode = code
                self._told.notify_all()


@cache
def loaded():
    """That of this process."""
    return Loaded()


@contextmanager
def worker(stage, *, site, home, index=0):
    """As that of `tests.bench.processes`: one worker of a stage; SIGTERM at the end."""
    words = ["worker", stage, "--config", f"{site}", "--home", f"{home / 'workers'}", "--index", f"{index}"]
    process = loaded().fork(words, log=home / f"{stage}-{index}.log")
    try:
        yield Started(process=process)
    finally:
        stop(process, within_s=_STOP_S)


# The program itself ------------------------------------------------------------------------------------------------------------


def _next(asked):
    """Begin what is asked for until nobody asks any more; in a process that was begun: what it is to do."""
    woken, waking = os.pipe()
    for end in (woken, waking):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking)
    lines, chosen = asked.makefile("rb"), selectors.DefaultSelector()
    chosen.register(asked, selectors.EVENT_READ)
    chosen.register(woken, selectors.EVENT_READ)
    while True:
        for key, _ in chosen.select():
            if key.fileobj == woken:
                os.read(woken, 4096)
                _tell_ended(asked)
            elif not (line := lines.readline()):
                os._exit(0)
            elif (pid := os.fork()) == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for one in (chosen, lines, asked):
                    one.close()
                os.close(woken)
                os.close(waking)
                return json.loads(line)
            else:
                asked.sendall(json.dumps([pid, None]).encode() + b"\n")


def _tell_ended(asked):
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            asked.sendall(json.dumps([pid, os.waitstatus_to_exitcode(status)]).encode() + b"\n")


def _become(args, log, cwd, env):
    """What a process is that begins with these."""
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(out, sys.stdout.fileno())
    os.dup2(out, sys.stderr.fileno())
    os.close(out)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    random.seed()
    sys.argv = ["yibao", *args]
    runpy.run_module("yibao", run_name="__main__", alter_sys=False)


def main():
    """Load it, and begin what is asked for."""
    import streams.topology  # noqa: F401, PLC0415 - only the program itself loads it
    import yibao.verbs.worker  # noqa: F401, PLC0415

    assert threading.active_count() == 1, "a fork has none of the threads"
    gc.collect()
    gc.freeze()
    _become(*_next(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
