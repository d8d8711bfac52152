"""How long clients wait for one answer of one broker.

aiokafka has one time-out for everything: how long an answer may take, and how long a batch may wait for a broker to come back. A
broker that hangs, with its connections open, costs that time at each step of a client, one step after the other, long after the
others have taken over what it led. So an answer is waited for as long as a busy broker needs, and only what a broker holds back on
purpose, the turns of a group, for longer. What any broker knows at once is waited for less long: a client opens one connection
after the other and asks brokers by chance, so that one which hangs would hold up the way to those that do not.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest
from aiokafka.protocol.metadata import MetadataRequest

from streams.lanes.pinned import require_versions
from streams.lanes.shunning import demand_company, opened

require_versions()

ANSWER_S = 10.0
SOON_S = 4.0
"""To what any broker knows at once, to an open connection, and to a sign of life, which must reach another coordinator within the
session of a member (10 s)."""
_HELD_BACK: Final = (JoinGroupRequest, SyncGroupRequest)
_KNOWN_AT_ONCE: Final = (ApiVersionRequest, FindCoordinatorRequest, HeartbeatRequest, MetadataRequest)
_plain_send: Final = AIOKafkaConnection.send
_plain_send_token: Final = AIOKafkaConnection._send_sasl_token  # noqa: SLF001 - guarded by the pin
_plain_connect: Final = AIOKafkaConnection.connect
_plain_lookup: Final = AIOKafkaClient.coordinator_lookup


def _send(self: Any, request: Any, expect_response: bool = True) -> Any:  # noqa: FBT001, FBT002 - aiokafka's signature
    """The answer. Raises TimeoutError, upon which aiokafka closes the connection and asks another broker, or again; and
    KafkaConnectionError also where the connection was torn a moment ago.
    """
    with _untorn(self):
        sent = _plain_send(self, request, expect_response)
    if not expect_response or isinstance(request, _HELD_BACK):
        return sent
    return _in_time(sent, SOON_S if isinstance(request, _KNOWN_AT_ONCE) else ANSWER_S)


def _send_token(self: Any, *args: Any, **options: Any) -> Any:
    with _untorn(self):
        return _plain_send_token(self, *args, **options)


@contextmanager
def _untorn(connection: Any) -> Iterator[None]:
    """Raises KafkaConnectionError where the connection was torn a moment ago. A worker's event loop calls that an error of the
    program: it ended lanes, and in silence what asks for leaders, so that transactions waited in vain.
    """
    try:
        yield
    except RuntimeError as exc:
        connection.close(reason=CloseReason.CONNECTION_BROKEN, exc=exc)
        raise KafkaConnectionError(f"Connection at {connection.host}:{connection.port} was torn") from exc


async def _connect(self: Any) -> Any:
    """An open connection. A machine that is gone answers nothing, not even that nobody listens."""
    demand_company(self.host, self.port)
    self._request_timeout, usual_s = min(self._request_timeout, SOON_S), self._request_timeout
    try:
        found = await _plain_connect(self)
        opened(self)
        return found
    finally:
        self._request_timeout = usual_s


async def _in_time(sent: Any, within_s: float) -> Any:
    # Not asyncio.wait_for: that of Python 3.11 swallows a cancellation which comes with the answer, and a closed lane goes on.
    async with asyncio.timeout(within_s):
        return await sent


async def _lookup(self: Any, kind: Any, key: Any) -> Any:
    """Who coordinates. Where the broker that was asked is lost meanwhile, another one knows it; aiokafka's producer would end."""
    try:
        return await _plain_lookup(self, kind, key)
    except KafkaConnectionError as exc:
        raise NodeNotReadyError from exc


def install() -> None:
    """For every client of this process."""
    AIOKafkaConnection.send = _send
    AIOKafkaConnection._send_sasl_token = _send_token  # noqa: SLF001 - guarded by the pin
    AIOKafkaConnection.connect = _connect
    AIOKafkaClient.coordinator_lookup = _lookup
