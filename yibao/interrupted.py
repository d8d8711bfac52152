"""What Ctrl-C leaves behind, and how that is cleaned. Exit code 130.

A verb that starts or changes something says so around it; where nothing is said, nothing was changed.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

from streams.errors import YibaoError

EXIT_CODE: Final = 130
NOTHING: Final = "nothing was started or changed"


class Interrupted(YibaoError):
    """Somebody ended it on purpose. The text says what is left."""


@contextmanager
def leaving(left: str | Callable[[], str]) -> Iterator[None]:
    """What an interruption of what is done here leaves. Called, where it depends on how far it came."""
    try:
        yield
    except KeyboardInterrupt as interruption:
        raise Interrupted(left if isinstance(left, str) else left()) from interruption


@contextmanager
def before_anything_begins() -> Iterator[None]:
    """Where modules are loaded: an interruption ends the process at once. Some libraries catch it there and fail by it, with a
    screen full of their own.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # whoever started this may have it ignored
        yield
        return
    signal.signal(signal.SIGINT, _end_now)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_now(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.stderr.write(f"interrupted: {NOTHING}\n")
    sys.stderr.flush()
    os._exit(EXIT_CODE)
