"""The fake platform behind real HTTP, and waiting for what it sees."""

import asyncio
import time
from contextlib import asynccontextmanager

import orjson
from aiohttp import web

from streams.deliver.causes import RetryCause
from streams.deliver.verdict import Accepted, Refused, Retry
from streams.testing import Posted


@asynccontextmanager
async def served(platform):
    """Put a `FakePlatform` on a free port, for what `lane_worker.HttpPlatform` posts; gives the address."""

    async def receive(request):
        body = orjson.loads(await request.read())
        records = [Posted(one["number"], one["key"], one["value"].encode()) for one in body["records"]]
        match platform.receive(body["msgid"], records):
            case Accepted() | Refused() as decided:
                return web.json_response({"code": int(decided.code)})
            case Retry(cause=RetryCause.UNREACHABLE):
                return web.Response(status=503)
        request.transport.close()
        return web.Response()

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


async def until(condition, within_s, what, *, every_s=0.2):
    """Wait for an asynchronous condition."""
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(every_s)
