"""The broker as the measurement uses it: fill topics, ask how far the stages are, read what they wrote."""

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from streams.errors import Unreachable
from streams.lanes.marks import join_mark, place_mark
from streams.mapping import load_site
from streams.topics.broker import Broker
from streams.topics.rebinding import Consent
from streams.wiring import broker_access
from tests.bench.messages import Message
from yibao.verbs.topics import create_topics

_BATCH_BYTES = 512 << 10
_BORN_WITHIN_S = 120.0


def apply_topics(site: Path) -> None:
    """Create the topics and first offsets of a site. Several of one broker report the same database, which is not there, to one
    platform.
    """
    until = time.monotonic() + _BORN_WITHIN_S
    while True:
        try:
            loaded = load_site(site)
            with Broker(broker_access(loaded)) as broker:
                create_topics(loaded, broker, consent=Consent(report_again=True))
        except Unreachable:  # a broker that was just born has no group coordinator yet
            if time.monotonic() > until:
                raise
        else:
            return


async def fill(servers: str, prefix: str, messages: Iterable[Message], **security: object) -> None:
    """Write messages into their partitions, in whole batches. security: aiokafka's, none for plain text.

    All are compressed before the first is sent, so that they come at once and no stage has to wait for this process.
    """
    producer = AIOKafkaProducer(bootstrap_servers=servers, max_batch_size=_BATCH_BYTES, compression_type="lz4", **security)
    await producer.start()
    try:
        sent = []
        for (topic, partition), builder in _batches(producer, prefix, messages):
            sent.append(await producer.send_batch(builder, topic, partition=partition))
        for one in sent:
            await one
    finally:
        await producer.stop()


def _batches(producer: Any, prefix: str, messages: Iterable[Message]) -> Sequence[tuple[tuple[str, int], Any]]:
    """Whole batches, each with its topic and partition."""
    builders: dict[tuple[str, int], Any] = {}
    full: list[tuple[tuple[str, int], Any]] = []
    for message in messages:
        place = prefix + message.topic, message.partition
        builder = builders.get(place)
        entry = {"timestamp": None, "key": message.key, "value": message.value, "headers": list(message.headers)}
        if builder is None or builder.append(**entry) is None:
            if builder is not None:
                full.append((place, builder))
            builder = builders[place] = producer.create_batch()
            builder.append(**entry)
    batches = [*full, *builders.items()]
    for _, builder in batches:
        builder._build()
    return batches


@asynccontextmanager
async def reader(servers: str, topic: str, partitions: int, *, group: str | None = None) -> AsyncIterator[Any]:
    """A consumer at the beginning of a topic, member of no group."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers,
        group_id=group,
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
        await consumer.seek_to_beginning()
        yield consumer
    finally:
        await consumer.stop()


async def consumed(consumer: Any) -> int:
    """How many messages of a topic without holes its group has committed."""
    committed = await consumer._coordinator.fetch_committed_offsets(consumer.assignment())
    return sum(max(0, found.offset) for found in committed.values())


async def ended(consumer: Any) -> int:
    """How many messages of a topic without holes there are."""
    return sum((await consumer.end_offsets(consumer.assignment())).values())


async def placed(consumer: Any) -> Sequence[int]:
    """By partition of `visit.changes`, how many messages the place stage has numbered for it. consumer: of its group."""
    (found,) = (await consumer._coordinator.fetch_committed_offsets(consumer.assignment())).values()
    return [number - 1 for number in place_mark(found.metadata).out]


async def joined(consumer: Any, placed: Sequence[int] | None) -> int:
    """How many numbered messages the join has taken; of each partition no more than were placed, None: not known yet."""
    committed = await consumer._coordinator.fetch_committed_offsets(consumer.assignment())
    done = {at.partition: sum(number - 1 for number in join_mark(found.metadata).taken.values()) for at, found in committed.items()}
    return sum(done.values()) if placed is None else sum(min(done[number], most) for number, most in enumerate(placed))


async def numbered(consumer: Any) -> int:
    """How many records the join has numbered so far, by the metadata of its committed offsets."""
    committed = await consumer._coordinator.fetch_committed_offsets(consumer.assignment())
    return sum(join_mark(found.metadata).seq - 1 for found in committed.values() if found.metadata)


async def read_all(consumer: Any, count: int) -> Sequence[Any]:
    """`count` messages."""
    records: list[Any] = []
    while len(records) < count:
        fetched = await consumer.getmany(timeout_ms=500)
        for page in fetched.values():
            records.extend(page)
    return records


async def messages_in(servers: str, prefix: str, topic: str, *, count: int, partitions: int) -> Sequence[Message]:
    """What a stage wrote for the next one, in its order."""
    async with reader(servers, f"{prefix}{topic}", partitions) as consumer:
        records = await read_all(consumer, count)
    return [
        Message(topic=topic, partition=one.partition, key=one.key, value=one.value, headers=tuple(one.headers)) for one in records
    ]
