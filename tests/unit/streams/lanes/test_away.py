"""A broker that hung and goes on: it answers, and for a moment it names no broker that is alive, not even itself."""

import asyncio
import struct
from contextlib import asynccontextmanager, suppress

import pytest

from streams.errors import Unreachable
from streams.lanes.away import away
from streams.lanes.kafka_broker import KafkaBroker
from streams.lanes.topic_check import topics_there
from tests.patience import PATIENCE_S
from tests.settings import broker_settings
from tests.unit.streams.lanes.lane_rig import CHANGES, Rig

VERSIONS, METADATA = 18, 3
SPOKEN = struct.pack(">hi6h", 0, 2, VERSIONS, 0, 0, METADATA, 1, 1)
NOBODY = struct.pack(">iii", 0, -1, 0)
"""No brokers, no controller, no topics."""


async def _answer(reader, writer):
    while head := await reader.read(4):
        asked = await reader.readexactly(int.from_bytes(head))
        key, _version, number = struct.unpack_from(">hhi", asked)
        answer = asked[4:8] + {VERSIONS: SPOKEN, METADATA: NOBODY}[key]
        assert number >= 0
        writer.write(struct.pack(">i", len(answer)) + answer)
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def dazed_broker():
    """The address of one."""
    asked = []

    async def answer(reader, writer):
        asked.append(asyncio.current_task())
        with suppress(ConnectionResetError):  # a client that only looks whether somebody answers goes in the middle of it
            await _answer(reader, writer)

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


async def test_a_first_start_that_meets_it_cannot_reach_the_brokers():
    """Exit code 3 and the address, as of brokers that are not there."""
    async with dazed_broker() as address:
        broker = broker_settings(bootstrap_servers=address)
        with pytest.raises(Unreachable, match=address):
            await topics_there(broker, partitioned=["visit.changes"], also=[], partitions=1, patient=False)


def test_an_error_of_ours_stays_one():
    """An assertion of our own code is a fault to report, and not the broker's."""
    with pytest.raises(AssertionError) as ours:
        assert not CHANGES
    assert away(ours.value, servers="here:9092", who="a lane") is None
