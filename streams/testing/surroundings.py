"""What else surrounds a lane: flow control, the end of the process, and waiting for what it does."""

import asyncio
from collections.abc import Callable, Sequence

from streams.domain.changes import Incoming
from streams.errors import Fatal


class RecordingFlow:
    """Back-pressure that is only remembered."""

    def __init__(self) -> None:
        self.stopped = False

    def stop(self) -> None:
        """No more."""
        self.stopped = True

    def resume(self) -> None:
        """More."""
        self.stopped = False


class Deaths:
    """Instead of ending the process: remembers why it would have ended."""

    def __init__(self) -> None:
        self.reasons: list[Fatal] = []
        self.happened = asyncio.Event()

    def __call__(self, reason: Fatal) -> None:
        """Remember."""
        self.reasons.append(reason)
        self.happened.set()


async def wait_for(condition: Callable[[], bool], *, within_s: float = 240.0, what: str = "the condition") -> None:
    """Wait until `condition` holds; AssertionError when it does not in time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    while not condition():
        if loop.time() > until:
            raise AssertionError(f"{what} did not come true within {within_s} s")
        await asyncio.sleep(0.001)


def numbers(values: Sequence[Incoming], header: str = "seq") -> list[int]:
    """The numbers in the headers of messages."""
    return [int(dict(message.headers)[header] or b"") for message in values]
