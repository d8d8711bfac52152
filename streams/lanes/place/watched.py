"""How the sources that a process places are watched over: by whom their databases and captures are asked."""

from dataclasses import dataclass, field

from streams.lanes.place.captures import Captures
from streams.lanes.place.failures import CapturePorts
from streams.lanes.place.lookout import LookAt
from streams.lanes.place.slot_watch import SlotPorts


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the watches ask and order."""

    look_at: LookAt
    """Compares a database with what its capture was applied against."""
    captures: CapturePorts
    """Kafka Connect."""
    slots: SlotPorts
    """The log that a database's server keeps for its capture."""
    heard: Captures = field(default_factory=Captures)
    """What Kafka Connect says of each capture, for metrics and health."""
