"""Messages in `visit.ready` that the join did not write. They have no number, so nothing tells whether a record before them is
missing.
"""

from collections.abc import Sequence

from connector.contract import Topics
from streams.domain.changes import Incoming
from streams.domain.ready import number_of, numbered
from streams.domain.records import ReadyRecord
from streams.errors import Fatal, Rejected
from streams.lanes.marks import seq_of
from streams.lanes.ports import Broker, TopicPartition


class Strangers:
    """Keeps these messages until a transaction moves the offset past them.

    A message with a numbered record behind it may be passed, since records are taken without gaps. Those behind the last record may
    be passed when the join says that it wrote no further record: otherwise a fetch may have been lost, and the offset would move
    past a record that nobody read.
    """

    def __init__(self, broker: Broker, topics: Topics, at: TopicPartition, offset: int) -> None:
        """offset: the committed one; what stands before it passed with an earlier transaction."""
        self._broker = broker
        self._join = topics.group("join"), TopicPartition(topics.changes, at.partition)
        self._seen = offset - 1
        self._proved = -1
        self._kept: list[Incoming] = []

    def __len__(self) -> int:
        return len(self._kept)

    def sort(self, records: Sequence[Incoming]) -> tuple[list[ReadyRecord], bool]:
        """The numbered records among what was read; what has no number is kept. Also whether anything was that was not known."""
        found, are_new = [], False
        for message in records:
            try:
                number = number_of(message.headers)
            except Rejected:
                are_new |= self.put(message)
                continue
            try:
                found.append(numbered(message, number))
            except Rejected as exc:
                raise Fatal(f"{message.topic}-{message.partition} offset {message.offset} has a number, but {exc}") from exc
        return found, are_new

    def put(self, message: Incoming) -> bool:
        """Keep a message. False where it was kept before."""
        if message.offset <= self._seen:
            return False
        self._seen = message.offset
        self._kept.append(message)
        return True

    async def may_pass(self, wanted: int) -> bool:
        """Whether there are such messages and no record before them is missing. wanted: the number of the record that comes
        next.
        """
        if not self._kept:
            return False
        last = self._kept[-1].offset
        joined = await self._broker.committed(*self._join)
        if joined is None or not joined.metadata or seq_of(joined.metadata) != wanted:
            return False
        self._proved = last
        return True

    def end(self, offset: int) -> int:
        """The offset behind the messages that may be passed without a record behind them; at least `offset`."""
        return max([offset, *(message.offset + 1 for message in self._kept if message.offset <= self._proved)])

    def before(self, offset: int) -> list[Incoming]:
        """The messages that are passed when this offset is committed."""
        return [message for message in self._kept if message.offset < offset]

    def drop(self, count: int) -> None:
        """Forget the oldest messages, which are dead letters now."""
        del self._kept[:count]
