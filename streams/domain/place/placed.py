"""What the fold of the place stage leads to."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from streams.domain.changes import Incoming
from streams.domain.place.going import Going
from streams.domain.records import Header

UNPLACED: Final = 0
"""The partition of what belongs to no visit."""

_NOTHING: Final[Mapping[bytes, bytes | None]] = MappingProxyType({})


class Placed(NamedTuple):
    """One message for `visit.changes`."""

    partition: int
    key: bytes | None
    """The visit key; None where there is none."""
    value: bytes | None
    """A Debezium envelope, or a tick."""
    headers: tuple[Header, ...] = ()
    """What else is said of it. (Written anew, an envelope could lose a number's last digits.)"""

    def __repr__(self) -> str:
        """Without what the message holds."""
        return f"Placed(partition={self.partition})"


class Folded(NamedTuple):
    """What one message leads to."""

    placed: tuple[Placed, ...]
    outcome: str
    """To be counted by the caller."""
    going: Going
    """After this message."""
    state: Mapping[bytes, bytes | None] = _NOTHING
    """Changed state entries by key; None where the entry goes."""
    gave_up: int = 0
    """How many rows waited for their header in vain."""

    def __repr__(self) -> str:
        """Without what the messages hold."""
        return f"Folded(outcome={self.outcome!r})"


def unplaced(incoming: Incoming, going: Going) -> Folded:
    """What cannot be placed goes on as it is."""
    return Folded((Placed(UNPLACED, incoming.key, incoming.value),), "unplaced", going)
