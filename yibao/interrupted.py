"""What Ctrl-C leaves behind, and how that is cleaned. Exit code 130.

A verb that starts or changes something says so around it; where nothing is said, nothing was changed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

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
