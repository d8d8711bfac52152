"""The file of the index: where it stands, who writes it, and when it is thrown away.

It is a copy of what stands in the topic, in `workers.home`, for this account alone. One process at a time brings it up to date,
under a lock of the file system; readers never wait for it. A new one is made beside the old one and takes its place as a whole.
"""

import fcntl
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from streams.errors import Misconfigured
from streams.indexes.shape import BOOKKEEPING, Shape
from streams.indexes.unkept import is_full
from streams.private_files import open_private, private_folder

_WAIT_MS: Final = 30_000
_CACHE_KB: Final = 64 * 1024


class Store:
    """folder: for the indexes of one kind, of all sites of this machine. topic: of which it is."""

    def __init__(self, folder: Path, topic: str, shape: Shape) -> None:
        self.folder, self.shape, self._topic = folder, shape, topic
        with suppress(OSError):
            self._prepare()  # whose folder it is not is told at once; a full disk only where something is asked

    def _prepare(self) -> None:
        try:
            private_folder(self.folder)
        except OSError as error:
            if is_full(error):
                raise
            told = f"the folder {self.folder} of an index cannot be made ({error.strerror}): see workers.home"
            raise Misconfigured(told) from error

    @contextmanager
    def alone(self, waits: Callable[[], None]) -> Iterator[None]:
        """While this is open nobody else brings the index up to date, unless somebody deletes the folder meanwhile. waits: called
        where somebody does.
        """
        self._prepare()
        with open_private(self.folder / f"{self._topic}.lock", "ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waits()
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection | None]:
        """The index as it is, for whoever reads or writes it; None where there is none of this form."""
        index = self._open()
        if index is None:
            yield None
            return
        with closing(index):
            yield index

    def build(self, about: Mapping[str, str], fill: Callable[[sqlite3.Connection], None]) -> None:
        """Make the index anew. about: what it is of. fill: writes all rows, without a transaction of its own: it is one file that
        is there whole or not at all. Raises FileNotFoundError where it was deleted meanwhile.
        """
        number = max([0, *self._numbers()]) + 1
        # By a name that nobody else has: where the folder is deleted meanwhile, another process makes an index, too.
        fresh = self.folder / f"{self._topic}.{number}.{secrets.token_hex(4)}.new"
        try:
            self._write(fresh, about, fill)
        except BaseException:
            fresh.unlink(missing_ok=True)  # what is half of an index would keep a full disk full
            raise
        fresh.rename(self._path(number))
        self.drop(but=number)

    def _write(self, fresh: Path, about: Mapping[str, str], fill: Callable[[sqlite3.Connection], None]) -> None:
        with open_private(fresh, "wb"), closing(_connected(fresh)) as index:
            for setting in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", f"cache_size = -{_CACHE_KB}"):
                index.execute(f"PRAGMA {setting}")
            index.executescript(BOOKKEEPING + self.shape.tables)
            index.execute("BEGIN")
            index.executemany("INSERT INTO meta VALUES (?, ?)", [("form", f"{self.shape.form}"), *about.items()])
            fill(index)
            index.execute("COMMIT")
            index.executescript(self.shape.indexes)
            index.execute("PRAGMA locking_mode = NORMAL")
            index.execute("PRAGMA synchronous = FULL")
            index.execute("PRAGMA journal_mode = WAL")

    def drop(self, *, but: int = 0) -> None:
        """Throw indexes away. Who reads one now reads it to the end."""
        for number in self._numbers():
            if number != but:
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self._path(number)}{suffix}").unlink(missing_ok=True)
        for rest in self.folder.glob(f"{self._topic}.*.new*"):
            rest.unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection | None:
        for number in sorted(self._numbers(), reverse=True):
            with suppress(FileNotFoundError), open_private(self._path(number), "ab"):  # tightened first
                index = _connected(self._path(number))
                with suppress(sqlite3.DatabaseError):
                    if _form(index) == f"{self.shape.form}":
                        return index
                index.close()
        return None

    def _numbers(self) -> list[int]:
        names = (one.name.removeprefix(f"{self._topic}.").removesuffix(".db") for one in self.folder.glob(f"{self._topic}.*.db"))
        return [int(name) for name in names if name.isdigit()]

    def _path(self, number: int) -> Path:
        return self.folder / f"{self._topic}.{number}.db"


def _connected(path: Path) -> sqlite3.Connection:
    index = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_WAIT_MS / 1000)
    index.execute("PRAGMA synchronous = NORMAL")
    return index


def _form(index: sqlite3.Connection) -> str:
    found = index.execute("SELECT value FROM meta WHERE name = 'form'").fetchone()
    return f"{found[0]}" if found else ""
