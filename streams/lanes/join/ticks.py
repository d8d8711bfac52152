"""Ticks: time as an ordered event, for the partitions in which something waits. They go the way of the rows, by the place stage."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from streams.domain.ticks import tick_value
from streams.lanes.assignment import Assignment
from streams.lanes.context import LaneContext
from streams.lanes.join.lane import JoinLane
from streams.lanes.ports import TopicPartition

log = structlog.get_logger()


class Ticker:
    """Asks each source's rows for a tick to the partitions of this process whose rows wait for something, unless the last one that
    was asked for has not come yet.

    rows: the topics of the sources' rows.
    """

    def __init__(
        self, assignment: Assignment, *, rows: Sequence[str], context: LaneContext, every_s: float, wall_ms: Callable[[], int]
    ) -> None:
        self._assignment = assignment
        self._rows = [TopicPartition(topic, 0) for topic in rows]
        self._context = context
        self._every_s = every_s
        self._wall_ms = wall_ms
        self._asked: dict[TopicPartition, tuple[JoinLane, int]] = {}
        self._failing = False
        self._hurried = asyncio.Event()

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._hurried.wait()
            self._hurried.clear()
            await self.tick()

    def hurry(self) -> None:
        """Tick at once: the last tick had something to do for more rows than one transaction may hold."""
        self._hurried.set()

    async def tick(self) -> None:
        """Tick once."""
        waiting = {
            at: (lane, lane.ticks)
            for at, lane in self._assignment.lanes.items()
            if isinstance(lane, JoinLane) and lane.waits and self._asked.get(at) != (lane, lane.ticks)
        }
        if not waiting:
            return
        value = tick_value(self._wall_ms(), sorted(at.partition for at in waiting))
        try:
            for rows in self._rows:
                await self._context.broker.send(rows, value)
        except Exception as exc:  # noqa: BLE001 - a broker that is away gets the next tick
            if not self._failing:
                log.warning("tick_failed", partitions=len(waiting), error=type(exc).__name__)
            self._failing = True
        else:
            self._failing = False
            self._asked |= waiting
            self._context.outcomes.count("ticked", len(waiting))
