"""Messages in `visit.ready` that the join did not write: without a number, so that no gap tells what is missing before them."""

from connector.contract import Topics
from streams.domain.changes import Incoming
from streams.lanes.marks import seq_of
from streams.lanes.ports import Broker, TopicPartition


class Strangers:
    """Keeps them until a transaction moves the offset past them.

    They pass with a record behind them, which is taken only after all before it. Those that stand behind the last record pass when
    the join says that it wrote no other: else a fetch may have been lost, and the offset would pass a record that nobody had.
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

    def put(self, message: Incoming) -> bool:
        """Keep a message. False where it was kept before."""
        if message.offset <= self._seen:
            return False
        self._seen = message.offset
        self._kept.append(message)
        return True

    async def may_pass(self, wanted: int) -> bool:
        """Whether there are any, and no record before them is missing. wanted: the number of the record that is to come next."""
        if not self._kept:
            return False
        last = self._kept[-1].offset
        joined = await self._broker.committed(*self._join)
        if joined is None or not joined.metadata or seq_of(joined.metadata) != wanted:
            return False
        self._proved = last
        return True

    def end(self, offset: int) -> int:
        """The offset behind those that may pass without a record behind them; at least `offset`."""
        return max([offset, *(message.offset + 1 for message in self._kept if message.offset <= self._proved)])

    def before(self, offset: int) -> list[Incoming]:
        """Those that pass when this offset is committed."""
        return [message for message in self._kept if message.offset < offset]

    def drop(self, count: int) -> None:
        """Let go of the oldest: they are dead letters."""
        del self._kept[:count]
