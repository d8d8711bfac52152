"""What stands around a capture in its database: connections for it, the log that is kept for it, the server's clock and zone."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLog:
    """The log that a server keeps because capture has not read it."""

    bytes: int
    """How much is kept. It grows while capture stands."""
    most: int | None
    """So much it keeps; then it drops the log, and capture has lost its place. None: without a bound."""
    status: str
    """As the server calls it: `reserved`, `extended`, `unreserved` or `lost`."""
    active: bool
    """Whether somebody reads it now."""
    position: int
    """Up to where capture says that it has read, in bytes of the log. What comes after is not captured yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What stands around one capture."""

    free_senders: int
    """Connections that can still be made to read the log; capture needs one."""
    max_senders: int
    """Such connections that the server allows in all."""
    kept: KeptLog | None
    """What is kept for this capture; None where its slot does not exist."""
    log: int
    """Where the server's log ends, in bytes."""
    now: datetime
    """The server's clock, with the offset of the zone in which it shows times."""
    zone: str
    """That zone, as the server names it."""
