"""Times in a filter: a span back from now, or a moment on the site's clock. Pure."""

from datetime import datetime, tzinfo
from typing import Final

_UNITS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


def moment_ms(text: str, *, now_ms: int, zone: tzinfo) -> int:
    """Milliseconds since the epoch of `24h` (so long before `now_ms`) or `2024-05-01T08:00` (in `zone`, where it names none).

    Raises ValueError for any other text; `streams.deadletter.filter.terms` lets none into a filter.
    """
    if text[:-1].isascii() and text[:-1].isdigit() and text[-1] in _UNITS:
        return now_ms - int(text[:-1]) * _UNITS[text[-1]]
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return int(moment.timestamp() * 1000)
