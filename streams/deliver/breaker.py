"""A circuit breaker for one platform: many lanes must not hammer what is down. Pure: time is passed in.

CLOSED ──failures in a row──▶ OPEN ──wait is over──▶ HALF_OPEN (one probe) ──answered──▶ CLOSED
                               ▲────────twice the wait──────────┘ not answered
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class Phase(StrEnum):
    """Whether requests may pass: all of them, none, or one that probes."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When the breaker opens, and how long it waits."""

    failures: int
    """Unanswered requests in a row that open it."""
    first_wait_s: float
    """Wait before the first probe."""
    longest_wait_s: float
    """Longest wait before a probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The state of a breaker."""

    settings: BreakerSettings
    phase: Phase = Phase.CLOSED
    failures: int = 0
    """Unanswered requests in a row."""
    wait_s: float = 0.0
    """How long it stays open."""
    until: float = 0.0
    """When the next probe may go, on the caller's clock."""


def admit(breaker: Breaker, now: float) -> tuple[Breaker, float]:
    """The state after asking to send, and how many seconds to wait first: 0.0 means send now.

    Whoever is admitted must report `answered`, `unanswered` or `abandoned`.
    """
    if breaker.phase is Phase.CLOSED:
        return breaker, 0.0
    if breaker.phase is Phase.HALF_OPEN:
        return breaker, breaker.settings.first_wait_s
    if now < breaker.until:
        return breaker, breaker.until - now
    return replace(breaker, phase=Phase.HALF_OPEN), 0.0


def answered(breaker: Breaker) -> Breaker:
    """The state after an answer, whatever it said: the platform is there."""
    return Breaker(settings=breaker.settings)


def unanswered(breaker: Breaker, now: float) -> Breaker:
    """The state after a request failed: no connection, no answer, or none of the platform itself."""
    settings, failures = breaker.settings, breaker.failures + 1
    if breaker.phase is Phase.CLOSED and failures >= settings.failures:
        return _opened(breaker, failures=failures, wait_s=settings.first_wait_s, now=now)
    if breaker.phase is Phase.HALF_OPEN:
        return _opened(breaker, failures=failures, wait_s=min(2 * breaker.wait_s, settings.longest_wait_s), now=now)
    return replace(breaker, failures=failures)


def abandoned(breaker: Breaker, now: float) -> Breaker:
    """The state after a request was given up before its outcome was known. If it was the probe, the next one may go at once."""
    return replace(breaker, phase=Phase.OPEN, until=now) if breaker.phase is Phase.HALF_OPEN else breaker


def _opened(breaker: Breaker, *, failures: int, wait_s: float, now: float) -> Breaker:
    return replace(breaker, phase=Phase.OPEN, failures=failures, wait_s=wait_s, until=now + wait_s)
