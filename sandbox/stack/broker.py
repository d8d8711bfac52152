"""Kafka: one or three nodes in KRaft mode, each of them broker and controller."""

import base64
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sandbox.stack.jvm import java_command, render
from sandbox.stack.ports import LOOPBACK, PortBook
from sandbox.stack.service import Home, ServiceFailed, distribution, tail
from streams.private_files import open_private, private_folder, write_private

_METADATA_REQUEST = struct.pack(">hhih", 3, 4, 1, -1) + struct.pack(">i?", 0, False)
"""Metadata, version 4, no client name, of no topic: the answer lists the brokers that serve."""
_ANSWER = struct.Struct(">iiii")
"""Size, correlation id, throttle time, number of brokers."""
_NAMING: Final = threading.Lock()


MOST: Final = 3
"""Brokers of a stack: this many, or one."""
_HEAP_MB: Final = {1: 512, MOST: 384}


class Brokers:
    """All nodes of a stack: how many they are, where, and the name of their cluster."""

    def __init__(self, home: Home, book: PortBook, count: int) -> None:
        self.count = count
        self.numbers = range(1, count + 1)
        self._home = home
        self._book = book

    @property
    def names(self) -> tuple[str, ...]:
        """Of the services, the first node's first."""
        return tuple(map(name_of, self.numbers))

    @property
    def servers(self) -> str:
        """Where clients find them."""
        return ",".join(f"{LOOPBACK}:{self._book.port(name)}" for name in self.names)

    @property
    def kept_servers(self) -> str:
        """The same, port 0 for one that was never started."""
        return ",".join(f"{LOOPBACK}:{self._book.kept(name) or 0}" for name in self.names)

    @property
    def values(self) -> dict[str, object]:
        """What their configuration and that of Connect say of them."""
        return {"copies": self.count, "in_sync": max(1, self.count - 1), "servers": self.servers}

    @property
    def voters(self) -> str:
        """As a node names them."""
        return ",".join(f"{number}@{LOOPBACK}:{self._book.port(_controller_of(number))}" for number in self.numbers)

    def cluster(self) -> str:
        """The cluster's id, made once."""
        file = self._home.run / "cluster"
        with _NAMING:
            if not file.exists():
                # 16 random bytes in URL-safe base 64; one that began with "-" would be read as an option.
                write_private(file, "y" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()[1:22])
            return file.read_text("ascii")


def name_of(number: int) -> str:
    """The name of a node's service, and of its clients' port."""
    return "kafka" if number == 1 else f"kafka-{number}"


def _controller_of(number: int) -> str:
    return "controller" if number == 1 else f"controller-{number}"


class Kafka:
    """One node. Its data is formatted once; the ports may change from start to start, unless other nodes know them."""

    stop_signal = signal.SIGTERM
    patience_s = 180.0

    def __init__(self, home: Home, book: PortBook, brokers: Brokers, *, number: int, dist: Path | None) -> None:
        self.name = name_of(number)
        self.ports = (self.name, _controller_of(number))
        self._number = number
        self._brokers = brokers
        self._home = home
        self._book = book
        self._dist = dist
        self._data = home.root / self.name

    def prepare(self) -> Sequence[str | Path]:
        """Format the data directory where there is none; write the configuration. Raises ServiceFailed."""
        if not self._data.is_dir() or not any(self._data.iterdir()):
            self._format()
        config = self._configuration(self._data)
        heap_mb = _HEAP_MB[self._brokers.count]
        return [*java_command(distribution(self._dist), self._home, heap_mb=heap_mb, main="kafka.Kafka"), config]

    def is_ready(self) -> bool:
        """Whether the broker names itself as serving."""
        try:
            with socket.create_connection((LOOPBACK, self._book.port(self.name)), timeout=2) as link:
                link.sendall(struct.pack(">i", len(_METADATA_REQUEST)) + _METADATA_REQUEST)
                _, _, _, brokers = _ANSWER.unpack(_read(link, _ANSWER.size))
                return self._number in [_node(link) for _ in range(brokers)]
        except (OSError, EOFError):
            return False

    def erase(self) -> None:
        """Do nothing: it has nothing outside of the stack's directory."""

    def _configuration(self, data: Path) -> Path:
        kafka, controller = map(self._book.port, self.ports)
        values = {"kafka": kafka, "controller": controller, "data": data, "node": self._number, "voters": self._brokers.voters}
        return render(self._home, "kafka.properties", {**self._brokers.values, **values}, name=f"{self.name}.properties")

    def _format(self) -> None:
        """Format beside the final place, then move it there: data that stands there is never taken for a torn beginning."""
        fresh = self._data.with_name(f"{self.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        private_folder(fresh)
        log = self._home.log(f"{self.name}-format")
        tool = java_command(distribution(self._dist), self._home, heap_mb=256, main="kafka.tools.StorageTool")
        make = [*tool, "format", "-t", self._brokers.cluster(), "-c", self._configuration(fresh)]
        with open_private(log, "wb") as out:
            done = subprocess.run(make, stdout=out, stderr=out, check=False, umask=0o077)
        if done.returncode != 0:
            raise ServiceFailed(
                f"{self.name}: formatting {fresh} failed (exit code {done.returncode}). The end of {log}:\n{tail(log)}"
            )
        fresh.rename(self._data)


def _node(link: socket.socket) -> int:
    """The id of the next broker in an answer; its host, port and rack are passed over."""
    (number,) = struct.unpack(">i", _read(link, 4))
    (size,) = struct.unpack(">h", _read(link, 2))
    _read(link, size + 4)
    (size,) = struct.unpack(">h", _read(link, 2))
    _read(link, max(0, size))
    return int(number)


def _read(link: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        if not (part := link.recv(size - len(got))):
            raise EOFError
        got += part
    return got
