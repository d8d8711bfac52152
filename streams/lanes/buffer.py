"""The records in a lane's hands: gapless, in order, bounded by the lane's high and low water."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Generic, Protocol, TypeVar


class Clock(Protocol):
    """Seconds that only rise."""

    def __call__(self) -> float: ...


class Flow(Protocol):
    """Back-pressure: whether one partition is fetched. The others go on."""

    def stop(self) -> None:
        """Fetch no more of this partition."""

    def resume(self) -> None:
        """Fetch it again."""


Item = TypeVar("Item")


class Buffer(Generic[Item]):
    """Takes exactly the next number. What is lower was taken before; what is higher leaves a hole that the watch judges.

    want: the number to take next. hole_since: when a higher number came first, None when there is no hole. repeated: how many lower
    numbers were dropped.
    """

    def __init__(self, want: int, number_of: Callable[[Item], int], *, clock: Clock) -> None:
        self.want = want
        self.hole_since: float | None = None
        self.repeated = 0
        self._number_of = number_of
        self._clock = clock
        self._items: deque[Item] = deque()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, items: Iterable[Item]) -> None:
        """Take what is next. Never waits: one partition must not hold up another."""
        want, hole_since, number_of, append = self.want, self.hole_since, self._number_of, self._items.append
        for item in items:
            number = number_of(item)
            if number == want:
                append(item)
                want, hole_since = want + 1, None
            elif number < want:
                self.repeated += 1
            elif hole_since is None:
                hole_since = self._clock()
        self.hole_since = hole_since
        if want != self.want:
            self.want = want
            self._wake.set()

    def nudge(self) -> None:
        """Wake who waits in `pause`, for a reason that is not a record."""
        self._wake.set()

    async def have(self, count: int) -> None:
        """Wait until `count` records are in hand."""
        while len(self._items) < count:
            await self.pause(None)

    async def gather(self, count: int, until: float) -> None:
        """Wait for `count` records, but not longer than the clock's `until`."""
        while len(self._items) < count and (left := until - self._clock()) > 0:
            await self.pause(left)

    async def pause(self, at_most_s: float | None) -> None:
        """Wait until something came (or for a nudge)."""
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), at_most_s)
        except TimeoutError:
            return

    def first(self, count: int) -> list[Item]:
        """The oldest records, at most `count`, which stay in hand."""
        return list(islice(self._items, count))

    def behind(self, count: int) -> Item | None:
        """The record behind the `count` oldest, if it is in hand."""
        return self._items[count] if count < len(self._items) else None

    def drop(self, count: int) -> None:
        """Let go of the oldest records: what became of them is committed."""
        for _ in range(count):
            self._items.popleft()


class Water:
    """A partition's water marks. Full is told once, ebb once."""

    def __init__(self, flow: Flow, *, high: int, low: int) -> None:
        self.full = False
        self._flow = flow
        self._high = high
        self._low = low

    def level(self, count: int) -> None:
        """Tell how many records are in hand."""
        if not self.full and count >= self._high:
            self.full = True
            self._flow.stop()
        elif self.full and count <= self._low:
            self.full = False
            self._flow.resume()
