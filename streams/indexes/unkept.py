"""Where a disk is full: an index in memory, for one answer."""

import errno
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Final

from streams.indexes.bookkeeping import begin_with
from streams.indexes.shape import BOOKKEEPING, Shape
from streams.topics.offsets import Reach

MOST_BYTES: Final = 2 * 1024**3
"""Of memory, for one answer: beyond it there is none."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
_PRIMARY: Final = 0xFF
_UNWRITTEN: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})


def is_full(error: sqlite3.DatabaseError | OSError) -> bool:
    """Whether nothing can be written there: the disk or a quota is full, or the file system is mounted to be read alone. SQLite
    says of such a disk that it cannot read, write or open what it needs beside the index, too.
    """
    if isinstance(error, OSError):
        return error.errno in _FULL
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _UNWRITTEN


@contextmanager
def in_memory(shape: Shape, reach: Mapping[int, Reach]) -> Iterator[sqlite3.Connection]:
    """An empty index, without the indexes of its tables, for as long as this is open."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as index:
        (page_bytes,) = index.execute("PRAGMA page_size").fetchone()
        index.execute(f"PRAGMA max_page_count = {MOST_BYTES // page_bytes}")
        index.execute("PRAGMA temp_store = MEMORY")  # else what it sorts goes to a disk, which may be the full one
        index.executescript(BOOKKEEPING + shape.tables)
        index.execute("INSERT INTO meta VALUES ('foreign', '0')")
        begin_with(index, reach)
        yield index
