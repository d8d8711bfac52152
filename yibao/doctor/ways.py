"""The way to a server, gone step by step: name, connection, proxy, TLS handshake, and a probe where one is allowed."""

import http.client
import socket
import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from yibao.doctor.platforms import WayFacts

_WITHIN_S: Final = 5.0
_TLS_PORT, _PLAIN_PORT = 443, 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where to go, and how."""

    url: str
    """Address of the server."""
    ca_file: Path | None = None
    """Authority of its certificate; None: those that this machine trusts."""
    proxy: str | None = None
    """Proxy on the way."""
    probe: str = "off"
    """The request to send in the end, `off` for none."""


def walk(way: Way) -> WayFacts:
    """Go as far as it leads. Nothing is raised: where it ends is in the facts."""
    to = urlsplit(way.url)
    first = to if way.proxy is None else urlsplit(way.proxy)
    facts = WayFacts(to=f"{first.hostname}:{_port(first)}")
    try:
        socket.getaddrinfo(first.hostname, _port(first), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        return replace(facts, unknown=getattr(exc, "strerror", None) or "no name of a host")
    try:
        with socket.create_connection((first.hostname or "", _port(first)), timeout=_WITHIN_S) as connection:
            return _beyond(facts, way, to, connection)
    except OSError as exc:
        return replace(facts, closed=exc.strerror or f"{exc}" or type(exc).__name__)


def _beyond(facts: WayFacts, way: Way, to: SplitResult, connection: socket.socket) -> WayFacts:
    if way.proxy is not None and to.scheme == "https":
        if refused := _refused_by_proxy(connection, f"{to.hostname}:{_port(to)}"):
            return replace(facts, refused=refused)
        facts = replace(facts, to=f"{to.hostname}:{_port(to)}")
    if to.scheme != "https":
        return _probed(facts, way, to, connection)
    try:
        with ssl.create_default_context(cafile=way.ca_file).wrap_socket(connection, server_hostname=to.hostname) as secured:
            return _probed(replace(facts, valid_until=valid_until(secured)), way, to, secured)
    except ssl.SSLCertVerificationError as exc:
        return replace(facts, tls=exc.verify_message)
    except OSError as exc:  # also ssl.SSLError
        return replace(facts, tls=getattr(exc, "reason", None) or exc.strerror or type(exc).__name__)


def _refused_by_proxy(connection: socket.socket, target: str) -> str:
    """Why a proxy does not connect; `""` where it does."""
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode("ascii", "replace"))
    told = b""
    while b"\r\n\r\n" not in told and len(told) < 1 << 16:
        more = connection.recv(1)  # nothing of what comes after it may be taken away
        if not more:
            return "it closed the connection"
        told += more
    status = told.partition(b"\r\n")[0].decode("latin-1").partition(" ")[2]
    return "" if status.startswith("2") else f"HTTP {status.strip()}"


def _probed(facts: WayFacts, way: Way, to: SplitResult, connection: socket.socket) -> WayFacts:
    if way.probe == "off":
        return facts
    host = to.hostname or ""
    asking = http.client.HTTPConnection(host, _port(to), timeout=_WITHIN_S)
    asking.sock = connection
    target = way.url if way.proxy is not None and to.scheme == "http" else to.path or "/"
    try:
        asking.request(way.probe.upper(), target)
        answer = asking.getresponse()
    except (OSError, http.client.HTTPException) as exc:
        return replace(facts, probed=f"{exc}" or type(exc).__name__)
    return replace(facts, status=answer.status, there=date_of(answer.headers.get("Date")), here=datetime.now(UTC))


def date_of(told: str | None) -> datetime | None:
    """What a `Date` header says; None where it says nothing."""
    try:
        found = None if told is None else parsedate_to_datetime(told)
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)


def valid_until(connection: ssl.SSLSocket) -> datetime | None:
    """Until when the certificate of whoever answers is valid; None where it was not checked."""
    told = (connection.getpeercert() or {}).get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(told), UTC) if isinstance(told, str) else None


def certificate_at(server: str, context: ssl.SSLContext) -> datetime | None:
    """Until when the certificate at `host:port` is valid; None where none is seen."""
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        with (
            socket.create_connection((host, int(port)), timeout=_WITHIN_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            return valid_until(secured)
    except OSError:
        return None


def _port(parts: SplitResult) -> int:
    return parts.port or (_TLS_PORT if parts.scheme == "https" else _PLAIN_PORT)
