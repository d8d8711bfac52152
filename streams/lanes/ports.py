"""What a lane needs of Kafka, and nothing else of it. `kafka_broker.py` gives it for a broker, `streams.testing` for a log in
memory.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from streams.domain.changes import Incoming
from streams.domain.records import Header


class TopicPartition(NamedTuple):
    """One partition. Equal to the tuples of the same shape in aiokafka and Faust."""

    topic: str
    partition: int


class Send(NamedTuple):
    """One message to write."""

    topic: str
    """Where it goes."""
    key: bytes | None
    """None for none."""
    value: bytes | None
    """None for a tombstone."""
    headers: Sequence[Header] = ()
    """In their order."""
    partition: int | None = None
    """None: the partition of the lane."""
    timestamp_ms: int | None = None
    """The message's own time; None: now."""

    def __repr__(self) -> str:
        """Without what the message holds."""
        return f"Send(topic={self.topic!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A group's committed offset with the text that was committed with it."""

    offset: int
    metadata: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some messages of one partition."""

    entries: Sequence[tuple[bytes | None, bytes | None]] = field(repr=False)
    """Key and value of each."""
    position: int
    """Offset where the next page starts."""


class Producer(Protocol):
    """A transactional producer. Whoever started one last with the id of a partition owns that partition."""

    async def start(self) -> None:
        """Become the owner: an earlier producer with the same id can commit nothing any more, and its open transaction is ended."""

    async def begin(self) -> None:
        """Open a transaction."""

    async def write(self, messages: Sequence[Send], partition: int) -> list[int]:
        """Write messages, into this partition where they name none; their offsets. Raises where one of them failed, when nothing is
        under way any more: the client would commit the transaction without that one.
        """

    async def send_offset(self, group: str, at: TopicPartition, committed: Committed) -> None:
        """Make a consumed offset part of the transaction."""

    async def commit(self) -> None:
        """Commit the whole transaction, or raise."""

    async def stop(self) -> None:
        """Let go of the connection. Does not end a transaction."""


class Broker(Protocol):
    """What a lane asks of Kafka besides its transactions."""

    def producer(self, transactional_id: str) -> Producer:
        """A producer that is not started yet."""

    async def committed(self, group: str, at: TopicPartition) -> Committed | None:
        """A group's committed offset, None where there is none."""

    async def first_offset(self, at: TopicPartition) -> int:
        """The oldest offset that can still be read."""

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Where the next committed message will stand."""

    async def topic_ids(self, topics: Sequence[str]) -> Mapping[str, str]:
        """The id of each topic that exists; a topic that is made anew gets another one. Empty where brokers are too old for ids."""

    def read(self, at: TopicPartition, start: int) -> AsyncIterator[Page]:
        """What was committed from `start` to the end as it is now."""

    def reread(self, at: TopicPartition, start: int) -> AsyncIterator[Sequence[Incoming]]:
        """The same as whole messages, with their headers and offsets; some at a time."""

    async def send(self, at: TopicPartition, value: bytes, *, key: bytes | None = None) -> int:
        """Write one message outside of any transaction, without duplicates, and return its offset."""

    async def stop(self) -> None:
        """Close the connections."""
