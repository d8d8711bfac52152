"""A platform that accepts everything at once and reads nothing, in a process of its own: only our cost is to be seen.

argv: seconds that an answer takes. Prints its port. GET /: how many requests and bytes of content came so far.
"""

import asyncio
import sys

import orjson
import uvloop
from aiohttp import web

_FRAME_CHARS = 2 * 97
_ACCEPTED = orjson.dumps({"code": 200, "message": "成功"})


class Platform:
    """Counts what comes."""

    def __init__(self, answer_s: float) -> None:
        self._answer_s = answer_s
        self.requests = 0
        self.plain_bytes = 0

    async def take(self, request: web.Request) -> web.Response:
        """Accept a batch."""
        body = await request.read()
        if self._answer_s:
            await asyncio.sleep(self._answer_s)
        self.requests += 1
        self.plain_bytes += (len(body) - body.index(b'"data":"') - 10 - _FRAME_CHARS) // 2
        return web.Response(body=_ACCEPTED, content_type="application/json")

    async def count(self, _request: web.Request) -> web.Response:
        """Say how much came."""
        return web.Response(body=orjson.dumps([self.requests, self.plain_bytes]))


async def serve(answer_s: float) -> None:
    """Serve until the process is ended."""
    platform = Platform(answer_s)
    app = web.Application(client_max_size=1 << 26)
    app.router.add_get("/", platform.count)
    app.router.add_post("/{service:.*}", platform.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(serve(float(sys.argv[1])))
