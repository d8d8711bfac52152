"""A worker with one deliver lane, for models: what it is set to, what it is given, and the site that it works for."""

from dataclasses import dataclass

import orjson

from connector.contract import Topics
from streams.domain.batch.cut import CutLimits
from streams.lanes.context import LaneContext
from streams.lanes.deliver.delivery import DeliverShared
from streams.lanes.deliver.health import Health
from streams.lanes.deliver.lane import DeliverLane
from streams.lanes.ports import TopicPartition
from streams.lanes.settings import FloodGuard
from streams.lanes.steering import Steering
from streams.telemetry.outcomes import Outcomes
from streams.testing import RecordingFlow
from tests.settings import deliver_settings, flood_guard, lane_settings
from tests.unit.streams.lanes.stepped import Process

TOPICS = Topics()
GROUP = TOPICS.group("deliver")
READY, DEAD, RECEIPTS = (TopicPartition(topic, 0) for topic in (TOPICS.ready, TOPICS.dead, TOPICS.receipts))
INSTITUTIONS = ("H36110200001", "P36110200002")
LANE = lane_settings(linger_s=0.4, idle_linger_s=0.03, offset_within_s=0.0, high=40, low=20)
MAX_CHARS = 150
LENIENT, STRICT = flood_guard(min_refused=10_000, in_a_row=0), flood_guard(min_refused=2, ratio=0.5, in_a_row=3)
SITE = "s1te"


def plan_of(msgid):
    """The id of the plan that a msgid belongs to."""
    return msgid[12:29] if _is_first_layout(msgid) else msgid[12:26]


def node_of(msgid):
    return int(msgid[29:], 36) if _is_first_layout(msgid) else int(msgid[26:-2], 36)


def _is_first_layout(msgid):
    return msgid[12:14] == "20"


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What an operator sets for a worker."""

    max_plan: int = 8
    portion: int = 500
    max_rows: int = 4
    msgid_chars: int = 32
    guard: FloodGuard = LENIENT
    msgid_memory_s: float = 0.0
    repeats_refused: bool = False
    most_aside: int = 0
    pace: tuple = ()

    @property
    def limits(self):
        return CutLimits(max_chars=MAX_CHARS, max_rows=self.max_rows, sealed_chars=lambda plain: plain)

    def settings(self):
        return deliver_settings(
            max_plan=self.max_plan,
            portion=self.portion,
            msgid_chars=self.msgid_chars,
            flood_guard=self.guard,
            msgid_memory_s=self.msgid_memory_s,
            repeats_refused=self.repeats_refused,
            **dict(self.pace),
        )


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A record to deliver. kind: of its batch, 0 to 5."""

    kind: int
    visit: int
    bad: bool = False
    large: bool = False

    def value(self, number):
        return orjson.dumps({"n": number} | ({"bad": 1} if self.bad else {}) | ({"x": "x" * MAX_CHARS} if self.large else {}))


class Worker(Process):
    """One process with one lane. position: the offset that is handed over next. fenced_at: when another took its place."""

    def __init__(self, world, setup, position):
        super().__init__(world.loop)
        self.setup = setup
        self.position = position
        self.fenced_at = None
        self.refused = set()
        self.flow = RecordingFlow()
        self.closing = []
        context = LaneContext(
            broker=world.log,
            stage="deliver",
            group=GROUP,
            settings=LANE,
            outcomes=Outcomes("deliver"),
            clock=world.loop.time,
            servers="here:9092",
            die=self.die,
            steering=Steering("deliver", None, wall_ms=world.wall_ms, orders=world.orders),
        )
        shared = DeliverShared(
            topics=TOPICS,
            platform=world.platform,
            limits=setup.limits,
            settings=setup.settings(),
            health=Health(setup.settings(), clock=world.loop.time, most=setup.most_aside),
            wall_ms=world.wall_ms,
            site=SITE,
        )
        self.lane = DeliverLane(READY, 1, context=context, flow=self.flow, shared=shared)

    def feed(self, log, count, *, lost=False):
        """Hand over what comes next, or lose it on the way."""
        if self.flow.stopped:
            return
        messages = log.messages(READY, self.position)[:count]
        if lost:
            # What has no number is missed by nobody; a lost fetch is noticed by the records in it.
            while messages and not self._misses(messages[-1]):
                messages.pop()
            if messages and self._has_copy(messages, log.messages(READY, messages[-1].offset + 1)):
                return  # the copy would be taken in its place, and a plan that ends with it is not found again: exit code 71
        if messages:
            self.position = messages[-1].offset + 1
            if not lost:
                self.begin(lambda: self.lane.put(messages))

    @staticmethod
    def _has_copy(messages, behind):
        """Whether one of these records stands once more behind them."""
        numbers = {dict(message.headers).get("seq") for message in behind} - {None}
        return any(dict(message.headers).get("seq") in numbers for message in messages)

    def _misses(self, message):
        buffer, said = self.lane.buffer, dict(message.headers)
        return buffer is not None and "seq" in said and int(said["seq"]) >= buffer.want
