"""A stage's state on disk: a RocksDB per worker process, with a key range per partition (of the place stage: per source).

Changes and the position of the changelog behind them are one write batch, so that a crash leaves an exact prefix. What is on disk
is a copy of `visit.state` or `place.state.<source>`: a folder that is lost or broken is made anew and read again.

Keys: 2 bytes partition, then `e` and the state key → value; `d` and the state key of an entry that waits → its deadline; `i` and a
place in the index (`streams.domain.join.indexed`) → nothing; `m` → identity, position and, where there is an index, as text how
that is made. A copy of another form is made anew; one without this index gets it from its own entries.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
import structlog
from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch

from streams.domain.join.entries import SEPARATOR, awaits_lookup, is_row, lookup_deadline, visit_key_of
from streams.domain.join.indexed import Index
from streams.errors import Fatal, Misconfigured
from streams.lanes.exits import Exit
from streams.lanes.join.store import Changes, Deadlines, Entries, Groups, Places, grouped
from streams.private_files import private_folder

_CACHE_BYTES: Final = 32 << 20
_BLOCK_BYTES: Final = 16 << 10
"""About the size of a visit with its lines."""

_FILE_BYTES: Final = 8 << 20
"""Small, so that the index of a file fits into the cache: one that does not is read again for every row, at 0.3 ms."""

_MEMTABLE_BYTES: Final = 8 << 20
_LOG_BYTES: Final = 64 << 20
_OPEN_FILES: Final = 512
_OF_ANOTHER_WORKER: Final = ("while lock file", "lock hold by current process")
_DAMAGED: Final = "corruption"
_OF_THE_DISK: Final = ("no space", "permission denied", "read-only", "input/output error")
_MADE_BY_ROCKSDB: Final = re.compile(
    r"CURRENT|IDENTITY|LOCK|LOG(\.old\.\d+)?|MANIFEST-\d+|OPTIONS-\d+(\.dbtmp)?|\d+\.(sst|log|blob|dbtmp)|rocksdict-config\.json"
)
_ENTRY, _DEADLINE, _INDEX, _META = b"e", b"d", b"i", b"m"
_AT_ONCE: Final = 10_000
_NOWHERE: Final[Places] = {}
_BEHIND_A_VISIT: Final = SEPARATOR + b"\xff"

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


class RocksStores:
    """The stores of all partitions of one process, in `folder`, which belongs to this process alone. topic: what they are a copy
    of.

    Raises Misconfigured where another process uses the folder, Fatal where nothing can be written there.
    """

    def __init__(self, folder: Path, *, topic: str = "visit.state") -> None:
        self.folder = folder
        self._topic = topic
        self._database = _open(folder, topic)

    def of(self, partition: int) -> "RocksStore":
        """The store of one partition."""
        return RocksStore(self._database, partition, folder=self.folder, topic=self._topic)

    async def close(self) -> None:
        """Close the database. A write that fails here loses nothing: the changelog has it."""
        try:
            self._database.close()
        except Exception as exc:  # noqa: BLE001 - the binding raises plain exceptions
            _log.warning("state_copy_close_failed", folder=str(self.folder), reason=_reason(exc))


class RocksStore:
    """The entries of one partition."""

    def __init__(self, database: Rdict, partition: int, *, folder: Path, topic: str) -> None:
        self._database = database
        self._topic = topic
        self._folder = folder
        self._prefix = partition.to_bytes(2, "big")
        self._entries, self._waiting, self._found, self._meta = (self._prefix + one for one in (_ENTRY, _DEADLINE, _INDEX, _META))
        self._identity: tuple[str, ...] = ("",)
        """Of the entries, and of the index where there is one."""

    def open(self, identity: str, index: Index | None = None) -> int:
        """The offset in the changelog up to which the entries are known; 0 for another `identity`, whose entries are dropped.

        index: how entries are found; None: not at all.
        """
        self._identity = (identity,) if index is None else (identity, index.form)
        match self._known():
            case [known, int(position)] | [known, int(position), str()] as told if known == identity:
                if index is not None and told[2:] != [index.form]:
                    self._done(lambda: self._index_anew(index, position))
                return position
            case _:
                self.clear()
                return 0

    def _index_anew(self, index: Index, position: int) -> None:
        """Make the index from the entries, and what it says of lookups. What ends in the middle begins anew at the next start."""
        self._database.delete_range(self._found, self._prefix + bytes([_INDEX[0] + 1]))
        batch = WriteBatch(raw_mode=True)
        for key, value in self._from(self._entries):
            for place in index.all_places(key, value):
                batch.put(self._found + b"".join(place), b"")
            if is_row(key) and awaits_lookup(value):
                batch.put(self._waiting + key, b"%d" % lookup_deadline(value))
            if batch.len() >= _AT_ONCE:
                self._database.write(batch)
                batch = WriteBatch(raw_mode=True)
        batch.put(self._meta, self._told(position))
        self._database.write(batch)

    def _told(self, position: int) -> bytes:
        return orjson.dumps([self._identity[0], position, *self._identity[1:]])

    def _known(self) -> object:
        """What the copy says of itself: identity and position, and more of it where another version made it."""
        found = self._done(lambda: self._database.get(self._meta))
        try:
            return ["", 0] if found is None else orjson.loads(found)
        except orjson.JSONDecodeError:
            return None

    def deadlines(self) -> Iterator[tuple[bytes, int]]:
        """The keys of entries that wait, each with the time (ms) from which on a tick has something to do for it."""
        for key, value in self._done(lambda: list(self._from(self._waiting))):
            yield key, int(value)

    def visit(self, visit_key: bytes) -> Groups:
        """All entries of one visit."""
        begin = visit_key + SEPARATOR
        return self._done(lambda: grouped((begin + rest, value) for rest, value in self._from(self._entries + begin)))

    def few(self, visit_key: bytes, most: int) -> Groups | None:
        """All entries of a visit of so many at most; None where it has more."""
        begin = visit_key + SEPARATOR
        found = self._done(lambda: [*islice(self._from(self._entries + begin), most + 1)])
        return None if len(found) > most else grouped((begin + rest, value) for rest, value in found)

    def group(self, name: bytes) -> Entries:
        """The entries of one group."""
        return self._done(lambda: {name + rest: value for rest, value in self._from(self._entries + name)})

    def found(self, under: bytes) -> list[bytes]:
        """What stands in the index under this: the rest of each entry's key."""
        return self._done(lambda: [rest for rest, _ in self._from(self._found + under)])

    def get(self, key: bytes) -> bytes | None:
        """One entry."""
        return self._done(lambda: self._database.get(self._entries + key))

    def scan(self, prefix: bytes) -> list[bytes]:
        """The keys of the entries that begin with this."""
        return self._done(lambda: [prefix + rest for rest, _ in self._from(self._entries + prefix)])

    def visits_after(self, after: bytes, most: int) -> list[bytes]:
        """The keys of the first visits behind this one, in the order of their bytes."""
        return self._done(lambda: list(islice(self._visits_after(after), most)))

    def _visits_after(self, after: bytes) -> Iterator[bytes]:
        cursor: Any = self._database.iter()
        cursor.seek(self._entries + after + _BEHIND_A_VISIT)
        while cursor.valid() and cursor.key().startswith(self._entries):
            visit_key = visit_key_of(cursor.key()[len(self._entries) :])
            yield visit_key
            cursor.seek(self._entries + visit_key + _BEHIND_A_VISIT)
        cursor.status()

    def write(self, changed: Changes, deadlines: Deadlines, *, position: int, places: Places = _NOWHERE) -> None:
        """Take over changes and the position behind them."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changed.items():
            if value is None:
                batch.delete(self._entries + key)
            else:
                batch.put(self._entries + key, value)
        for key, deadline in deadlines.items():
            if deadline is None:
                batch.delete(self._waiting + key)
            else:
                batch.put(self._waiting + key, b"%d" % deadline)
        for (above, rest), stands in places.items():
            if stands:
                batch.put(self._found + above + rest, b"")
            else:
                batch.delete(self._found + above + rest)
        batch.put(self._meta, self._told(position))
        self._done(lambda: self._database.write(batch))

    def clear(self) -> None:
        """Forget everything."""
        after = (int.from_bytes(self._prefix, "big") + 1).to_bytes(2, "big")
        self._done(lambda: self._database.delete_range(self._prefix, after))

    def _from(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """What stands under a prefix, each key without the prefix."""
        cursor: Any = self._database.iter()
        cursor.seek(prefix)
        while cursor.valid():
            key = cursor.key()
            if not key.startswith(prefix):
                return
            yield key[len(prefix) :], cursor.value()
            cursor.next()
        # A cursor that met an error looks like one at its end, and a visit that cannot be read like one that was never reported.
        cursor.status()

    def _done(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except Exception as exc:  # the binding raises plain exceptions
            if _DAMAGED in str(exc).lower():
                # Opened again, it would look whole until the damaged place is read.
                _drop(self._folder)
            raise _unusable(self._folder, exc, self._topic) from exc


def _open(folder: Path, topic: str) -> Rdict:
    try:
        _demand_copy(folder)
        private_folder(folder)
        return Rdict(str(folder), _options())
    except Misconfigured:
        raise
    except OSError as exc:
        raise _unusable(folder, exc, topic) from exc
    except Exception as exc:
        if any(reason in str(exc).lower() for reason in _OF_ANOTHER_WORKER):
            raise Misconfigured(
                f"{folder} is used by another worker: give each worker of this machine a number of its own with --index, "
                "or a folder with --home"
            ) from exc
        if any(reason in str(exc).lower() for reason in _OF_THE_DISK):
            raise _unusable(folder, exc, topic) from exc
        return _open_anew(folder, topic)


def _demand_copy(folder: Path) -> None:
    """Raises Misconfigured for a folder in which something else lies: RocksDB removes files there as it sees fit."""
    found = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
    if strange := [name for name in found if not _MADE_BY_ROCKSDB.fullmatch(name)]:
        raise Misconfigured(
            f"{folder} holds {strange[0]}, which is no part of a copy of the state: move it away, or choose another folder with "
            "--home or workers.home"
        )


def _open_anew(folder: Path, topic: str) -> Rdict:
    """Drop a copy that cannot be opened and begin an empty one: the changelog has everything."""
    try:
        _drop(folder)
        return Rdict(str(folder), _options())
    except Exception as exc:
        raise _unusable(folder, exc, topic) from exc


def _drop(folder: Path) -> None:
    """Remove what RocksDB made, by its names. The folder itself may be a link, or a disk of its own."""
    _log.warning("state_copy_dropped", folder=str(folder))
    with suppress(OSError):  # what is left keeps the next start from opening it, and that says why
        for file in folder.iterdir():
            if _MADE_BY_ROCKSDB.fullmatch(file.name):
                file.unlink(missing_ok=True)


def _unusable(folder: Path, exc: Exception, topic: str) -> Fatal:
    return Fatal(
        f"the copy of the state in {folder} cannot be used ({_reason(exc)}): free or mend the disk, or choose another "
        f"folder with --home or workers.home. Nothing is lost, it is read again from {topic}",
        exit_code=Exit.STORE,
    )


def _reason(exc: Exception) -> str:
    return str(exc).partition("\n")[0][:200]


def _options() -> Options:
    """Bounded memory: one cache, small memtables. A process may be killed at any moment; the log keeps what it wrote."""
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(_MEMTABLE_BYTES)
    options.set_max_total_wal_size(_LOG_BYTES)
    options.set_max_open_files(_OPEN_FILES)
    options.set_target_file_size_base(_FILE_BYTES)
    tables = BlockBasedOptions()
    tables.set_block_size(_BLOCK_BYTES)
    tables.set_block_cache(Cache(_CACHE_BYTES))
    tables.set_cache_index_and_filter_blocks(True)
    options.set_block_based_table_factory(tables)
    return options
