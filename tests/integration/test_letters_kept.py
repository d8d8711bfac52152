"""Topics whose retention somebody altered, on a real broker: no open letter is dropped before anybody is told."""

import json
import time
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from streams.broker_wiring import broker_access
from streams.deadletter.record import encode_dead_letter
from streams.errors import Refused
from streams.mapping import load_site
from streams.topics.broker import Broker
from streams.topics.shapes import TopicSpec
from tests.bench.topics import apply_topics
from tests.integration.test_dlq_command import INVALID, dlq, sample_site
from yibao.letters.kept import expiring
from yibao.main import build

pytestmark = pytest.mark.stack
DAY_MS = 86_400_000
PREFIX = "kept-"


@pytest.fixture
async def site(kafka, tmp_path):
    """The file of a site with one open letter, eight days old."""
    file = sample_site(tmp_path, kafka.bootstrap_servers, PREFIX)
    apply_topics(file)
    at = time.time_ns() // 1_000_000 - 8 * DAY_MS
    key, value, headers = encode_dead_letter(replace(INVALID, failed_at=at))
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        await producer.send_and_wait(f"{PREFIX}visit.dead", value, key=key, partition=2, headers=headers, timestamp_ms=at)
    return file


def altered(site, topic, **settings):
    """Somebody at a broker's console, who looks whether it was taken: a controller answers before the brokers know."""
    wanted = {name.replace("_", "."): f"{value}" for name, value in settings.items()}
    with Broker(broker_access(load_site(site))) as broker:
        live = broker.topics([f"{PREFIX}{topic}"])[f"{PREFIX}{topic}"]
        broker.reshape(
            [TopicSpec(name=live.name, partitions=live.partitions, replication_factor=live.replication_factor, configs=wanted)]
        )


def planned(site):
    found = CliRunner().invoke(build(["topics"]), ["topics", "plan", "-c", f"{site}", "-o", "json"])
    return found.exit_code, found.stdout


def warned(site):
    whole = load_site(site)
    with Broker(broker_access(whole)) as broker:
        return expiring(whole, broker)


async def test_a_retention_that_is_shorter_than_an_open_letter_is_old_is_refused_and_one_that_is_near_is_told(site, kafka):
    """The broker deletes on its own and says nothing; the record of the letter would never be reported."""
    assert (0, None) == (planned(site)[0], warned(site))
    altered(site, "visit.dead", retention_ms=10 * DAY_MS)
    assert 0 == planned(site)[0]
    near = warned(site)
    assert (10 * DAY_MS, True) == (near.kept_ms, "8.0 days old" in near.line)
    told = CliRunner().invoke(build(["connector"]), ["connector", "status", "-c", f"{site}", "-o", "json"])
    assert 10 * DAY_MS == 1000 * json.loads(told.stdout)["expiring_letters"]["kept_s"]
    altered(site, "visit.dead", retention_ms=7 * DAY_MS)
    code, said = planned(site)
    assert (1, True) == (code, f"--entity-name {PREFIX}visit.dead --add-config retention.ms={400 * DAY_MS}" in said)
    refused = CliRunner().invoke(build(["topics"]), ["topics", "apply", "-c", f"{site}"]).exception
    assert (Refused, True) == (type(refused), "7.0 days" in f"{refused}")
    altered(site, "visit.dead", retention_ms=400 * DAY_MS)
    altered(site, "visit.receipts", retention_ms=400 * DAY_MS, retention_bytes=1_000_000)
    assert (1, True) == (planned(site)[0], "retention.bytes 1000000" in planned(site)[1])
    dlq("close", "-c", site, "any", "--reason", "looked at", "--yes")
    altered(site, "visit.dead", retention_ms=7 * DAY_MS)
    assert (0, None) == (planned(site)[0], warned(site))
