"""The lookup rows that every join worker holds, read from a real broker."""

import time

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.errors import Fatal
from streams.lanes.exits import Exit
from streams.lanes.join.lookup_feed import KafkaLookupFeed
from streams.lanes.join.lookups import LookupTable, LookupTables
from streams.telemetry.outcomes import Outcomes
from tests.settings import broker_settings

pytestmark = pytest.mark.stack


@pytest.fixture
def bootstrap(kafka):
    return kafka.bootstrap_servers


def row(code, name):
    source = {"connector": "postgresql", "name": "his", "schema": "his", "table": "dept", "ts_ms": 1, "lsn": 1}
    return orjson.dumps({"op": "c", "source": source, "before": None, "after": {"code": code, "name": name}})


async def test_what_was_written_before_the_question_is_known_after_it(bootstrap):
    """A visit is folded right after the question; a lookup row captured before it must not be missing then."""
    topic = f"lookup.t{time.time_ns() % 10**10}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1)])
    await admin.close()
    feed = KafkaLookupFeed(broker_settings(bootstrap), [topic])
    tables = LookupTables(feed, {topic: LookupTable(name="dept", key=("code",))}, outcomes=Outcomes("join"))
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        await tables.caught_up()
        assert tables.find("dept", ("0",)) is None
        for number in range(50):
            await producer.send_and_wait(topic, row(str(number), f"n{number}"), partition=number % 2)
            await tables.caught_up()
            assert f"n{number}" == tables.find("dept", (str(number),))["name"]
    finally:
        await producer.stop()
        await tables.stop()


async def test_a_missing_lookup_topic_ends_the_worker(bootstrap):
    """Without it every record that reads the lookup would wait and then be given up."""
    feed = KafkaLookupFeed(broker_settings(bootstrap), [f"lookup.absent{time.time_ns()}"])
    with pytest.raises(Fatal) as raised:
        await anext(feed.up_to_the_end())
    assert Exit.METADATA == raised.value.exit_code
