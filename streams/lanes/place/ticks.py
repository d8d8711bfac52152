"""Ticks for the place stage itself: time as an ordered event, where a row has waited for its header until its time is over."""

import asyncio
from collections.abc import Callable

import structlog

from streams.domain.ticks import tick_value
from streams.lanes.assignment import Assignment
from streams.lanes.context import LaneContext
from streams.lanes.place.lane import PlaceLane
from streams.lanes.ports import TopicPartition

log = structlog.get_logger()


class PlaceTicker:
    """Tells the lanes of this process the time, when they have something to do at it, and once for each such time. No partition of
    `visit.changes` hears of it.
    """

    def __init__(self, assignment: Assignment, *, context: LaneContext, every_s: float, wall_ms: Callable[[], int]) -> None:
        self._assignment = assignment
        self._context = context
        self._every_s = every_s
        self._wall_ms = wall_ms
        self._told: dict[TopicPartition, tuple[PlaceLane, int]] = {}
        self._failing = False

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.tick()

    async def tick(self) -> None:
        """Tick once."""
        now = self._wall_ms()
        for at, lane in list(self._assignment.lanes.items()):
            deadline = lane.next_deadline if isinstance(lane, PlaceLane) else None
            if deadline is None or deadline > now or not isinstance(lane, PlaceLane) or self._told.get(at) == (lane, deadline):
                continue
            try:
                await self._context.broker.send(at, tick_value(now, []))
            except Exception as exc:  # noqa: BLE001 - a broker that is away gets the next tick
                if not self._failing:
                    log.warning("tick_failed", partitions=1, error=type(exc).__name__)
                self._failing = True
            else:
                self._failing = False
                self._told[at] = lane, deadline
                self._context.outcomes.count("ticked")
