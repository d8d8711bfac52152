"""The same lanes on a bare aiokafka loop; the deliver stage without plans and transactions: what framework and exactness cost.

argv: lanes|plain, join|deliver, site.yaml, a folder. `plain` posts batches of what it reads and commits nothing.
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition as KafkaPartition

from streams.agents.deliver import DeliverStage
from streams.agents.join import JoinStage
from streams.domain.batch.cut import cut
from streams.domain.batch.msgid import base36
from streams.domain.ready import decode
from streams.lanes.assignment import AnyLane, Assignment
from streams.lanes.context import LaneContext
from streams.lanes.deliver.lane import DeliverLane
from streams.lanes.join.lane import JoinLane, JoinShared
from streams.lanes.join.rocks_store import RocksStores
from streams.lanes.join.state import State
from streams.lanes.kafka_broker import incoming
from streams.lanes.ports import TopicPartition
from streams.mapping import load_site
from streams.platform_wiring import gateway_of
from streams.telemetry import events
from streams.telemetry.outcomes import Outcomes
from streams.wiring import deliver_stage, join_stage


class Flow:
    """Back-pressure of one partition of a consumer."""

    def __init__(self, consumer: Any, at: TopicPartition) -> None:
        self._consumer = consumer
        self._at = KafkaPartition(*at)

    def stop(self) -> None:
        """Fetch no more of it."""
        self._consumer.pause(self._at)

    def resume(self) -> None:
        """Fetch it again."""
        self._consumer.resume(self._at)


async def run(kind: str, stage: str, file: Path, home: Path) -> None:
    """Read all partitions of a stage's input for ever."""
    site = load_site(file)
    topic = site.topics.changes if stage == "join" else site.topics.ready
    consumer = AIOKafkaConsumer(
        bootstrap_servers=site.kafka.bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=4 << 20,
    )
    await consumer.start()
    consumer.assign([KafkaPartition(topic, number) for number in range(site.kafka.partitions)])
    await consumer.seek_to_beginning()
    if stage == "join":
        await _feed(consumer, _join(join_stage(site, home=home, index=0), consumer))
        return
    outcomes = Outcomes("deliver")
    async with gateway_of(site, outcomes) as gateway:
        delivering = deliver_stage(site, gateway, mark="b3nc", home=home, index=0, outcomes=outcomes)
        if kind == "plain":
            await _plain(consumer, delivering)
        else:
            await _feed(consumer, _deliver(delivering, consumer))


async def _feed(consumer: Any, open_lane: Callable[[TopicPartition, int], AnyLane]) -> None:
    partitions = [TopicPartition(*at) for at in consumer.assignment()]
    lanes = Assignment([partitions[0].topic], open_lane)
    await lanes.assign(partitions, 1)
    while True:
        for at, records in (await consumer.getmany(timeout_ms=1000)).items():
            lanes.put(TopicPartition(*at), 1, [incoming(record) for record in records])


def _join(stage: JoinStage, consumer: Any) -> Callable[[TopicPartition, int], AnyLane]:
    shared = JoinShared(topics=stage.topics, fold=stage.fold, lookups=stage.lookups, settings=stage.settings)
    stores = RocksStores(stage.app.home / "state")

    def open_lane(at: TopicPartition, generation: int) -> JoinLane:
        state = State(TopicPartition(stage.topics.state, at.partition), stores.of(at.partition))
        return JoinLane(at, generation, context=stage.context, flow=Flow(consumer, at), shared=shared, state=state)

    return open_lane


def _deliver(stage: DeliverStage, consumer: Any) -> Callable[[TopicPartition, int], AnyLane]:
    context: LaneContext = stage.context
    return lambda at, generation: DeliverLane(at, generation, context=context, flow=Flow(consumer, at), shared=stage.shared)


async def _plain(consumer: Any, stage: DeliverStage) -> None:
    """At most as careful as a script: cut what came, post it, forget it."""
    queues: dict[int, asyncio.Queue[Any]] = {at.partition: asyncio.Queue() for at in consumer.assignment()}

    async def lane(partition: int) -> None:
        number, limits, most = 0, stage.shared.limits, stage.shared.settings.max_plan
        while True:
            records = [await queues[partition].get()]
            while len(records) < most and not queues[partition].empty():
                records.append(queues[partition].get_nowait())
            for batch in cut([decode(incoming(record)) for record in records], limits):
                number += 1
                await stage.shared.platform.post(
                    batch, f"{batch.institution}{base36(partition, width=2)}{base36(number, width=18)}"
                )

    running = [asyncio.ensure_future(lane(partition)) for partition in queues]
    while all(not one.done() for one in running):
        for at, records in (await consumer.getmany(timeout_ms=1000)).items():
            for record in records:
                queues[at.partition].put_nowait(record)


if __name__ == "__main__":
    events.configure()
    uvloop.install()
    asyncio.run(run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])))
