"""Brokers that are away or hang, as they end a worker at work: in words that say what is away and what happens next.

Mostly clients wait for a broker. But one that hung for some time and goes on names no broker for a moment, or answers what nobody
waits for any more, and then the client's own assertions fail: that reads like an error of the program.
"""

from typing import Final

from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaConnectionError,
    KafkaTimeoutError,
    NoBrokersAvailable,
    NodeNotReadyError,
    RequestTimedOutError,
    StaleMetadata,
)

from streams.errors import Fatal
from streams.lanes.exits import CANNOT_REACH
from streams.telemetry.discretion import chain
from streams.topics.access import is_inside_a_client

_AWAY: Final = (
    GroupCoordinatorNotAvailableError,
    KafkaConnectionError,
    KafkaTimeoutError,  # a client that asked, or sent, until its time was over
    NoBrokersAvailable,
    NodeNotReadyError,
    RequestTimedOutError,
    StaleMetadata,
)


def away(error: BaseException, *, servers: str, who: str) -> Fatal | None:
    """The error to end a worker with where brokers that are away, or hang, are what `error` comes from; None for any other.

    servers: as the settings have them. who: what met it.
    """
    met = next((one for one in chain(error) if isinstance(one, _AWAY) or is_inside_a_client(one)), None)
    if met is None:
        return None
    fatal = Fatal(
        f"Kafka at {servers} is away, or hung and does not know its brokers yet ({who} met {type(met).__name__}): look at the "
        "brokers. Nothing is lost; a restart is safe at any time, and under `yibao worker all` the restarted worker waits for them",
        exit_code=CANNOT_REACH,
    )
    fatal.__cause__ = error
    return fatal
