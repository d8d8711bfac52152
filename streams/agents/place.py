"""The place stage's app: it hands each source's rows to their lane. All decisions are made in `streams.domain.place.fold`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streams.agents.background import call_brokers, keep_running
from streams.agents.connection import AppSettings
from streams.agents.engine import LaneApp, hand_to_lanes
from streams.lanes.assignment import Assignment
from streams.lanes.context import LaneContext
from streams.lanes.place.lane import PlaceLane, PlaceShared
from streams.lanes.ports import TopicPartition
from streams.lanes.watch import Watch, next_of_rows
from streams.telemetry.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceStage:
    """What the place stage's process is made of."""

    app: AppSettings
    """How it takes part in its group."""
    context: LaneContext
    """What every lane of the process shares."""
    shared: PlaceShared
    """What its lanes share beyond that."""
    sources: Mapping[str, str]
    """Sources by the topic of their rows."""


def place_app(stage: PlaceStage) -> LaneApp:
    """rows.<source> → one lane per source → visit.changes."""

    def open_lane(at: TopicPartition, generation: int) -> PlaceLane:
        return PlaceLane(
            at, generation, context=stage.context, flow=app.flow_of(at), shared=stage.shared, source=stage.sources[at.topic]
        )

    lanes = Assignment(stage.sources, open_lane)
    app = LaneApp(stage.app, lanes, die=stage.context.die)

    @app.agent(app.lists_of(*stage.sources), name="place")
    async def place(rows: Any) -> None:
        async for event in rows.noack().events():
            hand_to_lanes(lanes, event)

    app.closing.append(stage.context.broker.stop)
    watch = Watch(lanes, next_of_rows(stage.context), context=stage.context)
    call_brokers(app, stage.app, clock=stage.context.clock)
    keep_running(app, watch.run, Progress(stage.context.outcomes).run)
    return app
