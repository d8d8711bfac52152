"""A broker that hangs, with its connections open: clients turn to the others soon."""

import asyncio
import socket
import struct
from contextlib import closing
from types import SimpleNamespace

import pytest
import uvloop
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.conn import create_conn
from aiokafka.errors import CoordinatorNotAvailableError, KafkaConnectionError, NodeNotReadyError, RequestTimedOutError
from aiokafka.protocol.metadata import MetadataRequest

from streams.lanes import answer_time
from streams.lanes.kafka_broker import KafkaBroker
from tests.patience import PATIENCE_S

RESET = struct.pack("ii", 1, 0)
"""At the end of a connection: as if the machine had lost it."""

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


async def torn_connection(monkeypatch):
    """A connection to a server that was killed, in the moment before its reader learns of it."""

    async def nothing_asked(_self):
        """No versions."""

    monkeypatch.setattr("aiokafka.conn.AIOKafkaConnection._do_version_lookup", nothing_asked)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        connection = await create_conn(*server.getsockname())
        accepted, _ = server.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        accepted.close()
    connection._versions = {MetadataRequest.API_KEY: (0, 1)}
    async with asyncio.timeout(PATIENCE_S):
        while connection._reader.exception() is None:  # noqa: ASYNC110 - the very turn of the loop is what matters
            await asyncio.sleep(0)
    assert connection.connected()
    return connection


def run_as_a_worker_does(work):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@pytest.mark.parametrize("sent", [lambda to: to.send(MetadataRequest([])), lambda to: to._send_sasl_token(b"")])
def test_a_connection_that_was_torn_is_an_error_of_kafka(monkeypatch, sent):
    """A worker's event loop calls it an error of the program, which ended lanes when a broker was killed."""

    async def ask():
        connection = await torn_connection(monkeypatch)
        with pytest.raises(KafkaConnectionError):
            await sent(connection)
        return connection.connected()

    assert not run_as_a_worker_does(ask()), "it is not used again"


def test_a_client_looks_for_leaders_after_its_connection_was_torn(monkeypatch):
    """What keeps a client's knowledge of leaders up to date ended without a word: a transaction waited for it in vain, until 60 s
    after the brokers had come back.
    """

    async def look():
        client, connection = AIOKafkaClient(), await torn_connection(monkeypatch)
        monkeypatch.setattr(client.cluster, "brokers", lambda: [SimpleNamespace(nodeId=1)])

        async def known(_node):
            return connection

        monkeypatch.setattr(client, "_get_conn", known)
        return await client._metadata_update(client.cluster, [])

    assert not run_as_a_worker_does(look()), "no broker answered, and the next one may be asked"
