"""How far each stage is at one moment: what its group committed, with the marks beside it, and who takes part in it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from streams.mapping import Site
from streams.topics.broker import Broker, CommittedOffset, Member

PLACE: Final = "place"
JOIN: Final = "join"
DELIVER: Final = "deliver"
STAGES: Final = (PLACE, JOIN, DELIVER)
"""In the order of the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMarks:
    """One look at the brokers."""

    at_ms: int
    """When, in milliseconds since the epoch."""
    clock_s: float
    """When, by a clock that nobody sets."""
    ends: Mapping[str, int | None]
    """By source, where the next row of `rows.<source>` will stand; None where the topic does not exist."""
    placed: Mapping[str, CommittedOffset]
    """By source, what the place stage committed."""
    joined: Mapping[int, CommittedOffset]
    """By partition of `visit.changes`, what the join committed."""
    delivered: Mapping[int, CommittedOffset]
    """By partition of `visit.ready`, what the deliver stage committed."""
    members: Mapping[str, Sequence[Member]]
    """By stage, who takes part in it."""

    def workers(self, stage: str) -> int:
        """How many take part in a stage."""
        return len(self.members[stage])

    def owner(self, stage: str, topic: str, partition: int) -> str:
        """Who was given a partition; `""` for nobody."""
        return next((one.name for one in self.members[stage] if (topic, partition) in one.parts), "")


def stage_marks(site: Site, broker: Broker) -> StageMarks:
    """Ask. Each stage is asked before the one behind it, so that nothing is counted twice. Raises Unreachable."""
    topics, partitions = site.topics, range(site.kafka.partitions)
    groups = {stage: topics.group(stage) for stage in STAGES}
    members = broker.taking_part(list(groups.values()))
    ends = {name: broker.ends(topics.rows(name)).get(0) for name in site.sources}
    placed = {name: broker.committed(groups[PLACE], topics.rows(name), [0])[0] for name in site.sources}
    joined = broker.committed(groups[JOIN], topics.changes, partitions)
    delivered = broker.committed(groups[DELIVER], topics.ready, partitions)
    return StageMarks(
        at_ms=time.time_ns() // 1_000_000,
        clock_s=time.monotonic(),
        ends=ends,
        placed=placed,
        joined=joined,
        delivered=delivered,
        members={stage: members[group] for stage, group in groups.items()},
    )
