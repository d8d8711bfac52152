"""When the capture of a source last gave a sign of life: the time in the last record of its heartbeat topic."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Final, cast

import orjson

from streams.lanes.ports import Broker, Page, TopicPartition
from streams.telemetry.board import Board

_EVERY_S: Final = 15.0
_WITHIN_S: Final = 10.0


class Heartbeats:
    """topics: the heartbeat topic of each source. sources: those that this process places now."""

    def __init__(self, broker: Broker, topics: Mapping[str, str], sources: Callable[[], Iterable[str]]) -> None:
        self._broker = broker
        self._topics = topics
        self._sources = sources
        self._beats: dict[str, float] = {}

    async def run(self) -> None:
        """Read for ever."""
        while True:
            await self.read()
            await asyncio.sleep(_EVERY_S)

    async def read(self) -> None:
        """Read once. Where no broker says, or there is none, what was known stays: it is a time, and grows old by itself."""
        for source in list(self._sources()):
            try:
                async with asyncio.timeout(_WITHIN_S):
                    beat = await self._last(TopicPartition(self._topics[source], 0))
            except Exception:  # noqa: BLE001, S112 - whatever it is, it ends no worker; that brokers are away is told by others
                continue
            if beat is not None:
                self._beats[source] = beat

    async def _last(self, at: TopicPartition) -> float | None:
        end = (await self._broker.end_offsets([at]))[at]
        if end <= await self._broker.first_offset(at):
            return None
        beat = None
        async with aclosing(cast("AsyncGenerator[Page, None]", self._broker.read(at, end - 1))) as pages:
            async for page in pages:
                for _, value in page.entries:
                    beat = float(orjson.loads(value or b"{}")["ts_ms"]) / 1000
        return beat

    def __call__(self, board: Board) -> None:
        """Put it down."""
        for source in self._sources():
            if source in self._beats:
                board.put("cdc_capture_heartbeat_timestamp_seconds", self._beats[source], source)
