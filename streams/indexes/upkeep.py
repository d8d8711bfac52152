"""Keep the index up to date with the topic: read on from where it stands, or make it anew where that would not be the truth.

It is made anew where there is none, it is damaged or of another form, the topic is another one (deleted and created again), ends
before what was read, or begins behind it. Who asks of some partitions has only these read: of the others the index knows less.
"""

import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from errno import ENOENT
from typing import Final, NamedTuple, TypeVar

from streams.errors import Misconfigured
from streams.indexes.bookkeeping import begin_with, begins_later, foreign, forget, note, objection, positions
from streams.indexes.rare_collections import rare_collections
from streams.indexes.searched import is_searched, lent, take_found, unread
from streams.indexes.shape import Filling, Writing
from streams.indexes.store import Store
from streams.indexes.unkept import in_memory, is_full
from streams.topics.access import BrokerAccess
from streams.topics.at_places import read_at
from streams.topics.batches import Sought
from streams.topics.broker import Broker
from streams.topics.offsets import Reach
from streams.topics.onward import Onward
from streams.topics.searching import Search
from streams.topics.whole import OnProgress

_COMMIT_EVERY: Final = 20_000
"""Messages."""
_PRIMARY: Final = 0xFF
_OF_THE_PLACE: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN}
)
"""Errors that a new index would meet, too."""
_OF_THE_FILE: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
"""Of these, errors that SQLite has of a file that is gone."""

Answer = TypeVar("Answer")


class _There(NamedTuple):
    """The topic as it is."""

    reach: Mapping[int, Reach]
    topic_id: str
    asked: Sequence[int]
    """The partitions of which the question is."""


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
    searched: int = 0
    """Messages that are not in the index, and were searched for what is looked for."""


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
    unkept: Callable[[str], None] = lambda _why: None
    """Called with the reason where nothing can be written into its folder: the topic is read for this answer alone."""

    def ask(
        self,
        question: Callable[[sqlite3.Connection], Answer],
        *,
        partitions: Collection[int] | None = None,
        sought: Sought | None = None,
    ) -> tuple[Answer, Freshness]:
        """What the index answers, up to date. It is made anew where it turns out to be damaged, and asked again.

        partitions: of which the question is; None: of all. sought: finds every message that tells something for the question; None:
        nobody can say that. Where its disk is full, it is made in memory, for this answer alone. Raises as `Search`, and
        Misconfigured where its folder is not to be had, or memory does not do.
        """
        anew = ""
        for last in (False, True):
            try:
                return self._asked(question, partitions, sought, anew=anew)
            except (sqlite3.DatabaseError, OSError) as error:
                anew = self._cured_anew(error)
                if not anew and is_full(error):
                    return self._unkept(question, partitions, sought, self._reason(error))
                if last or not anew:
                    raise self._not_to_be_had(self._reason(error)) from error
        raise AssertionError("unreachable")

    def _cured_anew(self, error: sqlite3.DatabaseError | OSError) -> str:
        """Why another try makes the index anew; `""` where a new one would fail, too."""
        code = getattr(error, "sqlite_errorcode", 0)
        gone = isinstance(error, FileNotFoundError) or code == sqlite3.SQLITE_READONLY_DBMOVED
        if gone or (code & _PRIMARY in _OF_THE_FILE and not self.store.folder.is_dir()):
            return "it was deleted while it was read"  # as anybody may
        return "" if isinstance(error, OSError) or code & _PRIMARY in _OF_THE_PLACE else "it was damaged"

    def _asked(
        self,
        question: Callable[[sqlite3.Connection], Answer],
        partitions: Collection[int] | None,
        sought: Sought | None,
        *,
        anew: str,
    ) -> tuple[Answer, Freshness]:
        until = time.monotonic() + self.deadline_s
        with self.store.alone(self.waits), rare_collections(), Broker(self.access) as broker:
            there = self._there(broker, partitions)
            if anew:
                self.store.drop()  # also what is only searched for asks an index that is there
            if sought is not None and (found := self._searched(question, sought, there, until)):
                return found
            why, fresh = (anew, None) if anew else self._brought(there, until)
            freshness = fresh or self._built(there, until, why)
        with self.store.opened() as index:
            if index is None:
                raise FileNotFoundError(ENOENT, "it was deleted")
            index.execute("BEGIN")  # all that is asked is of one moment
            return question(index), freshness

    def _searched(
        self, question: Callable[[sqlite3.Connection], Answer], sought: Sought, there: _There, until: float
    ) -> tuple[Answer, Freshness] | None:
        """What the index would answer if it was up to date; None where it is better brought there."""
        shape = self.store.shape
        with self.store.opened() as found:
            good = found is not None and not (objection(found, there.reach, there.topic_id) or shape.objection(found))
            with lent(found if good else None, shape, there.reach) as index:
                wanted = {number: there.reach[number] for number in there.asked}
                starts = unread(index, shape, wanted)
                if not is_searched(starts, wanted):
                    return None
                freshness = self._found_by(sought, index, starts, until)
                return question(index), freshness

    def _found_by(self, sought: Sought, index: sqlite3.Connection, starts: Mapping[int, int], until: float) -> Freshness:
        if sought.follows is not None:
            had = read_at(self.access, self.topic, sought.follows(index), client_id=self.client_id)
            sought.keys.update(one.key for one in had if one.key is not None)  # what is compacted away is the last of none
        with Search(self.access, self.topic, [*starts], client_id=self.client_id) as topic:
            left_s = until - time.monotonic()
            found_in = self.store.shape.writing(index), topic, starts, sought
            said = take_found(*found_in, deadline_s=left_s, on_progress=self.on_progress)
        return Freshness(complete=said.complete, built="", read=0, foreign=0, searched=said.messages)

    def _unkept(
        self, question: Callable[[sqlite3.Connection], Answer], partitions: Collection[int] | None, sought: Sought | None, why: str
    ) -> tuple[Answer, Freshness]:
        self.unkept(why)
        until, shape = time.monotonic() + self.deadline_s, self.store.shape
        with rare_collections(), Broker(self.access) as broker:
            there = self._there(broker, partitions)
        try:
            with in_memory(shape, there.reach) as index:
                if sought is not None:
                    index.executescript(shape.indexes)
                    freshness = self._found_by(sought, index, {number: there.reach[number].begin for number in there.asked}, until)
                else:
                    freshness = self._filled(index, there, until, built="its disk is full")
                return question(index), freshness
        except sqlite3.DatabaseError as error:
            raise self._not_to_be_had(f"{why}; in memory: {error}") from error

    def _filled(self, index: sqlite3.Connection, there: _There, until: float, *, built: str) -> Freshness:
        with Onward(self.access, self.topic, there.asked, client_id=self.client_id) as topic:
            reach, filling = topic.reach(), self.store.shape.filling(index)
            index.execute("BEGIN")
            read = self._read(index, filling, topic, reach, until, between=lambda: None)
            filling.finish()
            index.execute("COMMIT")
            index.executescript(self.store.shape.indexes)
        return _freshness(index, reach, built=built, read=read)

    @staticmethod
    def _reason(error: sqlite3.DatabaseError | OSError) -> str:
        return f"{error.strerror if isinstance(error, OSError) else error}"

    def _not_to_be_had(self, why: str) -> Misconfigured:
        told = f"the index of {self.topic} in {self.store.folder} cannot be used ({why})"
        return Misconfigured(f"{told}: is there room, and is it this account's? See workers.home; it may be deleted at any time")

    def _there(self, broker: Broker, partitions: Collection[int] | None) -> _There:
        reach = broker.reach(self.topic)
        if not reach:
            where = f"Kafka at {self.access.bootstrap_servers} has no topic {self.topic}"
            raise Misconfigured(f"{where}: create it with `yibao topics apply`, or check kafka.topic_prefix")
        asked = sorted(reach if partitions is None else reach.keys() & {*partitions})
        return _There(reach, broker.topic_id(self.topic).hex(), asked)

    def _brought(self, there: _There, until: float) -> tuple[str, Freshness | None]:
        """The index after reading on; None, and why, where it must be made anew."""
        reach, topic_id, asked = there
        with self.store.opened() as index:
            if index is None:
                return "there was none of this form", None
            if why := objection(index, reach, topic_id) or self.store.shape.objection(index):
                return why, None
            wanted, stands = {number: reach[number] for number in asked}, positions(index)
            if all(stands[number] >= one.end for number, one in wanted.items()) and not begins_later(index, wanted):
                note(index, self.store.shape, asked)
                return "", Freshness(complete=True, built="", read=0, foreign=foreign(index))
            with Onward(self.access, self.topic, asked, client_id=self.client_id) as topic:
                return "", self._read_on(index, topic, until)

    def _read_on(self, index: sqlite3.Connection, topic: Onward, until: float) -> Freshness:
        reach = topic.reach()
        index.execute("BEGIN IMMEDIATE")
        try:
            forget(index, self.store.shape, reach)
            writing = self.store.shape.writing(index)
            read = self._read(index, writing, topic, reach, until, between=lambda: _keep(index))
        except BaseException:
            index.rollback()
            raise
        note(index, self.store.shape, reach)
        index.execute("COMMIT")
        return _freshness(index, reach, built="", read=read)

    def _built(self, there: _There, until: float, why: str) -> Freshness:
        with Onward(self.access, self.topic, there.asked, client_id=self.client_id) as topic:
            reach, read = topic.reach(), 0

            def fill(index: sqlite3.Connection) -> None:
                nonlocal read
                begin_with(index, {**there.reach, **reach})
                filling = self.store.shape.filling(index)
                read = self._read(index, filling, topic, reach, until, between=lambda: None)
                filling.finish()
                note(index, self.store.shape, reach)

            self.store.build({"topic": self.topic, "topic_id": there.topic_id, "foreign": "0"}, fill)
        with self.store.opened() as index:
            assert index is not None
            return _freshness(index, reach, built=why, read=read)

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
        stands, ends = positions(index), {number: one.end for number, one in reach.items()}
        starts = {number: stands[number] for number in ends}
        total = sum(ends.values()) - sum(starts.values())
        before, read, pending = foreign(index), 0, 0
        for messages, now in topic.read(starts, ends, deadline_s=until - time.monotonic()):
            writing.take(messages)
            read, pending = read + len(messages), pending + len(messages)
            index.executemany("UPDATE positions SET offset = ? WHERE partition = ?", [(at, one) for one, at in now.items()])
            index.execute("UPDATE meta SET value = ? WHERE name = 'foreign'", (f"{before + writing.foreign}",))
            if pending >= _COMMIT_EVERY:
                between()
                pending = 0
            self.on_progress(total - sum(max(0, end - now[one]) for one, end in ends.items()), total)
        return read


def _keep(index: sqlite3.Connection) -> None:
    """Keep what was written so far. By two statements: a script commits by itself before its first one."""
    index.execute("COMMIT")
    index.execute("BEGIN IMMEDIATE")


def _freshness(index: sqlite3.Connection, reach: Mapping[int, Reach], *, built: str, read: int) -> Freshness:
    stands = positions(index)
    complete = all(stands[number] >= one.end for number, one in reach.items())
    return Freshness(complete=complete, built=built, read=read, foreign=foreign(index))
