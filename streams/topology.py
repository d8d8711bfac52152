"""The pipeline, in the order of the data. Read this first.

    hospital database ─capture─▶ visit.changes ─join─▶ visit.ready ─deliver─▶ platform
    lookup tables     ─capture─▶ lookup.<name> ──┘ │                 │  └───▶ visit.receipts
                                   visit.state ◀───┤                 │
                                    visit.dead ◀───┴─────────────────┘

capture   Debezium's connectors, run by Kafka Connect           connector/
join      rows of a visit become interface records              agents/join.py → lanes/join/lane.py → domain/join/fold.py
          (inside it: normalise, validate)                      domain/normalise/, domain/validate/
deliver   records become batches, sealed and posted             agents/deliver.py → lanes/deliver/lane.py → deliver/gateway.py
          (inside it: batch, seal)                              domain/batch/, seal/
dead-letter, replay: what could not pass, and its way back      deadletter/
"""

from dataclasses import dataclass

from connector.contract import Topics
from streams.agents.deliver import DeliverStage, deliver_app
from streams.agents.join import JoinStage, join_app

__all__ = ["DeliverStage", "JoinStage", "Stage", "deliver_app", "join_app", "stages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the data plane. Everything it writes for one chunk of its input is one transaction."""

    name: str
    group: str
    reads: str
    also_reads: tuple[str, ...]
    writes: tuple[str, ...]


def stages(topics: Topics, lookups: tuple[str, ...] = ()) -> tuple[Stage, ...]:
    """The stages of a site, in the order of the data."""
    return (
        Stage(
            name="join",
            group=topics.group("join"),
            reads=topics.changes,
            also_reads=tuple(map(topics.lookup, lookups)),
            writes=(topics.state, topics.ready, topics.dead),
        ),
        Stage(
            name="deliver",
            group=topics.group("deliver"),
            reads=topics.ready,
            also_reads=(),
            writes=(topics.receipts, topics.dead),
        ),
    )
