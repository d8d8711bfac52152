"""Times as people write and read them: a span back from now, a moment at the site, an age."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from streams.errors import Misconfigured
from streams.mapping import Site

_UNITS = {"m": 60, "h": 3_600, "d": 86_400}


def since(text: str, site: Site, *, option: str = "--since") -> int:
    """Milliseconds of a time span back from now or of a local time; 0 for `""`. Raises Misconfigured for anything else. option:
    where it was written.
    """
    if not text:
        return 0
    span = _span_s(text)
    return now_ms() - span * 1000 if span is not None else int(_moment(option, text, site).timestamp() * 1000)


def until_of(text: str, site: Site) -> str:
    """A moment to come, in ISO form with its zone: a time span from now on, or a local time; `""` for `""`. Raises Misconfigured
    for anything else, and for what is over.
    """
    if not text:
        return ""
    return moment_to_come("--until", text, site).isoformat(timespec="seconds")


def moment_to_come(option: str, text: str, site: Site) -> datetime:
    """A moment to come in the site's zone: a time span from now on, or a local time. Raises Misconfigured for anything else, and
    for what is over.
    """
    zone, span = ZoneInfo(site.timezone), _span_s(text)
    now = datetime.now(zone)
    moment = _moment(option, text, site) if span is None else now + timedelta(seconds=span)
    if moment <= now:
        raise Misconfigured(f"{option} {text}: that is over; it is {now.isoformat(timespec='seconds')}")
    return moment.astimezone(zone)


def _span_s(text: str) -> int | None:
    digits, unit = text[:-1], text[-1]
    return int(digits) * _UNITS[unit] if digits.isascii() and digits.isdigit() and len(digits) < 7 and unit in _UNITS else None


def _moment(option: str, text: str, site: Site) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"{option} {text}: write a span such as 30m, 2h, 7d, or a time such as 2024-05-01T08:00") from error
    return moment.replace(tzinfo=ZoneInfo(site.timezone)) if moment.tzinfo is None else moment


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


def local(at_ms: int, site: Site) -> str:
    """As a clock at the site shows it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(site.timezone)).strftime("%Y-%m-%d %H:%M:%S")


def age(ms: int) -> str:
    """In days and hours, or hours and minutes."""
    span = timedelta(milliseconds=max(0, ms))
    hours, rest = divmod(span.seconds, 3_600)
    return f"{span.days}d {hours}h" if span.days else f"{hours}h {rest // 60}m"


def span(seconds: float) -> str:
    """A length of time in at most seven characters: `12 s`, `34 min`, `5h 6m`, `7d 8h`."""
    whole = int(max(0.0, seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7_200:
        return f"{whole // 60} min"
    return f"{whole // 3_600}h {whole % 3_600 // 60}m" if whole < 86_400 else f"{whole // 86_400}d {whole % 86_400 // 3_600}h"
