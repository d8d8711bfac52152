"""The pipeline, in the order of the data. Read this first.

    hospital database ─capture─▶ rows.<source> ─place─▶ visit.changes ─join─▶ visit.ready ─deliver─▶ platform
    lookup tables     ─capture─▶ lookup.<name> ────│──────────────┘ │                 │  └───▶ visit.receipts
                                     place.state ◀─┘  visit.state ◀─┤                 ├──────▶ visit.orphans
                                                     visit.dead ◀───┴─────────────────┘

capture   Debezium's connectors, run by Kafka Connect           connector/
place     rows in the log's order go to their visits, by        agents/place.py → lanes/place/lane.py → domain/place/fold.py
          their own columns or through a header                 domain/place/resolving.py
join      rows of a visit become interface records              agents/join.py → lanes/join/lane.py → domain/join/fold.py
          (inside it: normalise, validate)                      domain/normalise/, domain/validate/
deliver   records become batches, sealed and posted             agents/deliver.py → lanes/deliver/lane.py → deliver/gateway.py
          (inside it: batch, seal); what belongs to what        domain/batch/, seal/
          the platform refused waits for it                     lanes/deliver/orphans.py
dead-letter, replay: what could not pass, and its way back      deadletter/
"""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from streams.agents.deliver import deliver_app
from streams.agents.engine import LaneApp
from streams.agents.join import join_app
from streams.agents.place import place_app
from streams.lane_wiring import broker_settings, lookup_tables
from streams.lanes.fellows import Fellowship
from streams.lanes.place.slot_watch import SlotWatch
from streams.lanes.place.watched import Watched
from streams.lanes.site_check import demand_site
from streams.lanes.topic_check import told, topics_there
from streams.mapping import Site
from streams.mapping.identity import identity_of
from streams.platform_wiring import gateway_of
from streams.telemetry.outcomes import Outcomes
from streams.wiring import deliver_stage, fellowship, join_stage, place_stage, place_states, rows_topics, slot_watch, stage_topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One worker of a stage."""

    site: Site
    """The site whose stage it runs."""
    home: Path | None = None
    """Where it keeps its files on this machine; None: the site's `workers.home`."""
    index: int = 0
    """Tells workers of one stage on one machine apart."""
    patient: bool = False
    """Wait for brokers that do not answer, instead of ending with Unreachable."""
    watched: Watched | None = None
    """How the place stage's sources are watched over; None: nobody does."""
    standing_by: Callable[[str], None] = lambda _others: None
    """Is told for whose going it waits while workers of its stage work by another mapping, and `""` when they have gone."""
    outcomes: Outcomes | None = None
    """Where its outcomes are counted; None: in a place of its own, which nobody reads."""


async def place_worker(process: Process) -> LaneApp:
    """rows.<source> → visit.changes, place.state.<source>; ready to run. Raises Misconfigured, Unreachable, Fatal."""
    site = process.site
    async with AsyncExitStack() as undo:
        # Before anything waits: while no broker answers, a restarted worker stands here, and the log grows in the database.
        slots = _watched_slots(process, undo)
        await _check_topics(process, also=(*rows_topics(site), *place_states(site), site.topics.control))
        if slots is not None:
            slots.trusted = True
        fellows = await _alone_with_its_mapping(process, "place")
        stage = place_stage(
            site,
            home=process.home,
            index=process.index,
            watched=process.watched,
            fellows=fellows,
            outcomes=process.outcomes,
        )
        app = place_app(stage)
        app.closing.append(undo.pop_all().aclose)
    return app


def _watched_slots(process: Process, undo: AsyncExitStack) -> SlotWatch | None:
    """The watch over the log that the databases keep, begun; it ends with `undo`."""
    if process.watched is None:
        return None
    slots = slot_watch(process.watched.slots, trusted=process.patient)
    slots.start(process.site.sources)
    undo.push_async_callback(slots.stop)
    return slots


async def join_worker(process: Process) -> LaneApp:
    """visit.changes → visit.state, visit.ready, visit.dead; ready to run. Raises Misconfigured, Unreachable, Fatal."""
    await _check_topics(process, also=(*lookup_tables(process.site), process.site.topics.control))
    fellows = await _alone_with_its_mapping(process, "join")
    return join_app(join_stage(process.site, home=process.home, index=process.index, fellows=fellows, outcomes=process.outcomes))


async def deliver_worker(process: Process) -> LaneApp:
    """visit.ready → the platform, visit.receipts, visit.dead; ready to run. Raises Misconfigured, Unreachable, Fatal."""
    outcomes = process.outcomes or Outcomes("deliver")
    gateway = gateway_of(process.site, outcomes)  # before any broker is asked: a wrong key is told at once
    mark = await _check_topics(process, also=(process.site.topics.control,))
    await gateway.__aenter__()
    stage = deliver_stage(process.site, gateway, mark=mark, outcomes=outcomes, home=process.home, index=process.index)
    lanes = deliver_app(stage)
    lanes.closing.append(lambda: gateway.__aexit__(None, None, None))
    return lanes


async def _alone_with_its_mapping(process: Process, stage: str) -> Fellowship:
    """Waits until no worker of the stage works by another mapping."""
    fellows = fellowship(process.site, stage, index=process.index)
    await fellows.wait(patient=process.patient, standing_by=process.standing_by)
    return fellows


async def _check_topics(process: Process, also: Sequence[str] = ()) -> str:
    """Whether the topics are there and the site's own; the mark that they are bound with."""
    site = process.site
    broker = broker_settings(site)
    there = topics_there(
        broker,
        partitioned=stage_topics(site),
        also=also,
        partitions=site.kafka.partitions,
        patient=process.patient,
    )
    await told(there, broker.bootstrap_servers)
    return await told(demand_site(broker, identity_of(site), topic=site.topics.binding), broker.bootstrap_servers)
