"""The event loop of a worker."""

import asyncio
from typing import Any

import uvloop

_GOODBYE_S = 0.5


class _Loop(uvloop.Loop):
    """An event loop that waits half a second for the end of a TLS connection, where uvloop waits 30 seconds.

    Against a real broker about half of the closed connections took all of that time; Kafka's clients wait until theirs are closed,
    and with them a lane that opens.
    """

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        if options.get("ssl"):
            options.setdefault("ssl_shutdown_timeout", _GOODBYE_S)
        return await super().create_connection(*args, **options)


class _Policy(uvloop.EventLoopPolicy):  # type: ignore[misc]
    """Also for the loops that Faust makes in threads of its own."""

    def new_event_loop(self) -> uvloop.Loop:
        return _Loop()


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop, set as this thread's."""
    asyncio.set_event_loop_policy(_Policy())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop
