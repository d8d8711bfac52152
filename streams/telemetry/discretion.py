"""What may be logged of an error. The text of an error that is not ours may quote a record, and records are patients' data."""

import logging
import re
import traceback
from collections.abc import Sequence
from pathlib import PurePath

from streams.errors import YibaoError

_FRAMES = 8
_SPEAKING = ("aiokafka", "kafka")
_QUOTES = re.compile(r"[\n(<]")


def spoken(error: BaseException) -> str:
    """The error's type, and its text where that cannot hold what a record held."""
    named = type(error).__name__
    harmless = isinstance(error, YibaoError | OSError) or type(error).__module__.partition(".")[0] in _SPEAKING
    text = f"{error}" if harmless else ""
    return text if text.startswith(named) else f"{named}: {text}".removesuffix(": ")


def chain(error: BaseException) -> Sequence[BaseException]:
    """An error and its causes. One that is raised from itself, as Faust's worker does with what ended it, is its own cause."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and not any(one is other for other in found):
        found.append(one)
        one = one.__cause__
    return found


def cause_of(error: BaseException) -> str:
    """The chain of causes."""
    return " < ".join(map(spoken, chain(error)[1:]))


def stack_of(error: BaseException) -> str:
    """Where the first cause was raised: files, lines and functions, without any value."""
    first = chain(error)[-1]
    frames = traceback.extract_tb(first.__traceback__)[-_FRAMES:]
    return " ".join(f"{PurePath(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames)


class Discreet(logging.Filter):
    """Takes the text of errors out of what libraries log: out of the arguments and out of the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always lets the line through."""
        if isinstance(record.args, tuple):
            record.args = tuple(spoken(one) if isinstance(one, BaseException) else one for one in record.args)
        if record.name == "asyncio":
            # What it says happened, without the callbacks, tasks and errors that it then writes whole.
            record.msg, record.args = _QUOTES.split(record.getMessage(), maxsplit=1)[0].rstrip(), ()
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            record.msg = f"{record.getMessage()} [{spoken(error)}] {cause_of(error)} {stack_of(error)}".rstrip()
            record.args = ()
        record.exc_info = record.exc_text = None
        return True
