"""What `visit.control` says, read again and again."""

import asyncio

from streams.lanes.ports import Broker, TopicPartition
from streams.topics.control import Controls


class ControlFeed:
    """topic: its name."""

    def __init__(self, broker: Broker, *, topic: str) -> None:
        self.controls = Controls()
        """As far as it was read."""
        self._broker = broker
        self._at = TopicPartition(topic, 0)
        self._next: int | None = None
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        """Take what was written since the last time. Raises Newer, Fatal for what is no entry, and what the broker raises."""
        async with self._reading:
            if self._next is None:
                self._next = await self._broker.first_offset(self._at)
            if (await self._broker.end_offsets([self._at]))[self._at] <= self._next:
                return
            async for page in self._broker.read(self._at, self._next):
                self.controls.take(value for _key, value in page.entries)
                self._next = page.position
