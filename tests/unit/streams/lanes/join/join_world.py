"""What the join lane's model is made of: workers that go step by step, and an oracle that folds and never dies."""

import asyncio
from functools import cache

from connector.contract import Topics
from streams.domain.join.fold import Joiner
from streams.lanes.context import LaneContext
from streams.lanes.join.lane import JoinLane, JoinShared
from streams.lanes.join.state import State
from streams.lanes.ports import TopicPartition
from streams.telemetry.outcomes import Outcomes
from streams.testing import RecordingFlow
from tests.settings import join_settings, lane_settings
from tests.unit.streams.domain.join.join_rig import LIMITS, Join, mappings
from tests.unit.streams.lanes.stepped import Process, stand

TOPICS = Topics()
GROUP = TOPICS.group("join")
CHANGES, READY, DEAD, STATE = (TopicPartition(name, 0) for name in (TOPICS.changes, TOPICS.ready, TOPICS.dead, TOPICS.state))
LANE = lane_settings(linger_s=0.4, idle_linger_s=0.03, offset_within_s=0.0, high=20, low=10)


@cache
def joiner():
    return Joiner(mappings(), LIMITS, zone=mappings()["his"].dialect.zone)


class Oracle(Join):
    """Folds one message after the other and never dies."""

    def take(self, incoming):
        folded = joiner().fold(incoming, self, self)
        self.keep(folded)
        self.ready += (*folded.recalls, *folded.ready)
        self.dead += folded.dead
        self.ends += folded.closed

    @property
    def flat(self):
        return {key: entry for entries in self.entries.values() for key, entry in entries.items()}


class Lookups(Join):
    """All lookup rows, at once; the records that cannot be read are the same for every worker."""

    def __init__(self, faults):
        super().__init__()
        self.faults = faults

    async def caught_up(self):
        await stand("lookups")


class Worker(Process):
    """A process whose lane is closed and opened again by rebalances; what it knows of the state stays."""

    def __init__(self, world, position, chunk):
        super().__init__(world.loop)
        self.position = position
        self._world = world
        self._state = State(STATE)
        self._shared = JoinShared(
            topics=TOPICS, fold=joiner(), lookups=Lookups(world.faults), settings=join_settings(max_chunk=chunk)
        )
        self._closing = None
        self._back = asyncio.Event()
        self.lane = self._new_lane()
        self.begin(self.lane.start)

    def _new_lane(self):
        context = LaneContext(
            broker=self._world.log,
            stage="join",
            group=GROUP,
            settings=LANE,
            outcomes=Outcomes("join"),
            clock=self.loop.time,
            servers="here:9092",
            die=self.die,
        )
        return JoinLane(CHANGES, 1, context=context, flow=RecordingFlow(), shared=self._shared, state=self._state)

    def rebalance(self):
        """Close, and open again when it is closed and `comes_back` was called."""
        if self._closing is None or self._closing.done():
            self._back = asyncio.Event()
            self.begin(self._begin_again)

    def comes_back(self):
        """The partition is this worker's again."""
        self.begin(self._back.set)

    def _begin_again(self):
        self._closing = self.loop.create_task(self._reopen())

    async def _reopen(self):
        await self.lane.close()
        await self._back.wait()
        if not self.dead:
            self.position = self._world.log.committed_offsets[GROUP, CHANGES].offset
            self.lane = self._new_lane()
            self.lane.start()

    def feed(self, count, *, lost=False):
        messages = self._world.log.messages(CHANGES, self.position)[:count]
        if messages and not self.lane.full and not self.dead:
            self.position = messages[-1].offset + 1
            if not lost:
                self.begin(lambda: self.lane.put(messages))
