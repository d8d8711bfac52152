"""The tries of one batch: what they leave open, and how they end."""

from dataclasses import dataclass
from typing import assert_never

from streams.deliver.causes import HoldCause
from streams.deliver.verdict import Accepted, Held, Refused, Retry, Throttled, Verdict


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """It is not decided: the institution is held, and its records are set aside."""

    unknown_since: int | None
    """From when on (ms) a POST of this msgid may have reached the platform; None where none can have."""
    held: Held | None = None
    """Why, where that was heard just now."""
    flooded: bool = False
    """Whether nobody holds it but the flood guard."""
    repeated: bool = False
    """Whether the platform said "repeated" to its first POST."""


@dataclass(slots=True, kw_only=True)
class Tries:
    """The tries of one batch so far. Times are milliseconds since the epoch."""

    unknown_since: int | None
    """From when on one of them may have reached the platform; None: none can have."""
    may_be_taken: bool
    """Whether the platform may have taken the batch with one that it did not plainly accept."""
    repeated: bool
    """Whether it said "repeated" to a first POST of the plan."""
    attempts: int = 0
    """How many there were."""
    retries: int = 0
    """After how many of them the outcome was unknown."""
    probes: int = 0
    """How often the lane was held for the way to the platform; grows to 16."""
    begun_at: int = 0
    """Of the first one."""
    posted_at: int = 0
    """Of the last one."""
    heard: Held | None = None
    """The last answer that held it."""

    def begin(self, now: int) -> None:
        self.attempts, self.posted_at = self.attempts + 1, now
        self.begun_at = self.begun_at or now

    def doubt(self) -> None:
        """The last one may have reached the platform."""
        if self.unknown_since is None:
            self.unknown_since = self.posted_at

    def decided(self, verdict: Accepted | Refused, now: int) -> Decided:
        return Decided(verdict=verdict, attempts=self.attempts, begun_at=self.begun_at, posted_at=self.posted_at, decided_at=now)

    def aside(self, held: Held | None) -> SetAside:
        """Where a try may have been taken, an owner of another day must know it."""
        if self.may_be_taken and self.unknown_since is None:
            self.unknown_since = self.begun_at
        return SetAside(unknown_since=self.unknown_since, held=held, repeated=self.repeated)


def may_be_taken(verdict: Verdict) -> bool:
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
