"""The numbers of messages in `visit.changes`: one series a source, in each partition without a gap."""

from functools import lru_cache
from typing import Final

from streams.domain.changes import NUMBER, Incoming

__all__ = ["FROM", "NUMBER", "number_of"]

FROM: Final = "from"
"""Header with the series."""


def number_of(incoming: Incoming) -> tuple[str, int]:
    """Series and number of a message of `visit.changes`; `""` and its offset where it has none."""
    headers = incoming.headers
    if len(headers) > 1:
        (first, series), (second, number) = headers[:2]
        if first == FROM and second == NUMBER and number is not None and number.isdigit():
            return _text_of(series), int(number)
    return "", incoming.offset


@lru_cache(64)
def _text_of(series: bytes | None) -> str:
    return (series or b"").decode("utf-8", "replace")
