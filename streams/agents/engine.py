"""Everything of Faust that we touch from inside, in one guarded file.

Faust gives membership, fetching, topics and agents. It does not commit, seek, count gaps or decide what is acknowledged: the
transactions of the lanes do. An agent gets one event per partition and fetch, whose value is the list of records; one event per
record would cost more than encrypting it. Every override names what it prevents, and the versions are pinned, because the next
release may rename what is overridden.
"""
# ruff: noqa: SLF001 - the inside is what this file is about

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

import faust
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode.supervisors import CrashingSupervisor
from mode.utils.locks import Event

from streams.agents.connection import AppSettings, credentials
from streams.agents.worker_home import make_home
from streams.domain.changes import Incoming
from streams.errors import Fatal
from streams.lanes.assignment import Assignment
from streams.lanes.exits import Exit
from streams.lanes.kafka_broker import incoming
from streams.lanes.pinned import require_versions
from streams.lanes.ports import TopicPartition
from streams.telemetry.board import Look

require_versions()

_HANDED_OVER = 2000
"""Most records of one hand-over, of all partitions together."""


def sure_round_robin(die: Callable[[Fatal], None]) -> type[RoundRobinPartitionAssignor]:
    """An assignor that ends the process when it leads the group without knowing a topic.

    After a broker's restart a leader without metadata hands out nothing, and the whole group sits idle.
    """

    class SureRoundRobin(RoundRobinPartitionAssignor):  # type: ignore[misc]  # aiokafka ships no types
        @classmethod
        def assign(cls, cluster: Any, members: Mapping[str, Any]) -> Any:
            for topic in sorted({topic for member in members.values() for topic in member.subscription}):
                if not cluster.partitions_for_topic(topic):
                    die(Fatal(f"the leader of the group knows no partition of {topic}", exit_code=Exit.METADATA))
            return super().assign(cluster, members)

    return SureRoundRobin


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that fetches."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust reads committed messages only in its own exactly-once mode.
        consumer._isolation_level = "read_committed"
        consumer._partition_assignment_strategy = [sure_round_robin(self._lane_app().die)]
        return consumer

    async def on_thread_stop(self) -> None:
        """Stop. Aiokafka ends a fetch that has just failed with a cancellation of whoever stops it, which ended this thread before
        it said that it ends: the worker waited for it until it was killed.
        """
        with suppress(asyncio.CancelledError):
            await super().on_thread_stop()

    def note_full(self) -> None:
        """Note that nothing was fetched because no lane has room. Without this, a hold of a day looks idle to aiokafka, which then
        leaves the group and does not come back.
        """
        if self._consumer is not None:
            self._consumer._subscription._last_fetch_ended = time.monotonic()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        found: Mapping[TP, int] = await self.call_thread(self._seek_to_committed)
        return found

    async def _seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to the committed offsets. Aiokafka's own way does not seek to an offset of 0 and reads on from wherever it stood."""
        consumer = self._ensure_consumer()
        committed = await consumer._coordinator.fetch_committed_offsets(consumer.assignment())
        for at, found in committed.items():
            if consumer._subscription.is_assigned(at):
                consumer._fetcher.seek_to(at, found.offset)
        return {at: found.offset for at, found in committed.items()}

    def _lane_app(self) -> "LaneApp":
        assert isinstance(self.app, LaneApp)
        return self.app


class ListConsumer(driver.Consumer):
    """Hands over one list of records per partition and fetch."""

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._room = Event()

    def on_buffer_drop(self, tp: TP) -> None:
        super().on_buffer_drop(tp)
        self._room.set()

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's signature
        """Where no lane has room, look again as soon as one has. Faust sleeps for a second then, and a stage of one lane, which has
        worked off its records long before, stands idle most of the time.
        """
        if not self.flow_active or self._get_active_partitions():
            return await super()._wait_next_records(timeout)
        self._room.clear()
        await self.wait_first(self._room, timeout=timeout)
        return {}, self._get_active_partitions()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002 - Faust's signature
        """Commit nothing: an offset is committed by the transaction that holds what became of its record."""
        del topics, start_new_transaction
        return False

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Note nothing. Every transaction marker is a gap, and the time that Faust spends on gaps grows with the square of their
        number.
        """

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Check nothing. Faust looks for its own commits here, of which there are none; the lanes' watch looks at numbers."""

    async def _drain_messages(self, fetcher: Any) -> None:
        """Hand over records without the four tasks that Faust makes for each message."""
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                await self.sleep(0)
                if not self.should_stop:
                    await self._hand_over()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _hand_over(self) -> None:
        records, active = await self._wait_next_records(1.0)
        if not active:
            self._thread.note_full()
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        for at, fetched in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                # What is left belongs to another generation; it is read again from the committed offset.
                return
            if fetched:
                await self.callback(_as_message(TP(*at), fetched, generation))
                self._read_offset[TP(*at)] = fetched[-1].offset


class ListTransport(driver.Transport):
    Consumer: ClassVar[Any] = ListConsumer


class RecordLists(faust.Schema):  # type: ignore[type-arg]  # generic in Faust's own way
    """Passes the event's value, a list of records, through as it is."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        del app, message, loads, serializer

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        del app, loads, serializer
        return message.value


class LaneApp(faust.App):
    """A Faust app whose partitions belong to lanes: lanes are closed before their partitions are given up, and opened after they
    were assigned.
    """

    def __init__(self, settings: AppSettings, lanes: Assignment, *, die: Callable[[Fatal], None]) -> None:
        make_home(settings.home)
        super().__init__(
            settings.group,
            broker=[f"kafka://{server}" for server in settings.broker.bootstrap_servers.split(",")],
            broker_credentials=credentials(settings.broker.security),
            broker_client_id=settings.client_id,
            broker_session_timeout=settings.session_timeout_s,
            broker_heartbeat_interval=settings.heartbeat_s,
            broker_rebalance_timeout=settings.rebalance_timeout_s,
            broker_request_timeout=settings.broker.request_timeout_s,
            # aiokafka leaves the group when it fetches nothing for so long, and does not come back by itself.
            broker_max_poll_interval=settings.max_poll_interval_s,
            consumer_metadata_max_age_ms=30_000,
            consumer_auto_offset_reset="earliest",
            # Whole fetches would run over the lanes' high water: well compressed, one holds ten thousands of records a partition.
            broker_max_poll_records=_HANDED_OVER,
            consumer_max_fetch_size=1 << 20,
            stream_buffer_maxsize=settings.buffered_lists,
            # A restarted agent has lost the list that it had in hand; the process ends instead.
            agent_supervisor=CrashingSupervisor,
            # Waiting for streams to be empty hangs at SIGTERM and in rebalances.
            stream_wait_empty=False,
            key_serializer="raw",
            value_serializer="raw",
            store="memory://",
            datadir=str(settings.home),
            topic_allow_declare=False,
            topic_disable_leader=True,
            table_standby_replicas=0,
            web_enabled=False,
        )
        self.lanes = lanes
        self.servers = settings.broker.bootstrap_servers
        self.die = die
        self.closing: list[Callable[[], Awaitable[object]]] = []
        self.looks: list[Look] = []
        """How the process is looked at from outside."""
        self.transport = ListTransport(self.conf.broker_consumer, self)

    def lists_of(self, *topics: str) -> Any:
        """The topics as a channel of record lists."""
        return self.topic(*topics, schema=RecordLists())

    def flow_of(self, at: TopicPartition) -> "PartitionFlow":
        """The back-pressure of one partition."""
        return PartitionFlow(self, at)

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        await self.lanes.revoke()
        await super()._on_partitions_revoked(revoked)

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        await super()._on_partitions_assigned(assigned, generation_id)
        if not self.should_stop:
            await self.lanes.assign([TopicPartition(*at) for at in assigned], generation_id)

    async def _stop_consumer(self) -> None:
        await self.lanes.revoke()
        await super()._stop_consumer()

    async def on_stop(self) -> None:
        """Stop, and then close what the lanes used."""
        await super().on_stop()
        for close in self.closing:
            await close()


class PartitionFlow:
    """Stops and resumes fetching one partition by Faust's pressure marks; the others go on. (Faust's pause would drop what is in
    hand.)
    """

    def __init__(self, app: LaneApp, at: TopicPartition) -> None:
        self._app = app
        self._at = TP(*at)

    def stop(self) -> None:
        self._app.consumer.on_buffer_full(self._at)

    def resume(self) -> None:
        self._app.consumer.on_buffer_drop(self._at)


def hand_to_lanes(lanes: Assignment, event: Any) -> None:
    """Give one event's records to their lane."""
    message = event.message
    records: Iterable[Any] = message.value
    handed: list[Incoming] = [incoming(record) for record in records]
    lanes.put(TopicPartition(message.topic, message.partition), message.generation_id, handed)


def _as_message(at: TP, records: Any, generation: int) -> ConsumerMessage:
    """One message whose value is the list. Faust's own types know only bytes there."""
    last = records[-1]
    return ConsumerMessage(
        at.topic,
        at.partition,
        last.offset,
        last.timestamp / 1000.0,
        last.timestamp_type,
        [],
        b"",
        records,
        None,
        0,
        0,
        at,
        generation_id=generation,
    )
