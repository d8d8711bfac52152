"""The lanes of one process: opened when partitions are assigned, closed before they are given up."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeAlias

from streams.domain.changes import Incoming
from streams.lanes.lane import Lane
from streams.lanes.ports import TopicPartition

AnyLane: TypeAlias = Lane[Any]
OpenLane: TypeAlias = Callable[[TopicPartition, int], AnyLane]


class Assignment:
    """The lanes of the partitions that this process is assigned.

    topics: the input topics of the stage. open_lane: makes the lane of a partition for a generation of the group. forget: told
    which partitions are kept, before their lanes are opened.
    """

    def __init__(
        self, topics: Collection[str], open_lane: OpenLane, *, forget: Callable[[set[TopicPartition]], None] = lambda _kept: None
    ) -> None:
        self.topics = frozenset(topics)
        self.lanes: dict[TopicPartition, AnyLane] = {}
        self.times = 0
        """How often partitions were assigned."""
        self._open_lane = open_lane
        self._forget = forget

    def put(self, at: TopicPartition, generation: int, records: Sequence[Incoming]) -> None:
        """Hand records to their lane. Records of another generation are dropped: they are read again from the committed offset."""
        lane = self.lanes.get(at)
        if lane is not None and lane.generation == generation:
            lane.put(records)

    async def revoke(self) -> None:
        """Close all lanes; each one finishes its open transaction first."""
        lanes, self.lanes = self.lanes, {}
        await asyncio.gather(*(lane.close() for lane in lanes.values()))

    async def assign(self, partitions: Iterable[TopicPartition], generation: int) -> None:
        """Open a lane for each partition of our topics."""
        await self.revoke()
        self.times += 1
        mine = {at for at in partitions if at.topic in self.topics}
        self._forget(mine)
        self.lanes = {at: self._open_lane(at, generation) for at in sorted(mine)}
        for lane in self.lanes.values():
            lane.start()
