"""Brokers that hang while others answer are left alone by all clients of the process, until they answer again.

A broker that hangs keeps its connections open. Each client finds out for itself, and for each kind of request anew, by waiting for
its answer: 10 s a step, long after the others have taken over what it led. The roll call knows it once for all of them: it has the
connections closed, upon which clients ask who leads now, and no new ones are opened. Where none answers nobody is left alone: then
perhaps it is ourselves who are away.
"""

from collections.abc import Collection
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final
from weakref import WeakSet

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError

from streams.lanes.pinned import require_versions

require_versions()

calling_the_roll: Final = ContextVar("calling_the_roll", default=False)
"""Whoever asks whether a broker is there must be let through to it."""
_shunned: set[str] = set()
_open: Final[WeakSet[Any]] = WeakSet()


def address(host: str, port: int) -> str:
    """As the roll call names brokers."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def shun(addresses: Collection[str]) -> None:
    """Leave these brokers alone from now on, and no others."""
    newly = set(addresses) - _shunned
    _shunned.clear()
    _shunned.update(addresses)
    for one in [one for one in list(_open) if address(one.host, one.port) in newly]:
        with suppress(RuntimeError):  # the loop of a thread that has ended
            one._loop.call_soon_threadsafe(one.close)  # noqa: SLF001 - guarded by the pin


def demand_company(host: str, port: int) -> None:
    """Raises KafkaConnectionError where that broker is left alone."""
    if address(host, port) in _shunned and not calling_the_roll.get():
        raise KafkaConnectionError(f"{address(host, port)} hangs")


def opened(connection: AIOKafkaConnection) -> None:
    """Note a connection, unless it is the roll call's own."""
    if not calling_the_roll.get():
        _open.add(connection)
