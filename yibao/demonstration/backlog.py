"""The rows that stood in the database when capture began: whether all of them are reported, because the live days must not be
measured behind them.
"""

from collections.abc import Iterable, Sequence

from connector.contract import Topics
from streams.lanes.marks import join_mark, place_mark, seq_of
from streams.topics.broker import Broker


class Backlog:
    """Everything that was in the sources' `rows` topics when this was made, on its way through the stages."""

    def __init__(self, broker: Broker, topics: Topics, *, sources: Iterable[str], partitions: int) -> None:
        self._broker = broker
        self._topics = topics
        self._rows = {source: broker.ends(topics.rows(source)).get(0, 0) for source in sources}
        self._partitions = range(partitions)
        self._placed: dict[str, Sequence[int]] | None = None
        self._numbers: dict[int, int] = {}

    def is_reported(self) -> bool:
        """Whether the platform, or the dead letters, have all of it. What waits for another row counts as done."""
        return self._is_placed() and self._is_joined() and self._is_delivered()

    def _is_placed(self) -> bool:
        if self._placed is not None:
            return True
        found: dict[str, Sequence[int]] = {}
        for source, end in self._rows.items():
            committed = self._broker.committed(self._topics.group("place"), self._topics.rows(source), [0])[0]
            if committed.offset < end:
                return False
            mark = place_mark(committed.metadata)
            found[mark.series(source)] = mark.out
        self._placed = found
        return True

    def _is_joined(self) -> bool:
        if self._numbers:
            return True
        placed = self._placed or {}
        joined = self._broker.committed(self._topics.group("join"), self._topics.changes, self._partitions)
        marks = {partition: join_mark(committed.metadata) for partition, committed in joined.items()}
        if any(marks[one].taken.get(series, 1) < out[one] for series, out in placed.items() for one in self._partitions):
            return False
        self._numbers = {partition: mark.seq for partition, mark in marks.items()}
        return True

    def _is_delivered(self) -> bool:
        delivered = self._broker.committed(self._topics.group("deliver"), self._topics.ready, self._partitions)
        return all(seq_of(delivered[partition].metadata) >= number for partition, number in self._numbers.items())
