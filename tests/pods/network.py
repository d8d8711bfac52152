"""The network of a node in a namespace of this process, where nothing of the machine is seen: a bridge, and a link for each pod."""

import asyncio
import contextlib
import itertools
import subprocess
import threading
from collections.abc import Sequence
from typing import Final

from sandbox.stack.ports import LOOPBACK
from tests.images.failed import Failed

NODE: Final = "10.9.0.1"
_BRIDGE: Final = "pods0"


def up() -> None:
    """The node's own addresses. Raises Failed, also where this process is not alone in its network."""
    there = _said(["ip", "-oneline", "link"]).splitlines()
    if len(there) != 1:
        raise Failed(f"this runs in a network of its own (unshare --net), and sees {len(there)} devices")
    for words in (
        ["link", "set", "lo", "up"],
        ["link", "add", _BRIDGE, "type", "bridge"],
        ["address", "add", f"{NODE}/16", "dev", _BRIDGE],
        ["link", "set", _BRIDGE, "up"],
    ):
        _said(["ip", *words])


class Links:
    """Gives each pod an address of its own."""

    def __init__(self) -> None:
        self._numbers = itertools.count(2)
        self._guard = threading.Lock()

    def join(self, sandbox: int) -> str:
        """Link the namespace of a process to the bridge; its address. Raises Failed."""
        with self._guard:
            number = next(self._numbers)
        address, name = f"10.9.{number // 250}.{number % 250 + 2}", f"pod{number}"
        _said(["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", f"{sandbox}"])
        _said(["ip", "link", "set", name, "master", _BRIDGE, "up"])
        for words in (
            ["link", "set", "lo", "up"],
            ["address", "add", f"{address}/16", "dev", "eth0"],
            ["link", "set", "eth0", "up"],
            ["route", "add", "default", "via", NODE],
        ):
            _said(["nsenter", "--target", f"{sandbox}", "--net", "ip", *words])
        return address


def _said(words: Sequence[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Relay:
    """Makes what listens on the node's loopback address reachable for pods, on the same port."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._listening = threading.Event()
        self._thread.start()
        self._listening.wait()

    def close(self) -> None:
        """Listen no longer."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        for port in self._ports:
            self._loop.run_until_complete(asyncio.start_server(lambda one, two, to=port: _relay(one, two, to), NODE, port))  # type: ignore[misc]
        self._listening.set()
        self._loop.run_forever()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    with contextlib.suppress(OSError):
        there, back = await asyncio.open_connection(LOOPBACK, port)
        await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await reader.read(1 << 16):
            writer.write(part)
            await writer.drain()
    writer.close()
