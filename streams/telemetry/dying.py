"""How a worker ends when it must: one event that says why, a last word for the supervisor, and no clean-up.

Nothing is aborted or repaired here. A clean-up that runs after a doubt can commit what must not be committed; the next owner's
fence does both.
"""

import os
import sys
import traceback
from pathlib import PurePath
from typing import Final, NoReturn

import orjson
import structlog

from streams.errors import Fatal, YibaoError

WORDS_VARIABLE: Final = "YIBAO_SUPERVISOR_FD"
_FRAMES = 8

log = structlog.get_logger()


def die(reason: Fatal) -> NoReturn:
    """End the process now, with the exit code of `reason`."""
    log.error("worker_died", reason=f"{reason}", exit_code=int(reason.exit_code), cause=cause_of(reason), stack=stack_of(reason))
    _tell({"exit_code": int(reason.exit_code), "reason": f"{reason}"})
    sys.stderr.flush()
    os._exit(reason.exit_code)


def tell_ready() -> None:
    """Tell the supervisor that this worker could begin: whatever ends it from now on is worth another try."""
    _tell({"ready": True})


def _tell(word: dict[str, object]) -> None:
    """Write one line into the supervisor's pipe, if there is a supervisor."""
    if descriptor := os.environ.get(WORDS_VARIABLE):
        os.write(int(descriptor), orjson.dumps(word) + b"\n")


def cause_of(error: BaseException) -> str:
    """The chain of causes by type. The text of an error that is not ours may hold what a record held and is left out."""
    names = []
    cause = error.__cause__
    while cause is not None:
        names.append(f"{type(cause).__name__}: {cause}" if isinstance(cause, YibaoError) else type(cause).__name__)
        cause = cause.__cause__
    return " < ".join(names)


def stack_of(error: BaseException) -> str:
    """Where the first cause was raised: files, lines and functions, without any value."""
    first = error
    while first.__cause__ is not None:
        first = first.__cause__
    frames = traceback.extract_tb(first.__traceback__)[-_FRAMES:]
    return " ".join(f"{PurePath(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames)
