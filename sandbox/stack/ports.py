"""Ports on 127.0.0.1: a person's choice, or any free one that then stays the same from start to start."""

import errno
import json
import random
import socket
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from streams.errors import Misconfigured
from streams.private_files import write_private

LOOPBACK = "127.0.0.1"
_LOWEST = 15_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Ports that a person chose; None leaves the choice to the stack."""

    postgres: int | None = None
    kafka: int | None = None
    controller: int | None = None
    connect: int | None = None
    connect_metrics: int | None = None


class PortBook:
    """The ports of one stack, kept in a file."""

    def __init__(self, file: Path, chosen: Ports) -> None:
        self._file = file
        self._chosen: Mapping[str, int | None] = asdict(chosen)
        self._writing = threading.RLock()  # services start at the same time

    def port(self, name: str) -> int:
        """The port of a service: the person's, else the one it had, else a free one, which it has from then on."""
        with self._writing:  # brokers that start at the same time ask for each other's
            return self._chosen.get(name) or self._kept().get(name) or self.renew(name)

    def kept(self, name: str) -> int | None:
        """The port that a service had when it was started last."""
        return self._kept().get(name)

    def claim(self, name: str, *, may_move: bool) -> int:
        """The port to start a service on, free at this moment.

        Raises Misconfigured when the port is in use and a person chose it, or clients know it (not may_move).
        """
        port = self.port(name)
        if not is_free(port):
            if self._chosen.get(name) or not may_move:
                raise Misconfigured(f"port {port} for {name} is in use by another program: free it, or choose another port")
            port = self.renew(name)
        self._keep(name, port)
        return port

    def renew(self, name: str) -> int:
        """Another free port for a service."""
        with self._writing:
            taken = set(self._kept().values()) | {port for port in self._chosen.values() if port}
            port = free_port(taken)
            self._keep(name, port)
        return port

    def chosen(self, name: str) -> int | None:
        """The port that a person chose for a service."""
        return self._chosen.get(name)

    def _kept(self) -> dict[str, int]:
        try:
            kept: dict[str, int] = json.loads(self._file.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return kept

    def _keep(self, name: str, port: int) -> None:
        with self._writing:
            kept = self._kept()
            if kept.get(name) != port:
                write_private(self._file, json.dumps({**kept, name: port}, indent=2))


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise Misconfigured(
                f"cannot listen on port {port} of {LOOPBACK}: {error.strerror}. Choose a port above 1023"
            ) from error
    return True


def free_port(taken: set[int]) -> int:
    """A free port below those that the kernel hands to clients.

    A client that keeps knocking at a server that is down can be given the server's own port, and then the server never comes back.
    """
    highest = _first_client_port() - 1
    for _ in range(1000):
        port = random.randint(min(_LOWEST, highest - 1000), highest)  # noqa: S311  not a secret
        if port not in taken and is_free(port):
            return port
    raise Misconfigured(f"no free port found on {LOOPBACK} between {_LOWEST} and {highest}")


def _first_client_port() -> int:
    try:
        return max(int(_RANGE.read_text("ascii").split()[0]), 3000)
    except OSError:
        return 32_768
