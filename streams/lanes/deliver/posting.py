"""Post one batch under one msgid until the platform has decided: the same bytes and the same id, for ever if need be."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, assert_never

from streams.deliver.causes import HoldCause
from streams.deliver.verdict import Accepted, Held, Refused, Retry, Throttled, Verdict
from streams.domain.batch.cut import Batch
from streams.lanes.deliver.holding import Hold
from streams.lanes.settings import DeliverSettings
from streams.telemetry.outcomes import Outcomes


class Posts(Protocol):
    """The platform (`streams.deliver.gateway.Gateway`)."""

    def prepare(self, batch: Batch, msgid: str) -> None:
        """Begin with what can be done before a POST, for a batch that will be posted soon."""

    async def post(self, batch: Batch, msgid: str, *, refused_before: bool = False) -> Verdict:
        """Post once. Never raises for what a platform, a proxy or a network does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the platform decided. Times are milliseconds since the epoch."""

    verdict: Accepted | Refused
    """Its decision."""
    attempts: int
    """How many tries it took."""
    begun_at: int
    """Of the first try."""
    posted_at: int
    """Of the try that decided."""
    decided_at: int
    """Of the answer to it."""


class Posting:
    """The tries of one lane, one after the other.

    confirm: called before every try with the moment (ms) since when an earlier one may have reached the platform, None where none
    can; renews an old ownership, so that a frozen owner posts nothing new after it woke.
    quiet: called when the lane is held and no try of this batch can have reached the platform.
    hold: is told when the lane waits for somebody, and when it goes on.
    """

    def __init__(  # noqa: PLR0913 - the surroundings of a lane
        self,
        platform: Posts,
        settings: DeliverSettings,
        *,
        outcomes: Outcomes,
        wall_ms: Callable[[], int],
        confirm: Callable[[int | None], Awaitable[None]],
        quiet: Callable[[], Awaitable[None]],
        hold: Hold,
    ) -> None:
        self._platform = platform
        self._settings = settings
        self._outcomes = outcomes
        self._wall_ms = wall_ms
        self._confirm = confirm
        self._quiet = quiet
        self._hold = hold

    async def decide(self, batch: Batch, msgid: str, *, unknown_since: int | None) -> Decided:
        """Post until it is accepted or refused.

        unknown_since: from when on (ms) an earlier owner may have posted this msgid, None if none did. On a platform that answers
        "repeated" to an id that it refused, "repeated" then proves nothing and holds the lane (`DeliverSettings.repeats_refused`).
        "Repeated" to an id of which no post can have been taken is somebody else's, and holds the lane, too.
        """
        attempts, retries, probes, begun_at = 0, 0, 0, 0
        may_be_taken = unknown_since is not None
        while True:
            await self._confirm(unknown_since)
            attempts, posted_at = attempts + 1, self._wall_ms()
            begun_at = begun_at or posted_at
            refused_before = unknown_since is not None and self._settings.repeats_refused
            verdict = await self._platform.post(batch, msgid, refused_before=refused_before)
            if isinstance(verdict, Accepted) and verdict.repeated and not may_be_taken:
                verdict = _of_somebody_else(verdict)
            may_be_taken = may_be_taken or _may_be_taken(verdict)
            match verdict:
                case Accepted() | Refused():
                    self._hold.release()
                    decided_at = self._wall_ms()
                    return Decided(
                        verdict=verdict, attempts=attempts, begun_at=begun_at, posted_at=posted_at, decided_at=decided_at
                    )
                case Retry():
                    if verdict.may_have_arrived and unknown_since is None:
                        unknown_since = posted_at
                    self._outcomes.count("retried", label=verdict.cause.value)
                    await asyncio.sleep(self._jitter(retries, at_least=verdict.after_s or 0.0))
                    retries += 1
                case Throttled():
                    self._outcomes.count("throttled")
                    await asyncio.sleep(min(verdict.after_s, self._settings.max_throttle_s))
                case Held():
                    if verdict.leaves_open and unknown_since is None:
                        unknown_since = posted_at
                    self._outcomes.count("held", label=verdict.cause.value)
                    self._hold.wait(verdict, batch, msgid)
                    if verdict.took_nothing and unknown_since is None:
                        await self._quiet()
                    await asyncio.sleep(min(self._settings.probe_s * 2.0**probes, self._settings.max_probe_s))
                    probes = min(probes + 1, 16)
                case never:
                    assert_never(never)

    def _jitter(self, retries: int, *, at_least: float) -> float:
        """Full jitter: anything from nothing to the bound, so that many lanes do not come back together."""
        bound = min(self._settings.first_retry_s * 2.0 ** min(retries, 16), self._settings.max_retry_s)
        return max(at_least, bound * random.random())  # noqa: S311 - spreads load, guards nothing


def _may_be_taken(verdict: Verdict) -> bool:
    """Whether the platform may have taken the batch with a post that it did not plainly accept."""
    match verdict:
        case Retry():
            return verdict.may_have_arrived
        case Held():
            return not verdict.took_nothing and verdict.cause is not HoldCause.REPEATED_UNPOSTED
        case Accepted() | Refused() | Throttled():
            return False
        case never:
            assert_never(never)


def _of_somebody_else(said: Accepted) -> Held:
    message = (
        f"{said.code} on the first post of a msgid that nobody here can have posted before: "
        "another sender uses it, or something on the way posts twice"
    )
    return Held(cause=HoldCause.REPEATED_UNPOSTED, code=said.code, message=message)
