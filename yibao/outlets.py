"""Standard output and standard error, whatever encoding they have and whatever is at their other end. Standard library only: the
set-up uses it, too.

A character that the encoding lacks is written as an escape and is never an error: a name in Chinese must not end a command on a
terminal that has no Chinese. Standard output that takes nothing (a full disk, a closed pipe) raises `OutputLost` once: the result
did not arrive, and whoever waits for it must not read success. Standard error that takes nothing is given up in silence: a worker
delivers without its log, too.
"""

import codecs
import io
import json
import os
import select
import sys
from typing import Final, TextIO, cast

from streams.errors import YibaoError

_ESCAPED: Final = "yibao.escaped"
_DRAWN: Final = {"…": "...", "─": "-", "━": "-", "╸": "-", "╺": "-", "│": "|", "•": "*"}
"""Replacements for what tables and bars draw. Other characters become escapes as JSON has them, so that `-o json` stays exact."""


class OutputLost(YibaoError):
    """Standard output took less than what was written."""


class Outlet(io.TextIOBase):
    """A text stream over a descriptor, without a buffer: an error comes where something is written, and never after the end.

    forgiving: what cannot be written is dropped, instead of raising OutputLost.
    """

    def __init__(self, descriptor: int, *, encoding: str, forgiving: bool) -> None:
        self._descriptor = descriptor
        self._encoding = encoding
        self._forgiving = forgiving

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read only, as that of every stream that is open
        """The encoding that the reader at the other end expects."""
        return self._encoding

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How characters are written that the encoding lacks: as escapes."""
        return _ESCAPED

    def write(self, text: str, /) -> int:
        """Write all of it now. Raises OutputLost the first time that it cannot. After that, and always where it is forgiving, what
        cannot be written is dropped.
        """
        data = memoryview(text.encode(self._encoding, _ESCAPED))
        try:
            while data:
                data = data[self._write_some(data) :]
        except OSError as error:
            if not self._forgiving:
                self._forgiving = True
                raise OutputLost(f"standard output does not take the whole result: {error.strerror}") from error
        return len(text)

    def _write_some(self, data: memoryview) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # whoever shares it made it non-blocking
            select.select([], [self._descriptor], [])
            return 0

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Always."""
        return True


def settle() -> None:
    """Put outlets in the place of this process's own streams. A stream that somebody else put there already stays.

    A descriptor that was closed before the start is occupied: otherwise the next file that is opened would get its number, and what
    is printed would be written into that file.
    """
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            _occupy(descriptor, mode)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False)
    codecs.register_error(_ESCAPED, _escaped)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _outlet(sys.stdout, 1, forgiving=False)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _outlet(sys.stderr, 2, forgiving=True)


def _occupy(descriptor: int, mode: int) -> None:
    """Open /dev/null as this descriptor. Standard output that is opened for reading only makes every write an error: whoever closed
    it would otherwise read success without having got the result.
    """
    null = os.open(os.devnull, mode)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)


def _outlet(stream: TextIO | None, descriptor: int, *, forgiving: bool) -> TextIO:
    encoding = "utf-8" if stream is None else stream.encoding
    return cast("TextIO", Outlet(descriptor, encoding=encoding, forgiving=forgiving))


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_DRAWN.get(sign) or json.dumps(sign)[1:-1] for sign in lost), error.end
