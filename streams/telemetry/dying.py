"""How a worker ends when it must: one event that says why, a last word for the supervisor, and no clean-up.

Nothing is aborted or repaired here. A clean-up that runs after a doubt can commit what must not be committed; the next owner's
fence does both.
"""

import os
import sys
from typing import Final, NoReturn

import orjson
import structlog

from streams.errors import Fatal
from streams.telemetry.discretion import cause_of, stack_of

WORDS_VARIABLE: Final = "YIBAO_SUPERVISOR_FD"

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
