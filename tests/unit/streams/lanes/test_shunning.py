"""A broker that hangs while others answer costs each client ten seconds a step; the roll call has them all turn to the others."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from streams.lanes import shunning
from streams.lanes.kafka_roll import KafkaRoll
from streams.lanes.roll_call import RollCall
from tests.patience import PATIENCE_S
from tests.settings import broker_settings

VERSIONS = b"\x00\x00\x00\x00\x00\x01\x00\x03\x00\x00\x00\x05"
"""No error; one request is known: Metadata, versions 0 to 5."""


@asynccontextmanager
async def hanging_broker():
    """It tells its versions, and answers nothing else. Its address, and how often somebody came."""
    came, serving = [], []

    async def serve(reader, writer):
        came.append(writer)
        serving.append(asyncio.current_task())
        size = int.from_bytes(await reader.readexactly(4), "big")
        asked = await reader.readexactly(size)
        answer = asked[4:8] + VERSIONS
        writer.write(len(answer).to_bytes(4, "big") + answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1], came
        finally:
            shunning.shun([])
            for writer in came:
                writer.close()
            await asyncio.gather(*serving, *(writer.wait_closed() for writer in came), return_exceptions=True)


async def test_whoever_waits_for_a_broker_that_hangs_turns_to_another_one_at_once():
    """And nobody connects to it any more, until it answers; but whoever asks whether it is there."""
    async with hanging_broker() as (port, came):
        where = f"127.0.0.1:{port}"
        connection = await create_conn("127.0.0.1", port)
        waiting = asyncio.ensure_future(connection.send(MetadataRequest([])))
        await asyncio.sleep(0)
        shunning.shun([where])
        with pytest.raises(KafkaConnectionError):
            await asyncio.wait_for(waiting, PATIENCE_S)
        with pytest.raises(KafkaConnectionError):
            await create_conn("127.0.0.1", port)
        assert 1 == len(came)
        roll = KafkaRoll(broker_settings(where))
        asking = asyncio.ensure_future(roll.ask(where))
        while len(came) < 2 and not asking.done():  # noqa: ASYNC110 - another task's doing
            await asyncio.sleep(0.01)
        assert not asking.done()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        shunning.shun([])
        (await create_conn("127.0.0.1", port)).close()


async def test_only_one_that_hangs_while_others_answer_is_left_alone():
    """Where none answers it may be ourselves who are away: whoever left all of them alone would never come back."""

    class Cluster:
        servers, away = ("a:1", "b:2"), set()

        async def ask(self, address):
            if address in self.away:
                raise TimeoutError
            return self.servers

    cluster, told = Cluster(), []
    roll_call = RollCall(cluster, clock=lambda: 0.0, shun=lambda hanging: told.append(sorted(hanging)))
    for away in (set(), {"a:1"}, {"a:1"}, {"a:1", "b:2"}, {"a:1", "b:2"}, set()):
        cluster.away = away
        await roll_call.call()
    assert [[], [], ["a:1"], [], [], []] == told
