"""A toy platform on a free port, and waiting for what it sees."""

import asyncio
import time
from contextlib import asynccontextmanager

from aiohttp import web

from tests.patience import PATIENCE_S


@asynccontextmanager
async def served(receive):
    """Answer POSTs with `receive`; gives the address."""
    application = web.Application(client_max_size=1 << 24)
    application.router.add_post("/", receive)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/"
    finally:
        await runner.cleanup()


async def until(condition, what):
    """Wait for an asynchronous condition."""
    deadline = time.monotonic() + PATIENCE_S
    while not await condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.2)
