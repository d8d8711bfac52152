"""Files that people name, read within bounds of size and time: the name may be that of a pipe, a device or a full disk's image.

Standard library only. What does not fit raises an OSError whose `strerror` says why, as a file does that cannot be read: whoever
reads a file has one kind of failure to tell.
"""

import codecs
import errno
import os
import select
import stat
import time
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 64 << 10
"""More than any key, password or header has."""
TEXT_BYTES: Final = 2 << 20
"""More than any file that a person writes has; certificates of all authorities are 0.3 MiB."""
LIST_BYTES: Final = 64 << 20
"""More than a province's value lists have."""

_PIPE_S: Final = 10.0
_CHUNK: Final = 1 << 16
_OTHER: Final = ((stat.S_ISDIR, "a directory"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a disk"), (stat.S_ISSOCK, "a socket"))


class NotText(ValueError):
    """Bytes that are no text in UTF-8; the error's text says what they are instead. line: where, from 1."""

    def __init__(self, what: str, *, line: int | None = None) -> None:
        super().__init__(what)
        self.line = line


def read_bounded(path: Path, *, most: int, within_s: float = _PIPE_S) -> bytes:
    """The content of a file, or of a pipe once: `<(…)` of a shell is one.

    Raises OSError also for a file of more than `most` bytes, for a pipe whose writer is not done within `within_s` seconds, and for
    what is neither.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISFIFO(found.st_mode):
            return _read_pipe(descriptor, path, most=most, within_s=within_s)
        _demand_regular(found, path, most=most)
        return _read(descriptor, path, most=most)
    finally:
        os.close(descriptor)


def text_in(content: bytes) -> str:
    """The text, with or without a byte-order mark. Raises NotText."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise NotText("is UTF-16, which Windows' editors call Unicode: save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotText("is not UTF-8 (GBK, perhaps): save it as UTF-8", line=line) from None
    if (at := text.find("\0")) >= 0:
        raise NotText("holds a NUL character: it is no text, or UTF-16; save it as UTF-8", line=text.count("\n", 0, at) + 1)
    return text


def demand_file(path: Path, *, most: int) -> None:
    """Raises OSError as `read_bounded` does, and for a pipe: for files that a library opens by their name, again and again."""
    _demand_regular(path.stat(), path, most=most)


def is_pipe(path: Path) -> bool:
    """Whether it can be read once only. False where nothing is."""
    try:
        return path.is_fifo()
    except OSError:
        return False


def _demand_regular(found: os.stat_result, path: Path, *, most: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for is_one, name in _OTHER if is_one(found.st_mode)), "a pipe")
        raise OSError(errno.EINVAL, f"it is {kind}, and a file is wanted", str(path))
    if found.st_size > most:
        raise _too_large(path, most)


def _read(descriptor: int, path: Path, *, most: int) -> bytes:
    got = bytearray()
    while part := os.read(descriptor, _CHUNK):
        got += part
        if len(got) > most:  # it grows, or tells no size as those under /proc do
            raise _too_large(path, most)
    return bytes(got)


def _read_pipe(descriptor: int, path: Path, *, most: int, within_s: float) -> bytes:
    """Read to the end that a writer makes. A pipe without a writer yet reads as ended: only an event tells the difference."""
    until = time.monotonic() + within_s
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    got = bytearray()
    while (left_s := until - time.monotonic()) > 0 and waiting.poll(left_s * 1000):
        try:
            part = os.read(descriptor, _CHUNK)
        except BlockingIOError:  # somebody else reads it, too
            continue
        if not part:
            return bytes(got)
        got += part
        if len(got) > most:
            raise _too_large(path, most)
    raise OSError(errno.ETIMEDOUT, f"it is a pipe whose writer was not done within {within_s:.0f} s; name a file", str(path))


def _too_large(path: Path, most: int) -> OSError:
    limit = f"{most >> 20} MiB" if most >= 1 << 20 else f"{most >> 10} KiB"
    return OSError(errno.EFBIG, f"it holds more than {limit}, so it is not the file that is meant", str(path))
