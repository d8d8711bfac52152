"""How brokers are reached: what a site says of them, and as options of the clients that read and administer them."""

import socket
import ssl
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from typing import Final

from kafka.errors import KafkaError

from streams.errors import Unreachable
from streams.topics.greeting import mute

_REACH_MS = 25_000
_ANSWER_MS = 12_000
"""After so long a broker that hangs is given up for another one; all of it within `_REACH_MS`."""
_KNOCK_S = 5.0
_LOOK_S = 2.0
_GREET_S = 10.0
"""A broker that is well answers a greeting in milliseconds; one that collects its garbage, within seconds."""
_GREET_AGAIN_S = 4.0
_CLIENTS = ("aiokafka", "kafka")
HANGS: Final = "takes connections, and answers nothing"
"""What a broker does that hangs, or whose machine does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAccess:
    """Where the brokers are and how to log in to them."""

    bootstrap_servers: str
    """`host:port,host:port`."""
    protocol: str = "PLAINTEXT"
    """As Kafka names it: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    tls: ssl.SSLContext | None = None
    """Certificates and keys, of a protocol with TLS; None of another."""
    mechanism: str | None = None
    """As Kafka names it: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; None without SASL."""
    user: str | None = None
    """User for SASL."""
    password: str | None = field(default=None, repr=False)
    """That user's password."""


def client_options(access: BrokerAccess, *, client_id: str) -> Mapping[str, object]:
    """What kafka-python's clients take."""
    options: dict[str, object] = {
        "bootstrap_servers": access.bootstrap_servers.split(","),
        "client_id": client_id,
        "security_protocol": access.protocol,
        "bootstrap_timeout_ms": _REACH_MS,
        "request_timeout_ms": _ANSWER_MS,
        "ssl_context": access.tls,
        "sasl_mechanism": access.mechanism,
        "sasl_plain_username": access.user,
        "sasl_plain_password": access.password,
    }
    return {name: value for name, value in options.items() if value is not None}


@contextmanager
def let_in(bootstrap_servers: str | Sequence[str], *, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    """A context in which a client of kafka-python is made. Raises Unreachable for brokers that do not answer, or answer and let it
    not in: in the same words whoever asks. tls: of a protocol with TLS.
    """
    servers = bootstrap_servers.split(",") if isinstance(bootstrap_servers, str) else bootstrap_servers
    knock(servers, tls=tls)
    try:
        yield
    except (KafkaError, OSError, ValueError, AssertionError, LookupError) as exc:
        raise not_let_in(servers, exc) from exc


def is_inside_a_client(error: BaseException) -> bool:
    """Whether an assertion or a look-up in the code of a client of Kafka failed: so it meets a broker that hangs, or one that goes
    on and names no broker yet.
    """
    if not isinstance(error, AssertionError | LookupError):
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and f"{frames[-1].f_globals.get('__name__')}".partition(".")[0] in _CLIENTS


def knock(servers: Sequence[str], *, tls: ssl.SSLContext | None = None) -> None:
    """Raises Unreachable at once when no server accepts a connection, and after ten seconds when none says a word on it: a
    client itself would try in silence for half a minute, and then blame the login.
    """
    told: SimpleQueue[tuple[str, str]] = SimpleQueue()
    for server in servers:
        Thread(target=lambda one=server: told.put((one, _silence_of(one, tls))), daemon=True).start()
    reasons = {}
    for _ in servers:
        server, reason = told.get()
        if not reason:
            return
        reasons[server] = reason
    if all(reason == HANGS for reason in reasons.values()):
        raise _hanging(servers)
    every = "; ".join(f"{server}: {reasons[server]}" for server in servers)
    raise Unreachable(f"Kafka does not answer ({every}); check kafka.bootstrap_servers and that the brokers run")


def _silence_of(server: str, tls: ssl.SSLContext | None) -> str:
    return closed(server, within_s=_KNOCK_S) or (HANGS if mute(server, tls=tls, within_s=_GREET_S) else "")


def _hanging(servers: Sequence[str]) -> Unreachable:
    return Unreachable(
        f"Kafka at {','.join(servers)} {HANGS} (waited {_GREET_S:g} s): the broker hangs, or no broker listens there. Look at its "
        "log, disk and memory and start it again, or check kafka.bootstrap_servers; no login was tried"
    )


def away(servers: str | Sequence[str]) -> str:
    """What to add to an error of brokers: those that take no connection, or say nothing on it, which is then to blame; `""` where
    all are there.
    """
    every = servers.split(",") if isinstance(servers, str) else servers
    silent = [server for server in every if closed(server)]
    if silent:
        return f". {len(silent)} of the {len(every)} brokers take no connection, start them first: {', '.join(silent)}"
    hanging = [server for server in every if mute(server, within_s=_GREET_AGAIN_S)]
    if hanging:
        return f". {len(hanging)} of the {len(every)} brokers hang, each {HANGS}: start them again: {', '.join(hanging)}"
    return ""


def closed(server: str, *, within_s: float = _LOOK_S) -> str:
    """Why it takes no connection; `""` where it does."""
    host, _, port = server.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=within_s):
            return ""
    except OSError as exc:
        return exc.strerror or f"{exc}"


def not_let_in(servers: Sequence[str], error: Exception) -> Unreachable:
    """The error of a client that came no further than the connection."""
    if told := away(servers):
        return Unreachable(f"Kafka at {','.join(servers)} does not answer ({type(error).__name__}){told}")
    return Unreachable(
        f"Kafka at {','.join(servers)} takes connections, but does not let this client in ({type(error).__name__}): check "
        "kafka.security (protocol, user, password, certificates), and whether the broker is well"
    )
