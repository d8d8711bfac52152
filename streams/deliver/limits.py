"""How many requests may be under way, and how many requests and records a second: per institution and for the platform.

All of it per process. What holds for all workers together is divided among them (`streams.deliver.shared_limits`).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from streams.errors import Retryable

ALL = "all"
"""In the place of an institution: the limits of the platform as a whole."""
_FELT_S = 1.0
"""Who waits for less is not held back by a rate: requests that come together wait for each other."""
_LINGERS_S = 10.0
"""So long after such a wait a rate is thought to hold back still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLimits:
    """How much of one institution may go to the platform at once."""

    in_flight: int | None = None
    """Requests under way at once; None: as for each institution."""
    rate_per_s: float | None = None
    """Requests a second; None for no limit."""
    records_per_s: float | None = None
    """Records a second; None for no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """How much may go to the platform at once."""

    in_flight: int
    """Requests under way at once, in all."""
    in_flight_per_institution: int
    """Requests under way at once for one institution."""
    rate_per_s: float | None = None
    """Requests a second; None for no limit."""
    records_per_s: float | None = None
    """Records a second; None for no limit."""
    own: Mapping[str, OwnLimits] = field(default_factory=dict)
    """By institution: what holds for it beside these."""
    burst: int = 10
    """How many requests may go together where none went for a while. Of records, those of one request."""
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

    def taken(self, now: float, amount: int = 1) -> "TokenBucket":
        """The bucket after tokens were reserved; it may owe some, and later takers then wait longer."""
        return replace(self, tokens=self._tokens(now) - amount, filled_at=now)

    def paced(self, rate_per_s: float, burst: int, now: float) -> "TokenBucket":
        """The bucket with another rate: what it owes it still owes."""
        return TokenBucket(rate_per_s=rate_per_s, burst=burst, tokens=min(float(burst), self._tokens(now)), filled_at=now)

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


class Pace:
    """How many requests and records a second may go."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._now = now
        self._requests: TokenBucket | None = None
        self._records: TokenBucket | None = None
        self._felt_at: float | None = None

    def apply(self, *, requests_per_s: float | None, records_per_s: float | None, burst: int) -> None:
        """Keep to other rates from now on; None for no limit."""
        if requests_per_s is None and records_per_s is None:
            self._felt_at = None
        self._requests = self._paced(self._requests, requests_per_s, burst)
        self._records = self._paced(self._records, records_per_s, 1)

    @property
    def holds_back(self) -> bool:
        """Whether a request had to wait for its turn a moment ago, for a second or longer."""
        return self._felt_at is not None and self._now() - self._felt_at < _LINGERS_S

    async def wait(self, records: int, *, patience_s: float) -> None:
        """Wait for the turn of a request with so many records. Raises NoTurn where that takes longer than `patience_s`."""
        now = self._now()
        wait_s = max((bucket.wait_s(now) for bucket in (self._requests, self._records) if bucket is not None), default=0.0)
        if wait_s >= _FELT_S:
            self._felt_at = now
        if wait_s > patience_s:
            raise NoTurn(after_s=wait_s)
        self._requests = self._requests and self._requests.taken(now)
        self._records = self._records and self._records.taken(now, records)
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def give_back(self, records: int) -> None:
        """The request did not go: others may in its place."""
        now = self._now()
        self._requests = self._requests and self._requests.taken(now, -1)
        self._records = self._records and self._records.taken(now, -records)

    def _paced(self, before: TokenBucket | None, rate_per_s: float | None, burst: int) -> TokenBucket | None:
        now = self._now()
        if rate_per_s is None:
            return None
        if before is None:
            return TokenBucket(rate_per_s=rate_per_s, burst=burst, tokens=float(burst), filled_at=now)
        return before.paced(rate_per_s, burst, now)


class Limits:
    """All limits of one platform in this process."""

    def __init__(self, settings: LimitSettings, *, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._total = Slots(settings.in_flight)
        self._pace = Pace(now=now)
        self._own: dict[str, tuple[Slots, Pace]] = {}
        self._pace_all(settings)

    def apply(self, settings: LimitSettings) -> None:
        """Use other limits from now on. What was sent under those before counts."""
        if settings == self._settings:
            return
        self._settings = settings
        self._total.resize(settings.in_flight)
        self._pace_all(settings)
        for institution in self._own:
            self._apply_own(institution)

    @property
    def holding_back(self) -> list[str]:
        """Whose rate let requests wait a moment ago: institutions, and ALL for that of the platform."""
        own = sorted(name for name, (_slots, pace) in self._own.items() if pace.holds_back)
        return [*([ALL] if self._pace.holds_back else []), *own]

    @asynccontextmanager
    async def turn(self, institution: str, records: int = 1) -> AsyncIterator[None]:
        """Hold a turn to send one request with so many records. Raises NoTurn when it does not come within `patience_s`.

        The institution's own limits are asked first, so that one hospital's queue never takes the others' places.
        """
        patience_s = self._settings.patience_s
        slots, pace = self._of(institution)
        async with AsyncExitStack() as held:
            await _one(held, slots, patience_s)
            await pace.wait(records, patience_s=patience_s)
            try:
                await _one(held, self._total, patience_s)
                await self._pace.wait(records, patience_s=patience_s)
            except BaseException:
                pace.give_back(records)
                raise
            yield

    def _of(self, institution: str) -> tuple[Slots, Pace]:
        if institution not in self._own:
            self._own[institution] = Slots(self._settings.in_flight_per_institution), Pace(now=self._now)
            self._apply_own(institution)
        return self._own[institution]

    def _apply_own(self, institution: str) -> None:
        settings, (slots, pace) = self._settings, self._own[institution]
        own = settings.own.get(institution, OwnLimits())
        slots.resize(settings.in_flight_per_institution if own.in_flight is None else own.in_flight)
        pace.apply(requests_per_s=own.rate_per_s, records_per_s=own.records_per_s, burst=settings.burst)

    def _pace_all(self, settings: LimitSettings) -> None:
        self._pace.apply(requests_per_s=settings.rate_per_s, records_per_s=settings.records_per_s, burst=settings.burst)


async def _one(held: AsyncExitStack, slots: Slots, patience_s: float) -> None:
    try:
        await held.enter_async_context(slots.one(patience_s))
    except TimeoutError:
        raise NoTurn(after_s=0.0) from None
