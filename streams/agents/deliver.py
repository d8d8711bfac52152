"""The deliver stage's app: it hands ready records to its lanes. All decisions are made in `streams.deliver` and the cut."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from streams.agents.background import call_brokers, keep_running, keep_watch
from streams.agents.connection import AppSettings
from streams.agents.engine import LaneApp, hand_to_lanes
from streams.errors import Misconfigured
from streams.lanes.assignment import Assignment
from streams.lanes.context import LaneContext
from streams.lanes.deliver.delivery import DeliverShared
from streams.lanes.deliver.lane import DeliverLane
from streams.lanes.deliver.look import DeliverLook
from streams.lanes.ports import TopicPartition
from streams.lanes.watch import Watch, next_of_ready
from streams.telemetry.board import Look
from streams.telemetry.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverStage:
    """What the deliver stage's process is made of."""

    app: AppSettings
    """How it takes part in its group."""
    context: LaneContext
    """What every lane of the process shares."""
    shared: DeliverShared
    """What its lanes share beyond that."""
    share_limits: Callable[[Callable[[], int]], None]
    """Called once, with what says how many partitions this process works on: so much of the limits is its share."""
    looks: Sequence[Look] = ()
    """How the platform and the site's files look."""


def deliver_app(stage: DeliverStage) -> LaneApp:
    """visit.ready → one lane per partition → the platform, visit.receipts, visit.dead."""
    topics, low, plan = stage.shared.topics, stage.context.settings.low, stage.shared.settings.max_plan
    if plan > low:
        raise Misconfigured(
            f"a plan of {plan} records does not fit below the low-water mark of {low}: its lane would wait for ever"
        )

    def open_lane(at: TopicPartition, generation: int) -> DeliverLane:
        return DeliverLane(at, generation, context=stage.context, flow=app.flow_of(at), shared=stage.shared)

    lanes = Assignment([topics.ready], open_lane)
    app = LaneApp(stage.app, lanes, die=stage.context.die)
    stage.share_limits(lambda: len(lanes.lanes))

    @app.agent(app.lists_of(topics.ready), name="deliver")
    async def deliver(ready: Any) -> None:
        async for event in ready.noack().events():
            hand_to_lanes(lanes, event)

    next_numbers = next_of_ready(stage.context, join_group=topics.group("join"), changes=topics.changes)
    app.closing.append(stage.context.broker.stop)
    watch = Watch(lanes, next_numbers, context=stage.context)
    call_brokers(app, stage.app, context=stage.context)
    keep_watch(app, watch, DeliverLook(lanes, stage.shared.health), *stage.looks)
    keep_running(app, stage.context.steering.run, Progress(stage.context.outcomes).run)
    return app
