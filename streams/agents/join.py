"""The join's app: it hands changes to its lanes. All decisions are made in `streams.domain.join.fold`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connector.contract import Topics
from streams.agents.background import call_brokers, keep_running, keep_watch
from streams.agents.connection import AppSettings
from streams.agents.engine import LaneApp, hand_to_lanes
from streams.agents.kept import Kept
from streams.domain.join.indexed import Index
from streams.lanes.assignment import Assignment
from streams.lanes.context import LaneContext
from streams.lanes.join.lane import Fold, JoinLane, JoinShared, LookupRows
from streams.lanes.join.passage import Passage
from streams.lanes.join.rocks_store import RocksStores
from streams.lanes.join.state import State
from streams.lanes.join.ticks import Ticker
from streams.lanes.join.upstream import Upstream
from streams.lanes.join.wait_round import WaitRound
from streams.lanes.ports import TopicPartition
from streams.lanes.settings import JoinSettings
from streams.lanes.watch import Watch, next_of_changes
from streams.telemetry.board import Look
from streams.telemetry.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinStage:
    """What the join's process is made of."""

    app: AppSettings
    """How it takes part in its group."""
    topics: Topics
    """Names of the topics."""
    sources: Sequence[str]
    """Names of the sources whose rows it joins."""
    context: LaneContext
    """What every lane of the process shares."""
    settings: JoinSettings
    """What its lanes keep to."""
    fold: Fold
    """The pure function that decides."""
    lookups: LookupRows
    """All lookup rows."""
    index: Index
    """How rows are found without reading the others of their visit."""
    wall_ms: Callable[[], int]
    """Milliseconds since the epoch."""
    looks: Sequence[Look] = ()
    """How the site's files look."""


_LOOK_S: Final = 1.0
"""How often it is looked how far other lanes are that rows wait for. They have just moved, and their people look for them."""


def _awaited(lanes: Assignment) -> Mapping[int, int]:
    """By partition, how many rows of this process wait for its lanes."""
    return sum((lane.state.awaited for lane in lanes.lanes.values() if isinstance(lane, JoinLane)), Counter[int]())


def join_app(stage: JoinStage) -> LaneApp:
    """visit.changes → one lane per partition → visit.state, visit.ready, visit.dead."""
    passage = Passage(
        topics=stage.topics,
        context=stage.context,
        every_s=min(stage.settings.tick_s, _LOOK_S),
        awaited=lambda: _awaited(lanes),
        on_news=lambda: ticker.tick(),  # noqa: PLW0108 - it is made below
    )
    shared = JoinShared(
        topics=stage.topics,
        fold=stage.fold,
        lookups=stage.lookups,
        settings=stage.settings,
        passage=passage,
        hurry=lambda: ticker.hurry(),  # noqa: PLW0108 - it is made below
    )
    stores = RocksStores(stage.app.home / "state")
    states = Kept(lambda at: State(TopicPartition(stage.topics.state, at.partition), stores.of(at.partition), index=stage.index))

    def open_lane(at: TopicPartition, generation: int) -> JoinLane:
        return JoinLane(at, generation, context=stage.context, flow=app.flow_of(at), shared=shared, state=states.of(at))

    lanes = Assignment([stage.topics.changes], open_lane, forget=states.forget)
    app = LaneApp(stage.app, lanes, die=stage.context.die)

    @app.agent(app.lists_of(stage.topics.changes), name="join")
    async def join(changes: Any) -> None:
        async for event in changes.noack().events():
            hand_to_lanes(lanes, event)

    app.closing += [stage.lookups.stop, stage.context.broker.stop, stores.close]
    rows = {source: stage.topics.rows(source) for source in stage.sources}
    next_numbers = next_of_changes(stage.context, lanes, place_group=stage.topics.group("place"), rows=rows)
    watch = Watch(lanes, next_numbers, context=stage.context)
    ticker = Ticker(lanes, rows=list(rows.values()), context=stage.context, every_s=stage.settings.tick_s, wall_ms=stage.wall_ms)
    upstream = Upstream(place_group=stage.topics.group("place"), rows=rows, context=stage.context)
    call_brokers(app, stage.app, context=stage.context)
    waits, steering = WaitRound(lanes), stage.context.steering
    keep_watch(app, watch, waits, *stage.looks)
    keep_running(app, steering.run, ticker.run, upstream.run, passage.run, waits.run, Progress(stage.context.outcomes).run)
    return app
