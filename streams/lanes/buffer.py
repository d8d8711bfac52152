"""The records that a lane has read and whose outcome is not committed yet: without gaps, in order, bounded by water marks."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Generic, Protocol, TypeVar


class Clock(Protocol):
    """A clock in seconds that never goes back."""

    def __call__(self) -> float: ...


class Flow(Protocol):
    """Back-pressure: whether one partition is fetched. Other partitions are not affected."""

    def stop(self) -> None:
        """Fetch no more of this partition."""

    def resume(self) -> None:
        """Fetch it again."""


Item = TypeVar("Item")


class Buffer(Generic[Item]):
    """Records in the order of their numbers, without gaps.

    A record with a lower number than wanted came before and is dropped. A higher number means that one is missing: the record is
    not taken, and the watch (`lanes/watch.py`) judges how long that lasts.

    want: the number to take next. hole_since: when a higher number came first; None while none is missing. repeated: how many
    records were dropped because they came before.
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
        """Take the records that come next. Never waits: one partition must not hold up another."""
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
        """End a `pause` early, for another reason than a record."""
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
        """Wait for a record or a nudge, at most `at_most_s` seconds (None: for ever)."""
        self._wake.clear()
        try:
            # Not asyncio.wait_for: that of Python 3.11 swallows a cancellation which comes with the record.
            async with asyncio.timeout(at_most_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def first(self, count: int) -> list[Item]:
        """The oldest records, at most `count`. They stay in the buffer."""
        return list(islice(self._items, count))

    def behind(self, count: int) -> Item | None:
        """The record after the `count` oldest ones; None where there is none yet."""
        return self._items[count] if count < len(self._items) else None

    def drop(self, count: int) -> None:
        """Forget the `count` oldest records, whose outcome is committed."""
        for _ in range(count):
            self._items.popleft()


class Water:
    """The water marks of a partition: it is not fetched any more from `high` records on, and fetched again at `low`."""

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
