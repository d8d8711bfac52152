"""`yibao join compare` against a broker: what one set of topics alone remembers as reported; exit code 1 while there is any."""

import asyncio
import json
import time

import pytest
from aiokafka import AIOKafkaProducer

from streams.mapping import load_site
from tests.bench.bench_site import write_site
from tests.bench.topics import apply_topics
from tests.in_process import yibao
from tests.unit.streams.explain.test_handover import REPORTED, WENT, entry, gone
from tests.unit.streams.explain.test_remembered import row

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ANOTHER = row("F2", emitted="h", reported_as="H1/R2")


async def _write(servers, topic, entries):
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    try:
        for one in map(entry, entries):
            await producer.send_and_wait(topic, one.value, key=one.key)
    finally:
        await producer.stop()


@pytest.fixture
def sets(kafka, tmp_path):
    """The files of two sets of topics, and a way to remember rows in one."""
    servers = kafka.bootstrap_servers
    files = []
    for name in ("compared-old", "compared-new"):
        (home := tmp_path / name).mkdir()
        about = {"prefix": f"{name}-", "platform_url": "http://127.0.0.1:1", "partitions": 2}
        files.append(write_site(home, bootstrap_servers=servers, **about))
        apply_topics(files[-1])

    def remember(file, *entries):
        asyncio.run(_write(servers, load_site(file).topics.state, entries))

    return (*files, remember)


def compared(old, new):
    code, out, err = yibao("join", "compare", "--with", f"{new}", "-c", f"{old}", "-o", "json")
    assert code in (0, 1), err
    return code, [(one["kind"], one["row"]) for one in json.loads(out)["records"]]


def test_one_set_takes_over_when_it_would_tell_all_that_goes(sets):
    """Ended before that, the old one leaves records of which nobody is told that they went."""
    old, new, remember = sets
    remember(old, REPORTED, ANOTHER)
    remember(new, REPORTED, row("F2", refused="VALIDATION/R1"))
    assert (1, [("unreported", "his.charge/***")]) == compared(old, new)
    remember(old, WENT, gone(time.time_ns() // 1_000_000))
    remember(new, ANOTHER)
    assert (0, []) == compared(old, new)
    code, out, _ = yibao("join", "compare", "--with", f"{new}", "-c", f"{old}")
    assert (0, True) == (code, out.startswith("nothing is left"))


def test_topics_are_not_compared_with_themselves(sets):
    """Of these nothing would ever be left."""
    old, _, _ = sets
    code, _, err = yibao("join", "compare", "--with", f"{old}", "-c", f"{old}")
    assert (2, True) == (code, "kafka.topic_prefix" in err)
