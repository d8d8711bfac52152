"""The numbers of messages in `visit.changes`: one series a source, in each partition without a gap."""

from typing import Final

from streams.domain.changes import NUMBER, Incoming

__all__ = ["FROM", "NUMBER", "number_of"]

FROM: Final = "from"
"""Header with the series."""


def number_of(incoming: Incoming) -> tuple[str, int]:
    """Series and number of a message of `visit.changes`; `""` and its offset where it has none."""
    headers = incoming.headers
    if len(headers) < 2 or headers[0][0] != FROM or headers[1][0] != NUMBER:
        return "", incoming.offset
    number = headers[1][1]
    if number is None or not number.isdigit():
        return "", incoming.offset
    return (headers[0][1] or b"").decode("utf-8", "replace"), int(number)
