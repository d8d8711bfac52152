"""A way to a port of this machine that can be cut and mended."""

import asyncio
from contextlib import asynccontextmanager, suppress

LOOPBACK = "127.0.0.1"


class Forwarder:
    """Carries bytes between its own port and another; while it is cut, nobody listens there."""

    def __init__(self, to: int) -> None:
        self.port = 0
        self._to = to
        self._server = None
        self._ways = {}

    async def mend(self):
        """Let through whoever comes. The port stays the same."""
        self._server = await asyncio.start_server(self._carry, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self):
        """Break what is open, and refuse what comes."""
        self._server.close()
        for one, other in self._ways.values():
            one.transport.abort()
            other.transport.abort()
        await asyncio.gather(*self._ways, return_exceptions=True)

    async def _carry(self, reader, writer):
        there, back = await asyncio.open_connection(LOOPBACK, self._to)
        this = asyncio.current_task()
        self._ways[this] = writer, back
        await asyncio.gather(_pump(reader, back), _pump(there, writer))
        del self._ways[this]


async def _pump(reader, writer):
    with suppress(OSError):
        while part := await reader.read(1 << 16):
            writer.write(part)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def forwarder(to):
    """A forwarder to a port, open."""
    made = Forwarder(to)
    await made.mend()
    try:
        yield made
    finally:
        await made.cut()
