"""A broker that hangs, with its connections open: clients turn to the others soon."""

import asyncio

import pytest
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.conn import create_conn
from aiokafka.errors import CoordinatorNotAvailableError, KafkaConnectionError, NodeNotReadyError, RequestTimedOutError

from streams.lanes import answer_time
from streams.lanes.kafka_broker import KafkaBroker
from tests.patience import PATIENCE_S

assert KafkaBroker, "its module makes it so for every client of the process"


async def test_an_answer_that_does_not_come_is_not_waited_for_as_long_as_a_broker_may_be_away(monkeypatch):
    """Each step of a client would cost that time, 40 s, while others have long taken over what the broker led."""
    monkeypatch.setattr(answer_time, "SOON_S", 0.05)
    never, serving = 10 * PATIENCE_S, []

    async def silent(reader, writer):
        serving.append(asyncio.current_task())
        await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(create_conn("127.0.0.1", port, request_timeout_ms=int(never * 1000)), PATIENCE_S)
        await asyncio.gather(*serving)


async def test_a_broker_that_is_lost_while_it_is_asked_who_coordinates_ends_no_producer(monkeypatch):
    """One of two that were killed was just asked: the producer ended for good, its lane with it, and all lanes of the worker."""

    async def lost(client, kind, key):
        raise KafkaConnectionError

    monkeypatch.setattr(answer_time, "_plain_lookup", lost)
    client = AIOKafkaClient()
    waited_for = (CoordinatorNotAvailableError, NodeNotReadyError, RequestTimedOutError)
    with pytest.raises(waited_for):
        await client.coordinator_lookup(CoordinationType.TRANSACTION, "yibao-deliver-1")


async def test_a_lane_that_is_closed_while_an_answer_comes_is_cancelled():
    """A cancellation that is lost leaves a lane at work whose partition belongs to another, until its close is given up."""
    answer = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(answer_time._in_time(answer, PATIENCE_S))
    await asyncio.sleep(0)
    answer.set_result("late")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
