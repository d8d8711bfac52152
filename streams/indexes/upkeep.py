"""Keep the index up to date with the topic: read on from where it stands, or make it anew where that would not be the truth.

It is made anew where there is none, it is damaged or of another form, the topic is another one (deleted and created again), ends
before what was read, or begins behind it. Who asks of some partitions has only these read: of the others the index knows less.
"""

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from errno import ENOENT
from typing import Final, TypeVar

from streams.errors import Misconfigured
from streams.indexes.rare_collections import rare_collections
from streams.indexes.shape import Filling, Writing
from streams.indexes.store import Store
from streams.topics.access import BrokerAccess
from streams.topics.broker import Broker
from streams.topics.offsets import Reach
from streams.topics.onward import Onward
from streams.topics.whole import OnProgress

_COMMIT_EVERY: Final = 20_000
"""Messages."""
_READ_AT: Final = "read at "
"""Begin of the names in `meta` under which stands when (ms) a partition was read last; its number follows."""
_PRIMARY: Final = 0xFF
_OF_THE_PLACE: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN}
)
"""Errors that a new index would meet, too."""
_OF_THE_FILE: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
"""Of these, errors that SQLite has of a file that is gone."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How far an index is."""

    complete: bool
    """Whether it holds all that the topic held when it was asked. False when the time was up."""
    built: str
    """Why it was made anew; `""` where it was not."""
    read: int
    """Messages that were read for it now."""
    foreign: int
    """Messages of the topic that are none of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """An index, and the topic that it follows."""

    store: Store
    """Where it stands."""
    access: BrokerAccess
    """How to reach the brokers."""
    topic: str
    """Of which it is."""
    client_id: str
    """Our name at the brokers."""
    deadline_s: float = 300.0
    """So long it may read."""
    on_progress: OnProgress = lambda _read, _total: None
    """Told of messages read and to be read."""
    waits: Callable[[], None] = lambda: None
    """Called where another process reads, and this one waits for it."""

    def ask(
        self, question: Callable[[sqlite3.Connection], Answer], *, partitions: Collection[int] | None = None
    ) -> tuple[Answer, Freshness]:
        """What the index answers, up to date. It is made anew where it turns out to be damaged, and asked again.

        partitions: of which the question is; None: of all. Raises as `Onward`, and Misconfigured where its folder is not to be had,
        or full.
        """
        anew = ""
        for last in (False, True):
            try:
                return self._asked(question, partitions, anew=anew)
            except (sqlite3.DatabaseError, OSError) as error:
                anew = self._cured_anew(error)
                if last or not anew:
                    raise self._not_to_be_had(error) from error
        raise AssertionError("unreachable")

    def _cured_anew(self, error: sqlite3.DatabaseError | OSError) -> str:
        """Why another try makes the index anew; `""` where a new one would fail, too."""
        code = getattr(error, "sqlite_errorcode", 0)
        gone = isinstance(error, FileNotFoundError) or code == sqlite3.SQLITE_READONLY_DBMOVED
        if gone or (code & _PRIMARY in _OF_THE_FILE and not self.store.folder.is_dir()):
            return "it was deleted while it was read"  # as anybody may
        return "" if isinstance(error, OSError) or code & _PRIMARY in _OF_THE_PLACE else "it was damaged"

    def _asked(
        self, question: Callable[[sqlite3.Connection], Answer], partitions: Collection[int] | None, *, anew: str
    ) -> tuple[Answer, Freshness]:
        freshness = self._fresh(anew, partitions)
        with self.store.opened() as index:
            if index is None:
                raise FileNotFoundError(ENOENT, "it was deleted")
            index.execute("BEGIN")  # all that is asked is of one moment
            return question(index), freshness

    def _not_to_be_had(self, error: sqlite3.DatabaseError | OSError) -> Misconfigured:
        why = error.strerror if isinstance(error, OSError) else error
        told = f"the index of {self.topic} in {self.store.folder} cannot be used ({why})"
        return Misconfigured(f"{told}: is there room, and is it this account's? See workers.home; it may be deleted at any time")

    def _fresh(self, anew: str, partitions: Collection[int] | None) -> Freshness:
        until = time.monotonic() + self.deadline_s
        with self.store.alone(self.waits), rare_collections(), Broker(self.access) as broker:
            reach = broker.reach(self.topic)
            if not reach:
                where = f"Kafka at {self.access.bootstrap_servers} has no topic {self.topic}"
                raise Misconfigured(f"{where}: create it with `yibao topics apply`, or check kafka.topic_prefix")
            topic_id = broker.topic_id(self.topic).hex()
            asked = sorted(reach if partitions is None else reach.keys() & {*partitions})
            why, found = (anew, None) if anew else self._brought(reach, asked, topic_id, until)
            return found or self._built(reach, asked, topic_id, until, why)

    def _brought(
        self, reach: Mapping[int, Reach], asked: Collection[int], topic_id: str, until: float
    ) -> tuple[str, Freshness | None]:
        """The index after reading on; None, and why, where it must be made anew."""
        with self.store.opened() as index:
            if index is None:
                return "there was none of this form", None
            if why := _objection(index, reach, topic_id) or self.store.shape.objection(index):
                return why, None
            wanted, stands = {number: reach[number] for number in asked}, _positions(index)
            if all(stands[number] >= one.end for number, one in wanted.items()) and not _begins_later(index, wanted):
                self._note(index, asked)
                return "", Freshness(complete=True, built="", read=0, foreign=_foreign(index))
            with Onward(self.access, self.topic, asked, client_id=self.client_id) as topic:
                return "", self._read_on(index, topic, until)

    def _read_on(self, index: sqlite3.Connection, topic: Onward, until: float) -> Freshness:
        reach = topic.reach()
        index.execute("BEGIN IMMEDIATE")
        try:
            writing = self.store.shape.writing(index)
            if begins := _begins_later(index, reach):
                writing.forget(begins)
                moved = [(at, at, one) for one, at in begins.items()]
                index.executemany("UPDATE positions SET begin = ?, offset = max(offset, ?) WHERE partition = ?", moved)
            if stale := self._stale(index, reach):
                writing.forget({number: reach[number].end for number in stale})
                index.executemany("UPDATE positions SET offset = begin WHERE partition = ?", [(number,) for number in stale])
            read = self._read(index, writing, topic, reach, until, between=lambda: _keep(index))
        except BaseException:
            index.rollback()
            raise
        self._note(index, reach)
        index.execute("COMMIT")
        return _freshness(index, reach, built="", read=read)

    def _built(self, there: Mapping[int, Reach], asked: Collection[int], topic_id: str, until: float, why: str) -> Freshness:
        with Onward(self.access, self.topic, asked, client_id=self.client_id) as topic:
            reach, read = topic.reach(), 0

            def fill(index: sqlite3.Connection) -> None:
                nonlocal read
                rows = [(number, one.begin, one.begin) for number, one in ({**there, **reach}).items()]
                index.executemany("INSERT INTO positions VALUES (?, ?, ?)", rows)
                filling = self.store.shape.filling(index)
                read = self._read(index, filling, topic, reach, until, between=lambda: None)
                filling.finish()
                self._note(index, reach)

            self.store.build({"topic": self.topic, "topic_id": topic_id, "foreign": "0"}, fill)
        with self.store.opened() as index:
            assert index is not None
            return _freshness(index, reach, built=why, read=read)

    def _stale(self, index: sqlite3.Connection, reach: Mapping[int, Reach]) -> list[int]:
        """The partitions in which something may have gone without a trace since they were read."""
        pause, stands = self.store.shape.longest_pause_ms, _positions(index)
        read = {number: int(_meta(index, f"{_READ_AT}{number}") or 0) for number in reach} if pause else {}
        return [number for number, at in read.items() if _now_ms() - at > pause and stands[number] < reach[number].end]

    def _note(self, index: sqlite3.Connection, numbers: Iterable[int]) -> None:
        """Note when these partitions were read, where that is asked for later."""
        if self.store.shape.longest_pause_ms:
            read = [(f"{_READ_AT}{number}", f"{_now_ms()}") for number in numbers]
            index.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", read)

    def _read(  # noqa: PLR0913 - what is read, into what
        self,
        index: sqlite3.Connection,
        writing: Writing | Filling,
        topic: Onward,
        reach: Mapping[int, Reach],
        until: float,
        *,
        between: Callable[[], object],
    ) -> int:
        stands, ends = _positions(index), {number: one.end for number, one in reach.items()}
        starts = {number: stands[number] for number in ends}
        total = sum(ends.values()) - sum(starts.values())
        before, read, pending = _foreign(index), 0, 0
        for messages, positions in topic.read(starts, ends, deadline_s=until - time.monotonic()):
            writing.take(messages)
            read, pending = read + len(messages), pending + len(messages)
            index.executemany("UPDATE positions SET offset = ? WHERE partition = ?", [(at, one) for one, at in positions.items()])
            index.execute("UPDATE meta SET value = ? WHERE name = 'foreign'", (f"{before + writing.foreign}",))
            if pending >= _COMMIT_EVERY:
                between()
                pending = 0
            self.on_progress(total - sum(max(0, end - positions[one]) for one, end in ends.items()), total)
        return read


def _keep(index: sqlite3.Connection) -> None:
    """Keep what was written so far. By two statements: a script commits by itself before its first one."""
    index.execute("COMMIT")
    index.execute("BEGIN IMMEDIATE")


def _objection(index: sqlite3.Connection, reach: Mapping[int, Reach], topic_id: str) -> str:
    stands, was = _positions(index), _meta(index, "topic_id")
    began = dict(index.execute("SELECT partition, begin FROM positions"))
    if was != topic_id or stands.keys() != reach.keys():
        return "the topic is another one"
    if any(stands[number] > one.end for number, one in reach.items()):
        return "the topic ends before what was read of it"
    if any(began[number] < stands[number] < one.begin for number, one in reach.items()):
        return "the topic begins behind what was read of it"
    return ""


def _begins_later(index: sqlite3.Connection, reach: Mapping[int, Reach]) -> dict[int, int]:
    """Where the topic dropped what is in the index."""
    began = dict(index.execute("SELECT partition, begin FROM positions"))
    return {number: one.begin for number, one in reach.items() if one.begin > began[number]}


def _freshness(index: sqlite3.Connection, reach: Mapping[int, Reach], *, built: str, read: int) -> Freshness:
    stands = _positions(index)
    complete = all(stands[number] >= one.end for number, one in reach.items())
    return Freshness(complete=complete, built=built, read=read, foreign=_foreign(index))


def _positions(index: sqlite3.Connection) -> dict[int, int]:
    return dict(index.execute("SELECT partition, offset FROM positions"))


def _foreign(index: sqlite3.Connection) -> int:
    return int(_meta(index, "foreign"))


def _meta(index: sqlite3.Connection, name: str) -> str:
    found = index.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return f"{found[0]}" if found else ""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
