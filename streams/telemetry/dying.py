"""How a worker ends when it must: one event that says why, a last word for the supervisor, and no clean-up.

Nothing is aborted or repaired here. A clean-up that runs after a doubt can commit what must not be committed; the next owner's
fence does both.
"""

import os
import sys
import threading
from typing import Final, NoReturn

import orjson
import structlog

from streams.errors import Fatal, YibaoError
from streams.telemetry import events
from streams.telemetry.discretion import cause_of, spoken, stack_of

WORDS_VARIABLE: Final = "YIBAO_SUPERVISOR_FD"

log = structlog.get_logger()


def die(reason: Fatal) -> NoReturn:
    """End the process now, with the exit code of `reason`."""
    say_why(reason, int(reason.exit_code))
    sys.stderr.flush()
    os._exit(reason.exit_code)


def say_why(error: YibaoError, exit_code: int) -> None:
    """Tell the same (event and last word) of a worker that ends by itself with this exit code, because it could not begin."""
    log.error("worker_died", reason=f"{error}", exit_code=exit_code, cause=cause_of(error), stack=stack_of(error))
    _tell({"exit_code": exit_code, "reason": f"{error}"})


def say_interrupted(left: str) -> None:
    """Tell of an end by Ctrl-C, and what it left, in a log that programs read: its last line is an event like all others."""
    if not structlog.is_configured():
        events.configure()
    log.info("program_interrupted", left=left)


def speak_discreetly() -> None:
    """Tell of errors that nobody caught in one line, by type and place. Python would print a traceback with the errors' texts,
    which may quote a record.
    """
    sys.excepthook = lambda _kind, error, _trace: _uncaught(error, where="main")
    threading.excepthook = lambda told: _uncaught(told.exc_value, where="thread")
    sys.unraisablehook = lambda told: _uncaught(told.exc_value, where="clean-up")


def _uncaught(error: BaseException | None, *, where: str) -> None:
    if error is None or isinstance(error, SystemExit):
        return
    log.error("error_uncaught", where=where, error=spoken(error), cause=cause_of(error), stack=stack_of(error))


def tell_ready() -> None:
    """Tell the supervisor that this worker could begin: whatever ends it from now on is worth another try."""
    _tell({"ready": True})


def tell_served(url: str) -> None:
    """Tell the supervisor where this worker says that it lives."""
    _tell({"served": url})


def _tell(word: dict[str, object]) -> None:
    """Write one line into the supervisor's pipe, if there is a supervisor."""
    if descriptor := os.environ.get(WORDS_VARIABLE):
        os.write(int(descriptor), orjson.dumps(word) + b"\n")
