"""Times as people write and read them: a span back from now, a moment at the site, an age."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from streams.errors import Misconfigured
from streams.mapping import Site

_UNITS = {"m": 60, "h": 3_600, "d": 86_400}


def since(text: str, site: Site) -> int:
    """Milliseconds of a time span back from now or of a local time; 0 for `""`. Raises Misconfigured for anything else."""
    if not text:
        return 0
    if text[:-1].isdigit() and text[-1] in _UNITS:
        return now_ms() - int(text[:-1]) * _UNITS[text[-1]] * 1000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"--since {text}: write a span such as 30m, 2h, 7d, or a time such as 2024-05-01T08:00") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(site.timezone))
    return int(moment.timestamp() * 1000)


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
