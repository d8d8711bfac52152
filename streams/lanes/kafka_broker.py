"""The lane's ports on a real broker: with `lookup_feed.py` and `kafka_roll.py` all that the lanes know of aiokafka."""

import asyncio
import random
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.codec import lz4_encode
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import OffsetAndMetadata
from aiokafka.structs import TopicPartition as KafkaPartition

from streams.domain.changes import Incoming
from streams.lanes import answer_time, offset_answers, stale_answers
from streams.lanes.absence import TRANSACTION_S
from streams.lanes.pinned import require_versions
from streams.lanes.ports import Committed, Page, Send, TopicPartition
from streams.lanes.settings import BrokerSettings
from streams.lanes.topic_ids import IdsOf, ids_in

require_versions()
offset_answers.install()
answer_time.install()
stale_answers.install()

_LZ4_LEVEL = 2
# aiokafka compresses at level 9, without a setting for it: seven times the CPU of level 2, for 15 % fewer bytes.
setattr(sys.modules[DefaultRecordBatchBuilder.__module__], "lz4_encode", partial(lz4_encode, level=_LZ4_LEVEL))  # noqa: B010 - a module's

_RETRY_BACKOFF_MS = 10
_MAX_BATCH_BYTES = 256 << 10
_FETCH_BYTES = 8 << 20
_LEAST_TRANSACTION_MS = 60_000
_TURNS = 5
_TURN_PAUSE_S = 0.2
_TURN_S = 4.0
"""How long one broker is waited for where any of them can answer."""


class KafkaProducer:
    """A transactional producer, with settings that were measured: no linger, large batches, fast retries."""

    def __init__(self, settings: BrokerSettings, transactional_id: str, *, timeout_s: float) -> None:
        self._made = partial(
            AIOKafkaProducer,
            **connection(settings),
            transactional_id=transactional_id,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
            linger_ms=0,
            max_batch_size=_MAX_BATCH_BYTES,
            max_request_size=settings.max_request_bytes,
            compression_type=settings.compression,
        )
        self._producer = self._patient(int(timeout_s * 1000))

    def _patient(self, timeout_ms: int) -> Any:
        """Aiokafka gives up a batch whose partition had no leader for 40 s, also in a transaction that can still be finished."""
        producer = self._made(transaction_timeout_ms=timeout_ms)
        producer._message_accumulator._batch_ttl = timeout_ms / 1000  # noqa: SLF001 - guarded by the pin
        return producer

    async def start(self) -> None:
        try:
            await started(self._producer)
        except errors.InvalidTransactionTimeout:  # the brokers allow less
            self._producer = self._patient(_LEAST_TRANSACTION_MS)
            await started(self._producer)

    async def begin(self) -> None:
        await self._producer.begin_transaction()

    async def write(self, messages: Sequence[Send], partition: int) -> list[int]:
        """Append the messages to batches that are sent as a whole: the client's usual way, a future per message, costs as much as
        building a record.
        """
        full: dict[tuple[str, int], _Batch] = {}
        places: list[tuple[_Batch, int]] = []
        sent: list[_Batch] = []
        for topic, key, value, headers, of, timestamp_ms in messages:
            place = topic, partition if of is None else of
            batch = full.get(place)
            added = None if batch is None else batch.append(timestamp=timestamp_ms, key=key, value=value, headers=[*headers])
            if batch is None or added is None:  # one that is full, or on its way already, takes no more
                builder = self._producer.create_batch()
                builder.append(timestamp=timestamp_ms, key=key, value=value, headers=[*headers])
                batch = full[place] = _Batch(builder.append, await self._producer.send_batch(builder, topic, partition=place[1]))
                sent.append(batch)
            places.append((batch, batch.count))
            batch.count += 1
        await _all(sent)
        return [batch.first + number for batch, number in places]

    async def send_offset(self, group: str, at: TopicPartition, committed: Committed) -> None:
        offsets = {KafkaPartition(*at): OffsetAndMetadata(committed.offset, committed.metadata)}
        await self._producer.send_offsets_to_transaction(offsets, group)

    async def commit(self) -> None:
        await self._producer.commit_transaction()

    async def stop(self) -> None:
        await self._producer.stop()


class _Batch:
    """A batch of messages for one partition. append: adds one; None where it takes no more. written: what becomes of it. count: how
    many it holds. first: offset of the first one, once it is written.
    """

    __slots__ = ("append", "count", "first", "written")

    def __init__(self, append: Callable[..., Any], written: Awaitable[Any]) -> None:
        self.append = append
        self.written = written
        self.count = 0
        self.first = 0


async def _all(batches: Sequence[_Batch]) -> None:
    """Wait for every batch. Raises where one failed, when nothing is under way any more: the client would commit the transaction
    without it.
    """
    failed: Exception | None = None
    for batch in batches:
        try:
            batch.first = (await batch.written).offset
        except Exception as exc:  # noqa: BLE001 - raised below
            failed = failed or exc
    if failed is not None:
        raise failed


class KafkaBroker:
    """Offsets, ends, reading and single messages, over few shared connections."""

    def __init__(self, settings: BrokerSettings, *, transaction_timeout_s: float = TRANSACTION_S) -> None:
        self._settings = settings
        self._transaction_timeout_s = transaction_timeout_s
        self._readers: dict[str, asyncio.Task[Any]] = {}
        self._plain: asyncio.Task[Any] | None = None

    def producer(self, transactional_id: str) -> KafkaProducer:
        return KafkaProducer(self._settings, transactional_id, timeout_s=self._transaction_timeout_s)

    async def committed(self, group: str, at: TopicPartition) -> Committed | None:
        reader, partition = await self._reader(group), KafkaPartition(*at)
        # aiokafka's public call knows no metadata.
        found = (await reader._coordinator.fetch_committed_offsets([partition])).get(partition)  # noqa: SLF001 - guarded by the pin
        return None if found is None or found.offset < 0 else Committed(offset=found.offset, metadata=found.metadata)

    async def first_offset(self, at: TopicPartition) -> int:
        reader = await self._reader("")
        offset: int = (await reader.beginning_offsets([KafkaPartition(*at)]))[KafkaPartition(*at)]
        return offset

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        wanted = [KafkaPartition(*at) for at in partitions]
        if not wanted:
            return {}
        reader = await self._reader("")
        return {TopicPartition(*at): offset for at, offset in (await reader.end_offsets(wanted)).items()}

    async def topic_ids(self, topics: Sequence[str]) -> Mapping[str, str]:
        client = (await self._reader(""))._client  # noqa: SLF001 - guarded by the pin
        nodes = [broker.nodeId for broker in client.cluster.brokers()]
        random.shuffle(nodes)
        failed: Exception = errors.NoBrokersAvailable()
        for node in nodes:
            try:
                async with asyncio.timeout(_TURN_S):
                    return ids_in(await client.send(node, IdsOf(topics)))
            except NotImplementedError:  # an old broker
                return {}
            except (errors.KafkaError, TimeoutError) as exc:  # one that is away, or hangs: another one knows as much
                failed = exc if isinstance(exc, errors.KafkaError) else errors.RequestTimedOutError(f"broker {node}")
        client.force_metadata_update()
        raise failed

    async def read(self, at: TopicPartition, start: int) -> AsyncIterator[Page]:
        async with aclosing(self._pages(at, start)) as pages:
            async for records, position in pages:
                yield Page(entries=[(record.key, record.value) for record in records], position=position)

    async def reread(self, at: TopicPartition, start: int) -> AsyncIterator[Sequence[Incoming]]:
        async with aclosing(self._pages(at, start)) as pages:
            async for records, _ in pages:
                yield [incoming(record) for record in records]

    async def _pages(self, at: TopicPartition, start: int) -> AsyncGenerator[tuple[list[Any], int], None]:
        consumer, partition = self._consumer(), KafkaPartition(*at)
        await consumer.start()
        try:
            consumer.assign([partition])
            end = (await consumer.end_offsets([partition]))[partition]
            consumer.seek(partition, start)
            position = start
            while position < end:
                fetched = await consumer.getmany(partition, timeout_ms=500)
                # The position also moves over control records, which are never handed out.
                position = await consumer.position(partition)
                yield [record for records in fetched.values() for record in records], position
        finally:
            await consumer.stop()

    async def send(self, at: TopicPartition, value: bytes, *, key: bytes | None = None) -> int:
        if self._plain is None or _failed(self._plain):
            self._plain = asyncio.ensure_future(self._start_plain())
        producer = await asyncio.shield(self._plain)
        offset: int = (await producer.send_and_wait(at.topic, value, key=key, partition=at.partition)).offset
        return offset

    async def stop(self) -> None:
        """Close the shared connections."""
        for task in [*self._readers.values(), *([self._plain] if self._plain else [])]:
            if task.done() and not task.cancelled() and task.exception() is None:
                await task.result().stop()
            else:
                task.cancel()
        self._readers, self._plain = {}, None

    async def _reader(self, group: str) -> Any:
        """A consumer that is a member of no group; it asks the group's coordinator for offsets."""
        if group not in self._readers or _failed(self._readers[group]):
            self._readers[group] = asyncio.ensure_future(self._start_reader(group))
        return await asyncio.shield(self._readers[group])

    async def _start_reader(self, group: str) -> Any:
        return await started(self._consumer(group_id=group or None))

    async def _start_plain(self) -> Any:
        return await started(AIOKafkaProducer(**connection(self._settings), enable_idempotence=True))

    def _consumer(self, **more: object) -> Any:
        return AIOKafkaConsumer(
            **connection(self._settings),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=100,
            **more,
        )


async def partition_counts(settings: BrokerSettings, topics: Iterable[str]) -> Mapping[str, int]:
    """How many partitions each topic has; a topic that does not exist is absent. Raises KafkaError when no broker answers."""
    admin = AIOKafkaAdminClient(**connection(settings))
    try:
        await admin.start()
        described = await _described(admin, list(topics))
    finally:
        await admin.close()
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}


async def _described(admin: Any, topics: list[str]) -> Any:
    """Aiokafka asks a broker by chance, also one that was just lost: then another one is asked."""
    for _ in range(_TURNS - 1):
        try:
            return await admin.describe_topics(topics)
        except (errors.NodeNotReadyError, errors.KafkaConnectionError):
            await asyncio.sleep(_TURN_PAUSE_S)
    return await admin.describe_topics(topics)


def incoming(record: Any) -> Incoming:
    """A record of aiokafka as the domain reads it. By position: by name, it takes three times as long, for every message of each
    stage.
    """
    return Incoming(
        record.topic, record.partition, record.offset, record.key, record.value, tuple(record.headers), record.timestamp
    )


def connection(settings: BrokerSettings) -> dict[str, Any]:
    """The arguments that every client of aiokafka takes."""
    return {
        "bootstrap_servers": settings.bootstrap_servers,
        "request_timeout_ms": int(settings.request_timeout_s * 1000),
        **settings.security,
    }


async def started(client: Any) -> Any:
    """The client, started. One that cannot start leaves no connection open."""
    try:
        await client.start()
    except BaseException:
        await client.stop()
        raise
    return client


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
