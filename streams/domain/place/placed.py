"""What the fold of the place stage leads to."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from streams.domain.changes import Event, Incoming, event_of
from streams.domain.place.going import Going
from streams.domain.records import Header, Row
from streams.errors import Rejected

UNPLACED: Final = 0
"""The partition of what belongs to no visit."""

_NOTHING: Final[Mapping[bytes, bytes | None]] = MappingProxyType({})


class Named(NamedTuple):
    """A row of which a visit is told."""

    table: str
    """`schema.table`."""
    columns: Row
    """Its columns."""
    stays: bool = True
    """Whether it stands in the visit that is told of it."""
    is_new: bool = False
    """Whether it was made just now."""
    moves: bool = False
    """Whether it stands in another visit instead."""
    is_read: bool = False
    """Whether it was read just now."""

    def __repr__(self) -> str:
        """Without what the row holds."""
        return f"Named(table={self.table!r})"


class Out(NamedTuple):
    """One message for a visit, before it is known in which partition that is."""

    visit: str | None
    """None: for nobody; the join knows the letter."""
    value: bytes | None
    """None: the message in hand, as it came."""
    left: str | None = None
    """The visit that the row left for this one; None for none."""
    doubted: bool = False
    """Whether it may have left one: that is not known."""
    row: Named | None = None
    """The row that it is about, where it is for a visit."""

    def __repr__(self) -> str:
        """Without what the message holds."""
        return "Out()"


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


def event_in(envelope: Mapping[str, object], *, server: str = "") -> Event | None:
    """What an envelope tells; None where it cannot be read."""
    try:
        return event_of(envelope, server=server)
    except Rejected:
        return None


def bytes_of(visit: str | None) -> bytes | None:
    """The message key of a visit."""
    return None if visit is None else visit.encode()


class Empty:
    """The state of a source without headers."""

    def get(self, key: bytes) -> None:
        """Nothing is known."""
        del key

    def scan(self, prefix: bytes) -> Iterable[bytes]:
        """Nothing is known."""
        del prefix
        return ()

    def due(self, at: int) -> Iterable[bytes]:
        """Nothing waits."""
        del at
        return ()
