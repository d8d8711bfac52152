"""The place stage's app: it hands each source's rows to their lane. All decisions are made in `streams.domain.place.fold`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from streams.agents.background import call_brokers, keep_running, keep_watch
from streams.agents.connection import AppSettings
from streams.agents.engine import LaneApp, hand_to_lanes
from streams.agents.kept import Kept
from streams.lanes.assignment import Assignment
from streams.lanes.context import LaneContext
from streams.lanes.join.rocks_store import RocksStores
from streams.lanes.look import PausesLook
from streams.lanes.place.captures import Captures
from streams.lanes.place.failures import FailureWatch
from streams.lanes.place.heartbeats import Heartbeats
from streams.lanes.place.lane import PlaceLane, PlaceShared
from streams.lanes.place.look import PlaceLook
from streams.lanes.place.state import PlaceState
from streams.lanes.place.ticks import PlaceTicker
from streams.lanes.ports import TopicPartition
from streams.lanes.watch import Watch, next_of_rows
from streams.telemetry.board import Look
from streams.telemetry.progress import Progress

PlacedHere: TypeAlias = Callable[[], list[str]]
"""The sources that a process places now."""


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
    tick_s: float
    """How often it is looked for rows that waited for their header in vain."""
    wall_ms: Callable[[], int]
    """Milliseconds since the epoch."""
    listen_s: float
    """How often it is looked for signs of life of the sources' captures."""
    failures: FailureWatch | None = None
    """Watches over the captures of the sources; None: nobody does."""
    heard: Captures | None = None
    """What is heard of them meanwhile."""
    looks: Sequence[Look] = ()
    """How the site's files look."""


def place_app(stage: PlaceStage) -> LaneApp:
    """rows.<source> → one lane per source → visit.changes, place.state.<source>."""
    sources, names = stage.sources, stage.shared.topics
    stores = RocksStores(stage.app.home / "state", topic="place.state")
    numbers = {topic: number for number, topic in enumerate(sorted(sources))}
    states = Kept(lambda at: PlaceState(TopicPartition(names.place_state(sources[at.topic]), 0), stores.of(numbers[at.topic])))

    def open_lane(at: TopicPartition, generation: int) -> PlaceLane:
        source, state = sources[at.topic], states.of(at)
        return PlaceLane(
            at, generation, context=stage.context, flow=app.flow_of(at), shared=stage.shared, source=source, state=state
        )

    lanes = Assignment(sources, open_lane, forget=states.forget)
    app = LaneApp(stage.app, lanes, die=stage.context.die)

    @app.agent(app.lists_of(*sources), name="place")
    async def place(rows: Any) -> None:
        async for event in rows.noack().events():
            hand_to_lanes(lanes, event)

    app.closing += [stage.context.broker.stop, stores.close]
    watch = Watch(lanes, next_of_rows(stage.context), context=stage.context)
    call_brokers(app, stage.app, context=stage.context)
    ticker = PlaceTicker(lanes, context=stage.context, every_s=stage.tick_s, wall_ms=stage.wall_ms)
    placed_here: PlacedHere = lambda: [sources[at.topic] for at in lanes.lanes]  # noqa: E731 - a sentence
    beats = Heartbeats(
        stage.context.broker,
        {name: names.heartbeat(name) for name in sources.values()},
        placed_here,
        heard=stage.shared.heard,
        every_s=stage.listen_s,
    )
    looks: list[Look] = [PlaceLook(lanes, sources, stage.shared.lookout), beats, PausesLook(stage.context.steering), *stage.looks]
    keep_watch(app, watch, *looks, *([stage.heard.look_of(placed_here)] if stage.heard else ()), tells_held=False)
    keep_running(app, stage.context.steering.run, ticker.run, beats.run, Progress(stage.context.outcomes).run)
    _look_out(app, stage, placed_here)
    return app


def _look_out(app: LaneApp, stage: PlaceStage, placed_here: PlacedHere) -> None:
    """Look for the life of the app at the databases and captures of the sources that this process places."""
    lookout = stage.shared.lookout
    if lookout is not None:
        keep_running(app, lambda: lookout.run(placed_here))
    failures = stage.failures
    if failures is not None:
        keep_running(app, lambda: failures.run(placed_here))
