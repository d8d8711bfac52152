"""A broker that hung and goes on: it answers, and for a moment it names no broker that is alive, not even itself."""

import asyncio
import struct
from contextlib import asynccontextmanager, suppress

import pytest
from aiokafka.errors import KafkaError, KafkaTimeoutError

from streams.errors import Unreachable
from streams.lanes import kafka_broker
from streams.lanes.away import away
from streams.lanes.kafka_broker import KafkaBroker
from streams.lanes.topic_check import topics_there
from tests.patience import PATIENCE_S
from tests.settings import broker_settings
from tests.unit.streams.lanes.lane_rig import CHANGES, Rig

VERSIONS, METADATA = 18, 3
NOBODY = struct.pack(">iii", 0, -1, 0)
"""No brokers, no controller, no topics."""


WITH_IDS = 10
"""The version of the request for metadata that tells the ids of topics."""


def _itself(port):
    """Metadata, in version 5, of one broker without topics."""
    return struct.pack(">iiih9sihhii", 0, 1, 1, 9, b"127.0.0.1", port, -1, -1, 1, 0)


async def _answer(reader, writer, metadata=NOBODY, last=1):
    while head := await reader.read(4):
        asked = await reader.readexactly(int.from_bytes(head))
        key, version, number = struct.unpack_from(">hhi", asked)
        assert number >= 0
        if version == WITH_IDS:
            continue  # it hangs
        spoken = struct.pack(">hi6h", 0, 2, VERSIONS, 0, 0, METADATA, 1, last)
        answer = asked[4:8] + {VERSIONS: spoken, METADATA: metadata}[key]
        writer.write(struct.pack(">i", len(answer)) + answer)
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def dazed_broker(metadata=lambda _port: NOBODY, *, last=1):
    """The address of one. metadata: what it knows, by its port. last: version of the request for it that it takes."""
    asked = []

    async def answer(reader, writer):
        asked.append(asyncio.current_task())
        with suppress(ConnectionResetError):  # a client that only looks whether somebody answers goes in the middle of it
            await _answer(reader, writer, metadata(writer.get_extra_info("sockname")[1]), last)

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for _ in range(10):  # a client that has just come once more is met, and one that went is let go
            await asyncio.gather(*asked)  # each ends with its client
            await asyncio.sleep(0)


async def test_a_lane_that_meets_it_says_what_is_away_and_what_happens_next():
    """It was `the lane of … met AssertionError` with exit code 70, which reads like a fault to report."""
    rig = Rig()
    async with dazed_broker() as address:
        rig.log = KafkaBroker(broker_settings(bootstrap_servers=address))
        lane = rig.join_lane()
        lane.start()
        await asyncio.wait_for(rig.deaths.happened.wait(), PATIENCE_S)
        await lane._producer.stop()
    (error,) = rig.deaths.reasons
    assert (3, "AssertionError") == (error.exit_code, type(error.__cause__).__name__)
    assert f"{error}".startswith("Kafka at here:9092 is away, or hung")
    assert "Nothing is lost" in f"{error}"


async def test_one_that_hangs_when_it_is_asked_for_topics_is_away(monkeypatch):
    """It was `the lane of … met TimeoutError` with exit code 70: seen where a machine was so busy that an answer took longer."""
    monkeypatch.setattr(kafka_broker, "_TURN_S", 0.2)

    async with dazed_broker(_itself, last=WITH_IDS) as address:
        broker = KafkaBroker(broker_settings(bootstrap_servers=address))
        with pytest.raises((KafkaError, TimeoutError)) as met:
            await broker.topic_ids([CHANGES])
        await broker.stop()
    fatal = away(met.value, servers="here:9092", who="a lane")
    assert fatal is not None
    assert (3, True) == (fatal.exit_code, "met RequestTimedOutError" in f"{fatal}")


async def test_a_first_start_that_meets_it_cannot_reach_the_brokers():
    """Exit code 3 and the address, as of brokers that are not there."""
    async with dazed_broker() as address:
        broker = broker_settings(bootstrap_servers=address)
        with pytest.raises(Unreachable, match=address):
            await topics_there(broker, partitioned=["visit.changes"], also=[], partitions=1, patient=False)


def test_a_client_that_asked_until_its_time_was_over_met_brokers_that_hang():
    """It was `the lane of … met KafkaTimeoutError` with exit code 70: seen as `Failed to get offsets by times in 40000 ms`."""
    fatal = away(KafkaTimeoutError("Failed to get offsets by times in 40000 ms"), servers="here:9092", who="a lane")
    assert fatal is not None
    assert (3, True) == (fatal.exit_code, "met KafkaTimeoutError" in f"{fatal}")


def test_an_error_of_ours_stays_one():
    """An assertion of our own code is a fault to report, and not the broker's."""
    with pytest.raises(AssertionError) as ours:
        assert not CHANGES
    assert away(ours.value, servers="here:9092", who="a lane") is None
