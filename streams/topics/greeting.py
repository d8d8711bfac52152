"""Whether a broker says a word: one that hangs takes connections all the same, for its machine does that for it."""

import socket
import ssl
import struct
from typing import Final

_API_VERSIONS: Final = 18
_GREETING: Final = struct.pack(">ihhih", 10, _API_VERSIONS, 0, 1, -1)
"""Which requests do you know? A broker answers that to anybody, before any login."""


def mute(server: str, *, tls: ssl.SSLContext | None = None, within_s: float) -> bool:
    """Whether it takes a connection and is silent on it for `within_s`. Whatever it does instead (an answer, an end, a complaint)
    it is awake. One that takes no connection is not mute. tls: of a protocol with TLS.
    """
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        with socket.create_connection((host, int(port)), timeout=within_s) as connection:
            return _silent(connection) if tls is None else _silent_in_tls(connection, tls, host)
    except OSError:
        return False


def _silent(connection: socket.socket) -> bool:
    try:
        connection.sendall(_GREETING)
        connection.recv(1)
    except TimeoutError:
        return True
    return False


def _silent_in_tls(connection: socket.socket, tls: ssl.SSLContext, host: str) -> bool:
    try:
        tls.wrap_socket(connection, server_hostname=host).close()
    except TimeoutError:
        return True
    return False
