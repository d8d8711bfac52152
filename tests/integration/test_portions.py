"""What ticks do a portion at a time, on a real broker, with a worker that is killed between two portions."""

import asyncio
from collections import Counter
from contextlib import suppress

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from streams.domain.ticks import tick_value
from streams.lanes.kafka_broker import KafkaBroker
from streams.lanes.ports import TopicPartition as LanePartition
from tests.integration.serving import until
from tests.integration.test_lanes_on_a_broker import bootstrap, read_all, topics, workers  # noqa: F401 - fixtures
from tests.patience import PATIENCE_S
from tests.settings import broker_settings
from tests.unit.streams.domain.join.join_rig import CHARGE, LIMITS, SETTLE, START_MS, VISIT, envelope

LINES = 40
PORTION = 3
"""Rows that a tick gives up, and lines that a tick builds again."""

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@pytest.fixture
def platform():
    """None is posted to."""

    class Nowhere:
        url = ""

    return Nowhere()


class Feed:
    """Writes what the place stage would: changes, and ticks for as long as it is asked to."""

    def __init__(self, producer, broker, names):
        self._producer, self._broker, self._place = producer, broker, 0
        self._topic, self._group = names.changes, names.group("join")

    async def change(self, table, row, op="c"):
        self._place += 1
        value = envelope(table, op, row, at=self._place)
        await self._producer.send(self._topic, value, key=b"V1", partition=0, timestamp_ms=START_MS)

    async def flush(self):
        await self._producer.flush()

    async def tick_on(self):
        """One tick after the other, each when the last one is folded, as the ticker asks for them."""
        at = LanePartition(self._topic, 0)
        while True:
            moment = START_MS + LIMITS.wait_ms
            told = await self._producer.send_and_wait(self._topic, tick_value(moment), partition=0, timestamp_ms=moment)

            async def folded(told=told):
                return (await self._broker.committed(self._group, at)).offset > told.offset

            await until(folded, PATIENCE_S, "a tick was not folded", every_s=0.02)


@pytest.fixture
async def feed(bootstrap, topics):  # noqa: F811 - fixtures
    broker = KafkaBroker(broker_settings(bootstrap))
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        yield Feed(producer, broker, topics)
    await broker.stop()


async def test_a_worker_killed_between_portions_tells_and_builds_each_row_once(bootstrap, topics, workers, feed):  # noqa: F811
    """A portion that is done twice is a second letter, or a record that goes twice; one that is lost, a row for ever."""
    await feed.change("h.visit", VISIT)
    await feed.change("h.settle", SETTLE)
    for number in range(LINES):
        await feed.change("h.charge", CHARGE | {"charge_id": f"C{number}"})
        await feed.change("h.charge", CHARGE | {"charge_id": f"L{number}", "settle_no": "S9"})
    await feed.change("h.visit", VISIT | {"patient_id": "P2"}, "u")
    await feed.flush()
    worker = workers("join", portion=PORTION)

    async def done():
        ready = await read_all(bootstrap, topics.ready)
        lines = [key for key in map(key_of, ready) if key.startswith("C")]
        return len(lines), len(await read_all(bootstrap, topics.dead))

    async def first_lines():
        return (await done())[0] > LINES

    await until(first_lines, PATIENCE_S, "the lines were not reported")
    ticking = asyncio.ensure_future(feed.tick_on())
    for share in (0.2, 0.6):

        async def between(share=share):
            if ticking.done():  # nothing else would be told: say why it ended
                ticking.result()
            return (await done())[1] >= share * LINES

        await until(between, PATIENCE_S, f"{share} of the rows were not given up")
        worker.kill()
        worker.wait()
        worker = workers("join", portion=PORTION)

    async def all_done():
        if ticking.done():  # nothing else would be told, or built: say why it ended
            ticking.result()
        return await done() == (2 * LINES, LINES)

    await until(all_done, PATIENCE_S, "some rows were not told, or built")
    ticking.cancel()
    with suppress(asyncio.CancelledError):
        await ticking
    letters = Counter(row_key_of(letter) for letter in await read_all(bootstrap, topics.dead))
    assert {f"L{number}": 1 for number in range(LINES)} == letters
    built = Counter(key_of(message) for message in await read_all(bootstrap, topics.ready))
    assert {f"C{number}": 2 for number in range(LINES)} == {key: times for key, times in built.items() if key.startswith("C")}


def key_of(message):
    return orjson.loads(message.value).get("BKKP_SN", "")


def row_key_of(letter):
    return dict(letter.headers)["x-dlq-row-key"].decode()
