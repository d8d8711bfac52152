"""What all lanes of a process share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from streams.errors import Fatal
from streams.lanes.absence import Absence, Deadline
from streams.lanes.buffer import Clock
from streams.lanes.high_water import HighWater, unnoted
from streams.lanes.ports import Broker
from streams.lanes.settings import LaneSettings
from streams.lanes.steering import Steering, unsteered
from streams.telemetry.outcomes import Outcomes


async def _nobody_asks() -> None:
    """In a test of something else."""


async def _nobody_asks_of(_generation: int) -> None:
    """In a test of something else, and in a stage that has no mapping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneContext:
    """What all lanes of a process share."""

    broker: Broker
    """Kafka, as lanes need it."""
    stage: str
    """One of the product's words: `place`, `join`, `deliver`."""
    group: str
    """The stage's consumer group."""
    settings: LaneSettings
    """How lanes pace, wait and give up."""
    outcomes: Outcomes
    """Where outcomes are counted."""
    clock: Clock
    """Seconds that never go back."""
    servers: str
    """The brokers' addresses, as the settings have them; for people."""
    die: Callable[[Fatal], None]
    """Ends the process with the error's exit code; in a test it remembers the error."""
    demand_site: Callable[[], Awaitable[None]] = _nobody_asks
    """Raises Fatal where the topics are not those of this process's site."""
    demand_fellows: Callable[[int], Awaitable[None]] = _nobody_asks_of
    """Raises Fatal where, in this generation of the group, others of the stage work by another mapping."""
    absence: Absence = field(default_factory=Absence)
    """How long brokers were away, told by the process's roll call."""
    steering: Steering = field(default_factory=unsteered)
    """What persons ordered: pauses and limits."""
    high_water: HighWater = field(default_factory=unnoted)
    """How far this machine knows the lanes to have been."""

    def deadline(self, within_s: float) -> Deadline:
        """A span from now on that does not count the time in which brokers are away."""
        return Deadline(within_s, absence=self.absence, clock=self.clock)
