"""Folders and files that only the account of this process reads, whatever the umask is.

What a worker, a simulator or a sandbox's server keeps on a disk may tell of patients. Modes are set here and nowhere else; what
libraries write on their own is covered by `keep_private`.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Literal

from streams.errors import Misconfigured

_OTHERS: Final = 0o077
_TOO_OPEN: Final = 0o067
"""Of a folder. Its group may pass through it (see `let_through`) and neither list nor change it."""


def keep_private() -> None:
    """From now on, what this process and its children make is their account's alone, unless they ask for more."""
    os.umask(_OTHERS)


def private_folder(folder: Path) -> None:
    """Make a folder that only we enter, with the folders above it that are missing; tighten one that is too open, and all in it.

    Raises Misconfigured where it is another account's or its file system keeps no modes, OSError where it cannot be made.
    """
    for place in reversed([place for place in (folder, *folder.parents) if not place.is_dir()]):
        _make(place)
    demand_own(folder)
    if folder.stat().st_mode & _TOO_OPEN:
        folder.chmod(stat.S_IRWXU)  # before what lies in it: nobody else puts anything there meanwhile
        if folder.stat().st_mode & _TOO_OPEN:
            raise _keeps_no_modes(folder)
        for below in _everything_in(folder):
            _tighten(below)


def let_through(folder: Path, group: int) -> None:
    """Let a group pass through a folder of ours, to what it may enter below; it cannot list the folder, and nobody else passes."""
    os.chown(folder, -1, group)
    folder.chmod(stat.S_IRWXU | stat.S_IXGRP)


def demand_own(path: Path) -> None:
    """Raises Misconfigured for a path that is another account's: who owns it can read it, or take it away."""
    _demand_own(path.stat().st_uid, path)


def open_private(path: Path, mode: Literal["wb", "ab"]) -> BinaryIO:
    """Open a file that only we read, for writing. One that is there is tightened first; another account's is left as it is.

    Raises Misconfigured where it is another account's or its file system keeps no modes, OSError where it cannot be made.
    """
    descriptor = private_descriptor(path, append=mode == "ab")
    if mode == "wb" and stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.ftruncate(descriptor, 0)
    return os.fdopen(descriptor, mode)


def private_descriptor(path: Path, *, append: bool) -> int:
    """As `open_private`, for reading too, and with everything that stands in the file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | (os.O_APPEND if append else 0), 0o600)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            _close_to_others(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_private(path: Path, text: str) -> None:
    """Write a file that only we read, so that it is there whole or not at all. Raises OSError where it cannot be made.

    Two processes may write the same file; the name beside it, `<name>.` and some letters, is each one's own.
    """
    descriptor, fresh = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _close_to_others(descriptor, Path(fresh))
            file.write(text.encode())
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=stat.S_IRWXU)
    except FileExistsError:  # another process of ours may have made it at the same moment
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from None
    else:
        folder.chmod(stat.S_IRWXU)  # a umask may have taken from us


def _close_to_others(descriptor: int, path: Path) -> None:
    found = os.fstat(descriptor)
    _demand_own(found.st_uid, path)
    if stat.S_IMODE(found.st_mode) != stat.S_IRUSR | stat.S_IWUSR:
        os.fchmod(descriptor, stat.S_IRUSR | stat.S_IWUSR)
        if os.fstat(descriptor).st_mode & _OTHERS:
            raise _keeps_no_modes(path)


def _keeps_no_modes(path: Path) -> Misconfigured:
    return Misconfigured(f"others can read {path}, and its file system keeps no modes: choose a place on another")


def _demand_own(owner: int, path: Path) -> None:
    if owner != os.geteuid():
        raise Misconfigured(
            f"{path} belongs to another account (user id {owner}, we are {os.geteuid()}): run as that user, or choose another place"
        )


def _everything_in(folder: Path) -> Iterator[Path]:
    """Every folder and file below, without following links."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))


def _tighten(path: Path) -> None:
    with suppress(FileNotFoundError):  # a server that runs on this folder takes files away
        found = path.lstat()
        if found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode) and found.st_mode & _OTHERS:
            path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
