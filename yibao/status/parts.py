"""What was asked about a site, and what is told of each part of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.topics.maintenance import Maintenance
from streams.topics.steering import LimitOrder, Pause
from yibao.captures.shown import Shown
from yibao.lag.asked import Measured
from yibao.lag.counted import Lag, oldest_in, pace_of
from yibao.lag.shown import drained
from yibao.lag.stages import StageLag
from yibao.monitored import Seen
from yibao.status.facts import Facts, Part, SlotLook
from yibao.status.reasons import Reason, reason_of
from yibao.status.waits import NONE, PartsWaiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """All that was said."""

    at_ms: int
    """When, in milliseconds since the epoch."""
    brokers_away: str
    """Why no broker answers; `""` where they do."""
    connect_away: str
    """Why Connect does not answer; `""` where it does."""
    captures: Sequence[Shown]
    """Of each source that was asked for."""
    slots: Mapping[str, SlotLook]
    """Of the sources whose slot was looked at."""
    measured: Measured | None
    """How far the stages are; None while no broker answers."""
    stages: Sequence[StageLag]
    """What stands in the marks besides: open plans, institutions that are aside; empty while no broker answers."""
    pauses: Sequence[Pause] = ()
    """What waits because a person ordered it."""
    maintenance: Maintenance | None = None
    """Of the platform: the window that is open, or in whose wake what waited is sent."""
    limits: Sequence[LimitOrder] = ()
    """How much may go to the platform because a person ordered it."""
    parts: PartsWaiting = NONE
    """What waits in the join for its parts."""
    heard: Sequence[Seen] = ()
    """What the workers on this machine say of themselves."""
    full: str
    """Where the disk of the workers on this machine is full; `""` where it is not, or none works here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One part of a site."""

    part: Part
    """What it is."""
    name: str
    """Of the source or institution; of others `""`."""
    waiting: int | None
    """Rows or records; None where that is not known, or nothing is counted there."""
    oldest_ms: int | None
    """When the oldest of them was captured; of a capture its last heartbeat."""
    since: str
    """Since when its reason is so, in ISO form; `""` where that is not known."""
    rate_per_s: float | None
    """What it takes a second."""
    drains: bool | None
    """Whether it gets less."""
    drained_in_s: float | None
    """In so many seconds nothing waits, at this pace."""
    drained: str
    """The same in a word or two."""
    reason: Reason
    """Why it stands as it does."""

    @property
    def title(self) -> str:
        """As people see it."""
        return f"{self.part.value} {self.name}".rstrip()


def line_of(facts: Facts, lags: Sequence[Lag]) -> Line:
    """What is told of a part, with the one reason. lags: of its partitions; none of what has none."""
    moved = pace_of(lags)
    return Line(
        part=facts.part,
        name=facts.name,
        waiting=facts.waiting if facts.asked and facts.part is not Part.SITE else None,
        oldest_ms=oldest_in(lags),
        since="",
        rate_per_s=moved.rate_per_s,
        drains=moved.drains,
        drained_in_s=moved.drained_in_s,
        drained=drained(lags),
        reason=reason_of(facts),
    )
