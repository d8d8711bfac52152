"""When the capture of a source gave its signs of life: the times in the records of its heartbeat topic."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from typing import Final, cast

import orjson

from streams.domain.place.heard import Heard
from streams.lanes.ports import Broker, Page, TopicPartition
from streams.telemetry.board import Board

_WITHIN_S: Final = 10.0
_MOST: Final = 1_000
"""Records that are read at once; of more, the last one tells enough."""


class Heartbeats:
    """topics: the heartbeat topic of each source. sources: those that this process places now. heard: by source, where signs of
    life are noted. every_s: how often it is looked for new ones.
    """

    def __init__(
        self,
        broker: Broker,
        topics: Mapping[str, str],
        sources: Callable[[], Iterable[str]],
        *,
        heard: Mapping[str, Heard],
        every_s: float = 15.0,
    ) -> None:
        self._broker = broker
        self._topics = topics
        self._sources = sources
        self._heard = heard
        self._every_s = every_s
        self._next: dict[str, int] = {}

    async def run(self) -> None:
        """Read for ever."""
        while True:
            await self.read()
            await asyncio.sleep(self._every_s)

    async def read(self) -> None:
        """Read once. Where no broker says, or there is none, what was known stays: it is a time, and grows old by itself."""
        for source in list(self._sources()):
            try:
                async with asyncio.timeout(_WITHIN_S):
                    await self._read(source, TopicPartition(self._topics[source], 0))
            except Exception:  # noqa: BLE001, S112 - whatever it is, it ends no worker; that brokers are away is told by others
                continue

    async def _read(self, source: str, at: TopicPartition) -> None:
        end = (await self._broker.end_offsets([at]))[at]
        first = max(self._next.get(source, end - 1), await self._broker.first_offset(at))
        if first > end - 1:
            return
        async with aclosing(cast("AsyncGenerator[Page, None]", self._broker.read(at, max(first, end - _MOST)))) as pages:
            async for page in pages:
                for beat_ms in _beats(page):
                    self._heard[source].note(beat_ms)
        self._next[source] = end

    def __call__(self, board: Board) -> None:
        """Put it down."""
        for source in self._sources():
            if (last_ms := self._heard[source].last_ms) is not None:
                board.put("cdc_capture_heartbeat_timestamp_seconds", last_ms / 1000, source)


def _beats(page: Page) -> Iterator[int]:
    """Times of a page's records; what is none is passed over."""
    for _, value in page.entries:
        try:
            yield int(orjson.loads(value or b"{}")["ts_ms"])
        except (ValueError, KeyError, TypeError):
            continue
