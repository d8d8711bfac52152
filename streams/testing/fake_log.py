"""A log in memory, with transactions, fences and committed offsets, in place of the brokers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from streams.domain.changes import Incoming
from streams.domain.records import Header
from streams.lanes.ports import Committed, Page, Send, TopicPartition


class Crash(BaseException):
    """The process dies here. Not an Exception, so that nothing in the code under test catches it."""


class Fenced(Exception):
    """A newer producer owns the transactional id."""


class _Fate(Enum):
    OPEN = auto()
    COMMITTED = auto()
    ABORTED = auto()
    MARKER = auto()


@dataclass(slots=True)
class _Entry:
    """One offset of a partition."""

    key: bytes | None
    """Of the message."""
    value: bytes | None
    """Of the message."""
    headers: tuple[Header, ...]
    """Of the message."""
    transaction: "_Transaction | None"
    """The one that wrote it; None for none."""
    fate: _Fate
    """What became of that."""
    timestamp_ms: int | None = None
    """The message's own time; None: by its offset."""

    @property
    def visible(self) -> bool:
        return self.fate is _Fate.COMMITTED


@dataclass(slots=True, eq=False)
class _Transaction:
    entries: list[_Entry] = field(default_factory=list)
    partitions: set[TopicPartition] = field(default_factory=set)
    offsets: dict[tuple[str, TopicPartition], Committed] = field(default_factory=dict)


class FakeLog:
    """Topics, transactions, fences and committed offsets, as a broker gives them.

    Calls pass steps before, and some after, their effect. `on_step` is told the name of each and may raise `Crash`, or wait, which
    freezes the caller there.
    """

    def __init__(self) -> None:
        self.on_step: Callable[[str], Awaitable[None]] = _go_on
        self.committed_offsets: dict[tuple[str, TopicPartition], Committed] = {}
        self.fail_sends: set[str] = set()
        self.ids: dict[str, str] = {}
        self.started_at_ms = 1_700_000_000_000  # a message's own time is this and its offset
        self._partitions: dict[TopicPartition, list[_Entry]] = {}
        self._epochs: dict[str, int] = {}
        self._open: dict[str, _Transaction] = {}

    # Setting up and looking ------------------------------------------------------------------------------------------------------

    def append(self, at: TopicPartition, *, key: bytes | None, value: bytes | None, headers: Iterable[Header] = ()) -> int:
        """Write one message outside of any transaction; its offset."""
        entries = self._partitions.setdefault(at, [])
        entries.append(_Entry(key, value, tuple(headers), None, _Fate.COMMITTED))
        return len(entries) - 1

    def messages(self, at: TopicPartition, start: int = 0) -> list[Incoming]:
        """What a reader of committed messages sees."""
        return [
            Incoming(
                topic=at.topic,
                partition=at.partition,
                offset=offset,
                key=entry.key,
                value=entry.value,
                headers=entry.headers,
                timestamp_ms=self.started_at_ms + offset if entry.timestamp_ms is None else entry.timestamp_ms,
            )
            for offset, entry in enumerate(self._partitions.get(at, [])[: self._stable(at)])
            if offset >= start and entry.visible
        ]

    def _stable(self, at: TopicPartition) -> int:
        entries = self._partitions.get(at, [])
        return next((offset for offset, entry in enumerate(entries) if entry.fate is _Fate.OPEN), len(entries))

    # The broker's port -----------------------------------------------------------------------------------------------------------

    def producer(self, transactional_id: str) -> "FakeProducer":
        """A producer that is not started yet."""
        return FakeProducer(self, transactional_id)

    async def committed(self, group: str, at: TopicPartition) -> Committed | None:
        """A group's committed offset."""
        await self.on_step("committed")
        return self.committed_offsets.get((group, at))

    async def first_offset(self, at: TopicPartition) -> int:
        """The oldest offset."""
        del at
        return 0

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The ends for a reader of committed messages."""
        return {at: self._stable(at) for at in partitions}

    async def topic_ids(self, topics: Sequence[str]) -> Mapping[str, str]:
        """What stands in `ids`; a test that minds them writes it there."""
        return {topic: self.ids[topic] for topic in topics if topic in self.ids}

    async def read(self, at: TopicPartition, start: int) -> AsyncIterator[Page]:
        """Committed messages to the end."""
        await self.on_step("read")
        for message in self.messages(at, start):
            yield Page(entries=[(message.key, message.value)], position=message.offset + 1)
        yield Page(entries=[], position=self._stable(at))

    async def reread(self, at: TopicPartition, start: int) -> AsyncIterator[Sequence[Incoming]]:
        """Committed messages to the end, whole."""
        await self.on_step("read")
        for message in self.messages(at, start):
            yield [message]

    async def send(self, at: TopicPartition, value: bytes, *, key: bytes | None = None) -> int:
        """Write one message outside of any transaction."""
        return self.append(at, key=key, value=value)

    async def stop(self) -> None:
        """Nothing to close."""

    # Transactions ----------------------------------------------------------------------------------------------------------------

    def fence(self, transactional_id: str) -> int:
        """Make a new owner; what the last one left open is aborted."""
        self._end(transactional_id, _Fate.ABORTED)
        epoch = self._epochs[transactional_id] = self._epochs.get(transactional_id, -1) + 1
        return epoch

    def check(self, transactional_id: str, epoch: int) -> None:
        """Raise Fenced unless this is the newest owner."""
        if self._epochs[transactional_id] != epoch:
            raise Fenced

    def write(self, transactional_id: str, message: Send, partition: int) -> int:
        """Write one message into the open transaction."""
        if message.topic in self.fail_sends:
            raise OSError(f"a send to {message.topic} fails")
        at = TopicPartition(message.topic, partition if message.partition is None else message.partition)
        transaction = self._open.setdefault(transactional_id, _Transaction())
        entry = _Entry(message.key, message.value, tuple(message.headers), transaction, _Fate.OPEN, message.timestamp_ms)
        transaction.entries.append(entry)
        transaction.partitions.add(at)
        entries = self._partitions.setdefault(at, [])
        entries.append(entry)
        return len(entries) - 1

    def take_offset(self, transactional_id: str, group: str, at: TopicPartition, committed: Committed) -> None:
        """Make an offset part of the open transaction."""
        self._open.setdefault(transactional_id, _Transaction()).offsets[group, at] = committed

    def commit(self, transactional_id: str) -> None:
        """Commit the open transaction."""
        self._end(transactional_id, _Fate.COMMITTED)

    def _end(self, transactional_id: str, fate: _Fate) -> None:
        transaction = self._open.pop(transactional_id, None)
        if transaction is None:
            return
        for entry in transaction.entries:
            entry.fate = fate
        for at in sorted(transaction.partitions):
            self._partitions[at].append(_Entry(None, None, (), None, _Fate.MARKER))
        if fate is _Fate.COMMITTED:
            self.committed_offsets.update(transaction.offsets)


class FakeProducer:
    """A transactional producer on a `FakeLog`."""

    def __init__(self, log: FakeLog, transactional_id: str) -> None:
        self._log = log
        self._id = transactional_id
        self._epoch = -1

    async def start(self) -> None:
        """Become the owner."""
        await self._log.on_step("fence")
        self._epoch = self._log.fence(self._id)
        await self._log.on_step("fenced")

    async def begin(self) -> None:
        """Open a transaction: known to the client alone, as in Kafka."""
        await self._log.on_step("begin")

    async def write(self, messages: Sequence[Send], partition: int) -> list[int]:
        """Write messages, one after the other."""
        offsets: list[int] = []
        failed: Exception | None = None
        for message in messages:
            await self._log.on_step("send")
            try:
                self._log.check(self._id, self._epoch)
                offsets.append(self._log.write(self._id, message, partition))
            except (Fenced, OSError) as exc:
                failed = failed or exc
        if failed is not None:
            raise failed
        return offsets

    async def send_offset(self, group: str, at: TopicPartition, committed: Committed) -> None:
        """Make an offset part of the transaction."""
        await self._log.on_step("send_offset")
        self._log.check(self._id, self._epoch)
        self._log.take_offset(self._id, group, at, committed)

    async def commit(self) -> None:
        """Commit."""
        await self._log.on_step("commit")
        self._log.check(self._id, self._epoch)
        self._log.commit(self._id)
        await self._log.on_step("commit_done")

    async def stop(self) -> None:
        """Let go. Ends no transaction."""


async def _go_on(_name: str) -> None:
    await asyncio.sleep(0)
