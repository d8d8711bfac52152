"""Both stages on a real broker, killed in the middle: the law that everything else stands on."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import OffsetAndMetadata

from connector.contract import Topics
from streams.lanes.kafka_broker import KafkaBroker
from streams.lanes.marks import deliver_mark, join_mark
from streams.lanes.ports import TopicPartition as LanePartition
from streams.testing import FakePlatform
from tests.integration.serving import served, until
from tests.patience import PATIENCE_S
from tests.settings import broker_settings

PARTITIONS = 3
INPUTS = 1500
WORKER = Path(__file__).with_name("lane_worker.py")

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@pytest.fixture
def bootstrap(kafka):
    return kafka.bootstrap_servers


@pytest.fixture
async def topics(bootstrap):
    """A site's topics with the first committed offsets, as `topics apply` lays them down. They keep records of any age: a broker
    looks for old ones half a minute after its start, and would take those that a test dates as it likes.
    """
    names = Topics(prefix=f"t{time.time_ns() % 10**10}.")
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    wanted = (names.changes, names.state, names.ready, names.receipts, names.orphans, names.dead)
    await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs={"retention.ms": "-1"}) for name in wanted])
    await admin.close()
    for stage, topic in (("join", names.changes), ("deliver", names.ready)):
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=names.group(stage), enable_auto_commit=False)
        await consumer.start()
        partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.commit({at: OffsetAndMetadata(0, '{"seq":1}') for at in partitions})
        await consumer.stop()
    return names


@pytest.fixture
async def platform():
    """On a free port. It refuses what is made of every 97th input, and loses the answers to some batches that it took."""
    platform, chance = (
        FakePlatform(refuses=(f"{number}-{part}" for number in range(0, INPUTS, 97) for part in (0, 1))),
        random.Random(7),
    )
    platform.loses_answer = lambda _msgid: chance.random() < 0.05
    async with served(platform) as platform.url:
        yield platform


@pytest.fixture
def workers(bootstrap, topics, platform, tmp_path):
    """Starts worker processes and leaves none behind."""
    started = []

    def start(stage, **more):
        options = {
            "stage": stage,
            "prefix": topics.prefix,
            "bootstrap": bootstrap,
            "home": str(tmp_path / stage),
            "url": platform.url,
            **more,
        }
        command = [sys.executable, str(WORKER), json.dumps(options)]
        with (tmp_path / f"{stage}-{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(command, stderr=log, stdout=log, env={**os.environ, "PYTHONPATH": "."})
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


async def feed(bootstrap, topics, start, count):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, enable_idempotence=True)
    await producer.start()
    try:
        for number in range(start, start + count):
            visit = number % 50
            value = orjson.dumps({"i": number})
            await producer.send(topics.changes, value, key=b"v%d" % visit, partition=visit % PARTITIONS)
            if number % 50 == 0:
                await asyncio.sleep(0.02)
        await producer.flush()
    finally:
        await producer.stop()


async def marks(bootstrap, topics):
    """(numbers the join gave, numbers the deliver stage is through with, open plans)."""
    broker = KafkaBroker(broker_settings(bootstrap))
    try:
        joined = delivered = plans = 0
        for partition in range(PARTITIONS):
            join = await broker.committed(topics.group("join"), LanePartition(topics.changes, partition))
            deliver = await broker.committed(topics.group("deliver"), LanePartition(topics.ready, partition))
            mark = deliver_mark(deliver.metadata)
            joined += join_mark(join.metadata).seq - 1
            delivered += mark.seq - 1
            plans += mark.plan is not None
        return joined, delivered, plans
    finally:
        await broker.stop()


async def read_all(bootstrap, topic):
    """All committed messages of a topic."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, p) for p in range(PARTITIONS)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found = []
        while [at for at in partitions if await consumer.position(at) < ends[at]]:
            for records in (await consumer.getmany(timeout_ms=300)).values():
                found.extend(records)
        return found
    finally:
        await consumer.stop()


def expected_records():
    return {(number, part) for number in range(INPUTS) for part in range(1 + number % 2)}


async def test_every_input_is_reported_once_though_both_workers_are_killed(bootstrap, topics, platform, workers):
    """Kill -9 while records are folded and posted: nothing is lost, nothing goes twice, nothing changes under its msgid."""
    running = {stage: workers(stage) for stage in ("join", "deliver")}
    feeding = asyncio.ensure_future(feed(bootstrap, topics, 0, INPUTS))
    for stage, after in (("deliver", INPUTS // 10), ("join", INPUTS // 4), ("deliver", INPUTS // 2)):

        async def got_there(after=after):
            return len(platform.records) >= after

        await until(got_there, PATIENCE_S, f"{after} records were not accepted")
        running[stage].kill()
        running[stage].wait()
        running[stage] = workers(stage)
    await feeding
    wanted = expected_records()

    async def drained():
        joined, delivered, plans = await marks(bootstrap, topics)
        return joined == delivered == len(wanted) and not plans

    await until(drained, PATIENCE_S, "the pipeline did not drain")
    await check_exactly_once(bootstrap, topics, platform, wanted)
    for process in running.values():
        process.send_signal(signal.SIGTERM)
    assert [0, 0] == [process.wait(PATIENCE_S) for process in running.values()]


async def check_exactly_once(bootstrap, topics, platform, wanted):
    rows = [orjson.loads(record.value) for record in platform.records]
    accepted = Counter((row["i"], row["part"]) for row in rows)
    letters = await read_all(bootstrap, topics.dead)
    dead = Counter((row["i"], row["part"]) for row in (orjson.loads(letter.value) for letter in letters))
    assert [] == platform.changed_msgids
    assert {1} == set(accepted.values())
    assert {1} == set(dead.values())
    assert wanted == accepted.keys() | dead.keys()
    assert not accepted.keys() & dead.keys()
    assert {(number, part) for number, part in wanted if number % 97 == 0} == set(dead)
    receipts = [orjson.loads(message.value) for message in await read_all(bootstrap, topics.receipts)]
    lines = Counter(line["key"] for receipt in receipts for line in receipt["records"])
    assert {f"{number}-{part}": 1 for number, part in accepted} == dict(lines)
    last = {}
    for row in rows:
        place = (row["n"], row["part"])
        assert place > last.get(row["visit"], (0, -1)), "a visit's records changed their order"
        last[row["visit"]] = place
