"""Time in which brokers were away, which counts against nobody: what waits for them is not stuck."""

import asyncio
from asyncio import Future
from collections.abc import Collection, Coroutine
from typing import Any, Final, TypeVar

from streams.lanes.buffer import Clock

Result = TypeVar("Result")

TRANSACTION_S: Final = 600.0
"""After so long the brokers end a transaction by themselves, and whoever began it can write no more. To wait longer is in vain. (A
worker that died is replaced by one that ends its transaction at once; brokers allow 900 s unless told otherwise.)"""


class Absence:
    """How long brokers of a process were away, told by its roll call."""

    def __init__(self) -> None:
        self._over = 0.0
        self._since: float | None = None

    def note(self, now: float, since: float | None) -> None:
        """Some are away since then; None: none is."""
        if since is None and self._since is not None:
            self._over += now - self._since
            self._since = None
        elif since is not None and self._since is None:
            self._since = since

    def until(self, now: float) -> float:
        """Seconds in all."""
        return self._over + (0.0 if self._since is None else now - self._since)


class Deadline:
    """A span that does not count the time in which brokers were away, up to that of a transaction."""

    def __init__(self, within_s: float, *, absence: Absence, clock: Clock) -> None:
        self._within_s = within_s
        self._absence = absence
        self._clock = clock
        self._began = clock()
        self._before = absence.until(self._began)

    @property
    def left_s(self) -> float:
        """Seconds; none when it is over."""
        now = self._clock()
        away_s = min(self._absence.until(now) - self._before, TRANSACTION_S)
        return self._within_s - (now - self._began) + away_s


async def late(tasks: Collection[Future[Any]], deadline: Deadline) -> Collection[Future[Any]]:
    """Those that have not ended by then."""
    pending: Collection[Future[Any]] = tasks
    while pending and (left_s := deadline.left_s) > 0:
        _, pending = await asyncio.wait(pending, timeout=left_s)
    return pending


async def in_time(work: Coroutine[Any, Any, Result], deadline: Deadline) -> Result:
    """The work's result. Raises TimeoutError when it does not come by then."""
    task = asyncio.ensure_future(work)
    try:
        if await late([task], deadline):
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()
