"""The rows that stood in the database when capture began: whether all of them are reported, because the live days must not be
measured behind them.
"""

from connector.contract import Topics
from streams.lanes.marks import seq_of
from streams.topics.broker import Broker


class Backlog:
    """Everything that was in `visit.changes` when this was made, on its way through both stages."""

    def __init__(self, broker: Broker, topics: Topics) -> None:
        self._broker = broker
        self._topics = topics
        self._ends = broker.ends(topics.changes)
        self._numbers: dict[int, int] = {}

    def is_reported(self) -> bool:
        """Whether the platform, or the dead letters, have all of it. What waits for another row counts as done."""
        if not self._numbers:
            joined = self._broker.committed(self._topics.group("join"), self._topics.changes, self._ends)
            if any(joined[partition].offset < end for partition, end in self._ends.items()):
                return False
            self._numbers = {partition: seq_of(committed.metadata) for partition, committed in joined.items()}
        delivered = self._broker.committed(self._topics.group("deliver"), self._topics.ready, self._ends)
        return all(seq_of(delivered[partition].metadata) >= number for partition, number in self._numbers.items())
