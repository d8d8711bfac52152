"""A platform that is away for longer than any time-out of the group: the worker keeps its place and goes on by itself."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from streams.lanes.kafka_broker import KafkaBroker
from streams.lanes.marks import deliver_mark
from streams.lanes.ports import TopicPartition
from streams.mapping import load_site
from streams.testing import FakePlatform
from tests.bench.bench_site import write_site
from tests.bench.topics import apply_topics, fill
from tests.integration.serving import served, until
from tests.integration.test_back_pressure import ready
from tests.patience import PATIENCE_S
from tests.settings import broker_settings

PARTITIONS = 3
WAITING = 600
MAX_POLL_S = 5.0
WORKER = Path(__file__).with_name("lane_worker.py")
OPTIONS = {
    "app": {"max_poll_interval_s": MAX_POLL_S, "heartbeat_s": 0.5, "session_timeout_s": 30.0},
    "lanes": {"high": 60, "low": 30},
    "deliver": {"max_retry_s": 1.0, "max_plan": 20},
}

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@pytest.fixture
async def platform():
    """Away, on a free port."""
    platform = FakePlatform()
    platform.away = True
    async with served(platform) as platform.url:
        yield platform


async def members(bootstrap, group):
    """Ids of the members of a group: a worker that left and came back has another one."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([group])
        return {member[0] for member in answer.groups[0][5]}
    finally:
        await admin.close()


async def delivered(bootstrap, topics):
    """How many records the stage is through with."""
    broker = KafkaBroker(broker_settings(bootstrap))
    try:
        places = [TopicPartition(topics.ready, number) for number in range(PARTITIONS)]
        marks = [await broker.committed(topics.group("deliver"), place) for place in places]
        return sum(deliver_mark(mark.metadata).seq - 1 for mark in marks)
    finally:
        await broker.stop()


@pytest.fixture
def start(tmp_path):
    """Starts the worker, and leaves it not behind."""
    started = []

    def start(options):
        command = [sys.executable, str(WORKER), json.dumps(OPTIONS | options)]
        with (tmp_path / "worker.log").open("wb") as log:
            started.append(subprocess.Popen(command, stderr=log, stdout=log, env={**os.environ, "PYTHONPATH": "."}))
        return started[0]

    yield start
    for process in started:
        process.kill()
        process.wait()


async def test_a_hold_that_outlasts_every_timeout_needs_nobody(kafka, tmp_path, platform, start):
    """A day's outage against the poll interval of a day, both shortened: all lanes full, nothing fetched, and still a member."""
    bootstrap = kafka.bootstrap_servers
    file = write_site(tmp_path, prefix="hold-", bootstrap_servers=bootstrap, platform_url=platform.url, partitions=PARTITIONS)
    await asyncio.to_thread(apply_topics, file)
    topics = load_site(file).topics
    await fill(bootstrap, "hold-", (ready(number, PARTITIONS) for number in range(WAITING)))
    home = str(tmp_path / "home")
    worker = start({"stage": "deliver", "prefix": topics.prefix, "bootstrap": bootstrap, "home": home, "url": platform.url})

    async def at_work():
        assert worker.poll() is None
        return platform.posts >= PARTITIONS

    await until(at_work, PATIENCE_S, "the lanes did not begin")
    before = await members(bootstrap, topics.group("deliver"))
    begun = time.monotonic()

    async def held():
        assert worker.poll() is None
        return time.monotonic() > begun + 2 * MAX_POLL_S

    await until(held, PATIENCE_S, "the clock stands")
    assert await members(bootstrap, topics.group("deliver")) == before
    assert len(before) == 1
    platform.away = False

    async def drained():
        return await delivered(bootstrap, topics) == WAITING

    await until(drained, PATIENCE_S, "the worker did not go on by itself")
    assert worker.poll() is None
    assert sorted(record.record_key for record in platform.records) == [f"F{number:012d}" for number in range(WAITING)]
