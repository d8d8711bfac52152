"""How long to wait for a platform that takes no more for now: as long as it says, else longer each time.

Pure: time is passed in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum, auto
from typing import Final

MAX_WAIT_S: Final = 300.0
"""The longest wait that a platform can impose; one that asks for more is asked again after this."""
DEFAULT_THROTTLE_S: Final = 5.0
"""First wait after a 429 that names none."""
FLOOR_S: Final = 1.0
"""First wait after a 429 that says "at once", or names a moment that has passed. None is shorter."""
_LONGEST_DATE: Final = 64
"""Characters of a date; RFC 9110 needs 29."""
LONGEST_OWN_S: Final = 60.0
"""Longest wait that grew by itself: the platform asked for none."""


class Whose(StrEnum):
    """Who takes no more, or lets no more go. ANSWER: the platform just said so of an institution. INSTITUTION: it said so before,
    and its wait is not over. ALL: the same of all institutions. LIMIT: a limit of ours.
    """

    ANSWER = auto()
    INSTITUTION = auto()
    ALL = auto()
    LIMIT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """How often in a row the platform took no more, and until when it is left alone."""

    times: int = 0
    until: float = 0.0
    """On the caller's clock."""


def throttled(before: Throttle, *, after_s: float, named: bool, began: float, now: float) -> Throttle:
    """The state after an answer that takes no more. after_s, named: of `wait_of`. began: when its request went out.

    Requests that were under way together count as one: their answers are one and the same word.
    """
    together = began < before.until
    times = before.times if together else before.times + 1
    until = now + _wait_s(after_s, named=named, times=times - 1)
    return Throttle(times=times, until=max(before.until, until) if together else until)


def wait_of(headers: Mapping[str, str], *, now: datetime) -> tuple[float, bool]:
    """Seconds to wait after a 429, and whether the platform named them."""
    asked = retry_after_s(headers, now=now, most_s=MAX_WAIT_S)
    if asked is None:
        return DEFAULT_THROTTLE_S, False
    return max(asked, FLOOR_S), asked > 0


def retry_after_s(headers: Mapping[str, str], *, now: datetime, most_s: float) -> float | None:
    """Seconds that `Retry-After` asks for (RFC 9110 §10.2.3: seconds or a date), from 0 to `most_s`; None where it asks for
    nothing.

    A date is compared with the answer's own `Date`, because the clocks of two houses differ.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), most_s)
    until = _date(text)
    if until is None:
        return None
    seconds = (until - (_date(headers.get("date", "")) or now)).total_seconds()
    return min(max(seconds, 0.0), most_s)


def _wait_s(after_s: float, *, named: bool, times: int) -> float:
    return after_s if named else min(after_s * 2.0 ** min(max(times, 0), 16), max(after_s, LONGEST_OWN_S))


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text[:_LONGEST_DATE])
    except (ValueError, TypeError, IndexError, OverflowError):  # a year or an offset beyond all calendars overflows
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
