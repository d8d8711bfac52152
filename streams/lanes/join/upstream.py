"""The join's look at the stage before it: whether somebody places the rows that capture brings."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

from streams.lanes.context import LaneContext
from streams.lanes.ports import TopicPartition

log = structlog.get_logger()


@dataclass(slots=True)
class _Stand:
    offset: int
    since: float
    told: bool = False


class Upstream:
    """Tells when rows of a source wait and none of them is placed: no worker of the place stage runs, or it cannot go on. The join
    itself looks idle then, as on a quiet night. Not of a source that a person paused.

    rows: by source, the topic of its rows.
    """

    def __init__(self, *, place_group: str, rows: Mapping[str, str], context: LaneContext) -> None:
        self._group = place_group
        self._rows = {source: TopicPartition(topic, 0) for source, topic in rows.items()}
        self._context = context
        self._stands: dict[str, _Stand] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._context.settings.watch_every_s)
            with suppress(Exception):  # brokers that are away are told of by the watch
                await self.look()

    async def look(self) -> None:
        """Look once."""
        ends = await self._context.broker.end_offsets(self._rows.values())
        for source, at in self._rows.items():
            said = await self._context.broker.committed(self._group, at)
            self._judge(source, 0 if said is None else said.offset, ends.get(at, 0))

    def _judge(self, source: str, offset: int, end: int) -> None:
        now, stand = self._context.clock(), self._stands.get(source)
        paused = self._context.steering.source(source) is not None
        if stand is None or stand.offset != offset or end <= offset or paused:
            if stand is not None and stand.told:
                log.info("rows_resumed", source=source)
            self._stands[source] = _Stand(offset, now)
        elif now - stand.since > self._context.settings.silent_s and not stand.told:
            stand.told = True
            log.warning("rows_unplaced", source=source, rows=end - offset, stalled_s=round(now - stand.since))
