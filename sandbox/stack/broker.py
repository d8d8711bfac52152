"""Kafka: one node in KRaft mode that is broker and controller."""

import base64
import secrets
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sandbox.stack.jvm import java_command, render
from sandbox.stack.ports import LOOPBACK, PortBook
from sandbox.stack.service import Home, ServiceFailed, distribution, tail
from streams.private_files import open_private, private_folder

_METADATA_REQUEST = struct.pack(">hhih", 3, 4, 1, -1) + struct.pack(">i?", 0, False)
"""Metadata, version 4, no client name, of no topic: the answer lists the brokers that serve."""
_ANSWER = struct.Struct(">iiii")
"""Size, correlation id, throttle time, number of brokers."""


class Kafka:
    """The broker. Its data is formatted once; the ports may change from start to start."""

    name = "kafka"
    ports = ("kafka", "controller")
    stop_signal = signal.SIGTERM
    patience_s = 180.0

    def __init__(self, home: Home, book: PortBook, *, dist: Path | None) -> None:
        self._home = home
        self._book = book
        self._dist = dist
        self._data = home.root / "kafka"

    def prepare(self) -> Sequence[str | Path]:
        """Format the data directory where there is none; write the configuration. Raises ServiceFailed."""
        if not self._data.is_dir() or not any(self._data.iterdir()):
            self._format()
        config = self._configuration(self._data)
        return [*java_command(distribution(self._dist), self._home, heap_mb=512, main="kafka.Kafka"), config]

    def is_ready(self) -> bool:
        """Whether the broker names itself as serving."""
        try:
            with socket.create_connection((LOOPBACK, self._book.port("kafka")), timeout=2) as link:
                link.sendall(struct.pack(">i", len(_METADATA_REQUEST)) + _METADATA_REQUEST)
                _, _, _, brokers = _ANSWER.unpack(_read(link, _ANSWER.size))
        except (OSError, EOFError):
            return False
        return bool(brokers == 1)

    def erase(self) -> None:
        """Do nothing: it has nothing outside of the stack's directory."""

    def _configuration(self, data: Path) -> Path:
        values = {"kafka": self._book.port("kafka"), "controller": self._book.port("controller"), "data": data}
        return render(self._home, "kafka.properties", values)

    def _format(self) -> None:
        """Format beside the final place, then move it there: data that stands there is never taken for a torn beginning."""
        fresh = self._data.with_name("kafka.new")
        shutil.rmtree(fresh, ignore_errors=True)
        private_folder(fresh)
        # A cluster id is 16 random bytes in URL-safe base 64; one that began with "-" would be read as an option.
        cluster = "y" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()[1:22]
        log = self._home.log("kafka-format")
        tool = java_command(distribution(self._dist), self._home, heap_mb=256, main="kafka.tools.StorageTool")
        make = [*tool, "format", "-t", cluster, "-c", self._configuration(fresh)]
        with open_private(log, "wb") as out:
            done = subprocess.run(make, stdout=out, stderr=out, check=False, umask=0o077)
        if done.returncode != 0:
            raise ServiceFailed(f"kafka: formatting {fresh} failed (exit code {done.returncode}). The end of {log}:\n{tail(log)}")
        fresh.rename(self._data)


def _read(link: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        if not (part := link.recv(size - len(got))):
            raise EOFError
        got += part
    return got
