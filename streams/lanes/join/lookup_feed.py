"""Where lookup records come from: all partitions of all lookup topics, read from the beginning."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition as KafkaPartition

from streams.domain.changes import Incoming
from streams.errors import Fatal
from streams.lanes.exits import Exit
from streams.lanes.kafka_broker import connection, incoming, partition_counts, started
from streams.lanes.settings import BrokerSettings

log = structlog.get_logger()


class LookupFeed(Protocol):
    """A source of lookup records."""

    def up_to_the_end(self) -> AsyncIterator[Sequence[Incoming]]:
        """All records that were not handed out yet, up to the end of the topics at the time of the call, in pages of one partition
        each.
        """

    async def stop(self) -> None:
        """Close the connection."""


class KafkaLookupFeed:
    """A consumer that is a member of no group, assigned to every partition."""

    def __init__(self, settings: BrokerSettings, topics: Iterable[str]) -> None:
        self._settings = settings
        self._topics = tuple(topics)
        self._consumer: Any = None
        self._partitions: list[KafkaPartition] = []

    async def up_to_the_end(self) -> AsyncIterator[Sequence[Incoming]]:
        consumer = self._consumer = self._consumer or await self._start()
        ends = await self._ends(consumer)
        while behind := [at for at in self._partitions if await consumer.position(at) < ends[at]]:
            fetched = await consumer.getmany(*behind, timeout_ms=500)
            for records in fetched.values():
                yield [incoming(record) for record in records]

    async def stop(self) -> None:
        """Close the connection."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def _ends(self, consumer: Any) -> Any:
        """The end offsets; a broker that is away is waited for."""
        told = False
        while True:
            try:
                return await consumer.end_offsets(self._partitions)
            except KafkaError as exc:
                if not told:
                    log.warning("lookups_stalled", error=type(exc).__name__)
                told = True
                await asyncio.sleep(1.0)

    async def _start(self) -> Any:
        counts = await partition_counts(self._settings, self._topics)
        if missing := [topic for topic in self._topics if topic not in counts]:
            raise Fatal(f"lookup topics are missing: {', '.join(missing)}; run `yibao topics apply`", exit_code=Exit.METADATA)
        self._partitions = [KafkaPartition(topic, number) for topic in self._topics for number in range(counts[topic])]
        consumer = await started(
            AIOKafkaConsumer(
                **connection(self._settings), enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=100
            )
        )
        consumer.assign(self._partitions)
        await consumer.seek_to_beginning()
        return consumer
