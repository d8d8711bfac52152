"""Ticks: time as an ordered event in `visit.changes`, for the partitions in which something waits."""

import asyncio
from collections.abc import Callable

import structlog

from streams.domain.changes import tick_value
from streams.lanes.assignment import Assignment
from streams.lanes.join.lane import JoinLane
from streams.lanes.lane import LaneContext
from streams.lanes.ports import TopicPartition

log = structlog.get_logger()


class Ticker:
    """Sends a tick to each partition of this process whose rows wait for something, unless the last tick there is not folded
    yet.
    """

    def __init__(self, assignment: Assignment, *, context: LaneContext, every_s: float, wall_ms: Callable[[], int]) -> None:
        self._assignment = assignment
        self._context = context
        self._every_s = every_s
        self._wall_ms = wall_ms
        self._sent: dict[TopicPartition, int] = {}
        self._failing = False

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.tick()

    async def tick(self) -> None:
        """Tick once."""
        for at, lane in list(self._assignment.lanes.items()):
            if isinstance(lane, JoinLane) and lane.waits and self._sent.get(at, -1) < lane.next_offset:
                try:
                    self._sent[at] = await self._context.broker.send(at, tick_value(self._wall_ms()))
                except Exception as exc:  # noqa: BLE001 - a broker that is away gets the next tick
                    if not self._failing:
                        log.warning("tick_failed", partition=at.partition, error=type(exc).__name__)
                    self._failing = True
                else:
                    self._failing = False
                    self._context.outcomes.count("ticked")
