"""The company that late records wait for: fuller batches bring a backlog through sooner, and each costs less."""

import asyncio
from contextlib import suppress
from typing import Final

from connector.contract import Topics
from streams.domain.records import ReadyRecord
from streams.lanes.buffer import Buffer
from streams.lanes.context import LaneContext
from streams.lanes.ports import TopicPartition
from streams.lanes.settings import DeliverSettings

_WORTH_IT: Final = 100
"""So many messages before the join are worth waiting for. Fewer are what stands there at any time: ticks, and ends of
transactions.
"""
_LOOK_S: Final = 1.0
_ANSWER_S: Final = 2.0
_SHARE: Final = 0.1
"""Of its age, so much is what a late record waits at most."""


class Company:
    """Gathers the records of a lane's plans. at: the lane's partition."""

    def __init__(self, at: TopicPartition, topics: Topics, settings: DeliverSettings, context: LaneContext) -> None:
        self._joined = topics.group("join"), TopicPartition(topics.changes, at.partition)
        self._settings = settings
        self._context = context

    async def gather(
        self, buffer: Buffer[ReadyRecord], count: int, *, until: float, first: ReadyRecord | None, now_ms: int
    ) -> None:
        """Wait for `count` records, but not longer than the clock's `until`. Longer while the first record of the plan is late
        already, and longest while the join has more of its partition before it. now_ms: since the epoch.
        """
        settings, clock = self._settings, self._context.clock
        late_s = 0.0 if first is None else (now_ms - first.committed_at) / 1000
        if late_s <= settings.late_s:
            await buffer.gather(count, until)
            return
        last = clock() + min(settings.company_s, late_s * _SHARE)
        await buffer.gather(count, max(until, clock() + settings.late_linger_s))
        while len(buffer) < count and clock() < last and await self._comes():
            await buffer.gather(count, min(last, clock() + _LOOK_S))

    async def _comes(self) -> bool:
        """Whether the join has so much before it. Where no broker says so, nobody waits for it."""
        broker, (group, at) = self._context.broker, self._joined
        with suppress(Exception):  # brokers that are away are told of by others
            async with asyncio.timeout(_ANSWER_S):
                said, ends = await broker.committed(group, at), await broker.end_offsets([at])
            return said is not None and ends[at] - said.offset >= _WORTH_IT
        return False
