"""How many requests may be under way, and how many a second: per institution and for the platform.

All of it per process, so a site's figures are divided among its workers.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from streams.errors import Retryable


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """How much may go to the platform at once."""

    in_flight: int
    """Requests under way at once, in all."""
    in_flight_per_institution: int
    """Requests under way at once for one institution."""
    rate_per_s: float | None = None
    """Requests a second; None for no limit."""
    burst: int = 10
    """How many of these may go together."""
    patience_s: float = 5.0
    """How long a lane waits for its turn before it is told to come again, so that it can renew its lease in between."""


class NoTurn(Retryable):
    """The limits gave no turn in time. after_s: when to come again. Never leaves `deliver`."""

    def __init__(self, after_s: float) -> None:
        super().__init__(f"no turn for {after_s:.3f} s")
        self.after_s = after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBucket:
    """A token bucket as a value."""

    rate_per_s: float
    """Tokens that come a second."""
    burst: int
    """Most tokens that it holds."""
    tokens: float
    """Tokens in it at `filled_at`; negative while it owes some."""
    filled_at: float
    """On the caller's clock."""

    def wait_s(self, now: float) -> float:
        """Seconds until a token can be taken; 0.0 means now."""
        return max(0.0, (1.0 - self._tokens(now)) / self.rate_per_s)

    def taken(self, now: float) -> "TokenBucket":
        """The bucket after one token was reserved; it may owe tokens, and later takers then wait longer."""
        return replace(self, tokens=self._tokens(now) - 1.0, filled_at=now)

    def _tokens(self, now: float) -> float:
        return min(float(self.burst), self.tokens + (now - self.filled_at) * self.rate_per_s)


class Slots:
    """A counting gate, first come first served, whose size may change while it is in use."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._in_use = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def resize(self, size: int) -> None:
        """Let `size` in from now on. Whoever is inside stays."""
        self._size = size
        self._admit()

    @asynccontextmanager
    async def one(self, patience_s: float) -> AsyncIterator[None]:
        """Hold one slot. Raises TimeoutError when none becomes free within `patience_s`."""
        await self._enter(patience_s)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, patience_s: float) -> None:
        if self._in_use < self._size and not self._waiting:
            self._in_use += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(patience_s):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._leave()  # the turn came in the same moment as the time-out or the cancellation
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def _leave(self) -> None:
        self._in_use -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._in_use < self._size:
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_use += 1
                turn.set_result(None)


class Limits:
    """All limits of one platform in this process."""

    def __init__(self, settings: LimitSettings, *, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._total = Slots(settings.in_flight)
        self._institutions: dict[str, Slots] = {}
        self._bucket = self._full_bucket()

    def apply(self, settings: LimitSettings) -> None:
        """Use other limits from now on."""
        self._settings = settings
        self._total.resize(settings.in_flight)
        for slots in self._institutions.values():
            slots.resize(settings.in_flight_per_institution)
        self._bucket = self._full_bucket()

    @asynccontextmanager
    async def turn(self, institution: str) -> AsyncIterator[None]:
        """Hold a turn to send one request. Raises NoTurn when it does not come within `patience_s`.

        The institution's own limit is asked first, so that one hospital's queue never takes the others' places.
        """
        patience_s = self._settings.patience_s
        own = self._institutions.setdefault(institution, Slots(self._settings.in_flight_per_institution))
        async with AsyncExitStack() as held:
            try:
                await held.enter_async_context(own.one(patience_s))
                await held.enter_async_context(self._total.one(patience_s))
            except TimeoutError:
                raise NoTurn(after_s=0.0) from None
            await self._token(patience_s)
            yield

    async def _token(self, patience_s: float) -> None:
        if self._bucket is None:
            return
        now = self._now()
        wait_s = self._bucket.wait_s(now)
        if wait_s > patience_s:
            raise NoTurn(after_s=wait_s)
        self._bucket = self._bucket.taken(now)
        await asyncio.sleep(wait_s)

    def _full_bucket(self) -> TokenBucket | None:
        rate_per_s, burst = self._settings.rate_per_s, self._settings.burst
        if rate_per_s is None:
            return None
        return TokenBucket(rate_per_s=rate_per_s, burst=burst, tokens=float(burst), filled_at=self._now())
