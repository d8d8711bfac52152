"""What the tests of the lanes share: a site in memory and its feeders."""
# ruff: noqa: ARG002 - toys have the signatures of what they stand for

import time
from dataclasses import replace

import orjson

from connector.contract import Topics
from streams.domain.batch.cut import CutLimits
from streams.domain.join.results import Folded
from streams.domain.ready import Emission, encode
from streams.domain.records import Record
from streams.lanes.context import LaneContext
from streams.lanes.deliver.delivery import DeliverShared
from streams.lanes.deliver.health import Health
from streams.lanes.deliver.lane import DeliverLane
from streams.lanes.join.lane import JoinLane, JoinShared
from streams.lanes.join.state import State
from streams.lanes.marks import JoinMark, deliver_mark
from streams.lanes.ports import Committed, TopicPartition
from streams.lanes.steering import Steering
from streams.spec.fields import ServiceCode
from streams.telemetry.outcomes import Outcomes
from streams.testing import Deaths, FakeLog, FakePlatform, RecordingFlow, wait_for
from streams.topics.steering import Orders
from tests.patience import PATIENCE_S
from tests.settings import deliver_settings, flood_guard, join_settings, lane_settings

INSTITUTION = "H36110200001"
SITE = "s1te"
TOPICS = Topics()
CHANGES = TopicPartition(TOPICS.changes, 0)
READY = TopicPartition(TOPICS.ready, 0)
DEAD = TopicPartition(TOPICS.dead, 0)
RECEIPTS = TopicPartition(TOPICS.receipts, 0)
STATE = TopicPartition(TOPICS.state, 0)
QUICK = lane_settings(
    linger_s=0.0,
    idle_linger_s=0.0,
    offset_within_s=0.0,
    log_within_s=0.0,
    stuck_s=PATIENCE_S,
    doubt_s=PATIENCE_S,
    close_within_s=PATIENCE_S,
    high=60,
    low=30,
)
"""Nothing waits, and nothing is given up or doubted because the machine is slow."""
LIMITS = CutLimits(max_chars=10_000, max_rows=5, sealed_chars=lambda plain: plain)


def record(key, value=b"{}", institution=INSTITUTION):
    """An interface record of a service that follows from its key."""
    return Record(
        service=ServiceCode.FEE if key % 3 == 0 else ServiceCode.SETTLEMENT,
        institution=institution,
        infno="2204",
        key=str(key),
        value=value,
        content_hash="0" * 32,
        mapping_version="m@1",
        business_day="2024-05-06",
        amount="1.00",
    )


def emission(key, *, value=b"{}", visit=b"v1", institution=INSTITUTION):
    return Emission(
        record=record(key, value, institution),
        visit_key=visit,
        position="7",
        committed_at=1_700_000_000_000,
        captured_at=1_700_000_000_090,
    )


class NoLookups:
    """There are none; how often lanes asked is remembered."""

    def __init__(self):
        self.faults = {}
        self.asked = 0

    def find(self, name, key):
        return None

    async def caught_up(self):
        self.asked += 1

    async def stop(self):
        return None


class CountingFold:
    """Each input gives one record that carries how many inputs of its visit came before."""

    def fold(self, incoming, view, lookups, passed):
        key = incoming.key + b"\x1fv"
        count = int(view.visit(incoming.key).get(key, b"r0")[1:]) + 1
        number = int(incoming.value)
        value = orjson.dumps({"i": number, "n": count})
        ready = (emission(number, value=value, visit=incoming.key),)
        return Folded(state={key: b"r%d" % count}, ready=ready, counts={"emitted": 1})


class Rig:
    """One partition of both stages, on a log in memory."""

    def __init__(self, *, settings=QUICK, clock=time.monotonic):
        self.log = FakeLog()
        self.deaths = Deaths()
        self.outcomes = Outcomes("test")
        self.settings = settings
        self.clock = clock
        self.platform = FakePlatform()
        self.lookups = NoLookups()
        self.fold = CountingFold()
        self.site = SITE
        self.guard = flood_guard(min_refused=1000)
        self.deliver_options = {}
        self.most_aside = 0
        self.health = None
        self.now_ms = 1_714_000_000_000
        self.limits = LIMITS
        self.orders = Orders()
        for stage, at in (("join", CHANGES), ("deliver", READY)):
            self.log.committed_offsets[TOPICS.group(stage), at] = Committed(offset=0, metadata='{"seq":1}')

    def context(self, stage):
        return LaneContext(
            broker=self.log,
            stage=stage,
            group=TOPICS.group(stage),
            settings=self.settings,
            outcomes=self.outcomes,
            clock=self.clock,
            servers="here:9092",
            die=self.deaths,
            steering=Steering(stage, None, wall_ms=lambda: self.now_ms, orders=self.orders),
        )

    def join_lane(self, generation=1):
        shared = JoinShared(topics=TOPICS, fold=self.fold, lookups=self.lookups, settings=join_settings(max_chunk=7))
        return JoinLane(CHANGES, generation, context=self.context("join"), flow=RecordingFlow(), shared=shared, state=State(STATE))

    def deliver_lane(self, generation=1):
        settings = self.deliver_settings()
        health = self.health or Health(settings, clock=self.clock, most=self.most_aside)
        shared = DeliverShared(
            topics=TOPICS,
            platform=self.platform,
            limits=self.limits,
            settings=settings,
            health=health,
            wall_ms=lambda: self.now_ms,
            site=self.site,
        )
        return DeliverLane(READY, generation, context=self.context("deliver"), flow=RecordingFlow(), shared=shared)

    def deliver_settings(self):
        return deliver_settings(
            **{
                "max_plan": 20,
                "late_linger_s": 0.0,
                "first_retry_s": 0.001,
                "max_retry_s": 0.002,
                "probe_s": 0.001,
                "max_probe_s": 0.002,
                "flood_guard": self.guard,
                **self.deliver_options,
            }
        )

    def change(self, number, visit=None):
        return self.log.append(CHANGES, key=b"v%d" % (number % 3 if visit is None else visit), value=b"%d" % number)

    def ready(self, number, key=None, value=b"{}", institution=INSTITUTION):
        """Write one ready record with its number, as the join does, which says that it wrote it."""
        said = Committed(offset=0, metadata=JoinMark(seq=number + 1).text())
        self.log.committed_offsets[TOPICS.group("join"), CHANGES] = said
        emitted = emission(number if key is None else key, value=value, visit=b"v%d" % (number % 4), institution=institution)
        key_, value_, headers = encode(emitted, number)
        return self.log.append(READY, key=key_, value=value_, headers=headers)

    def join_is_at(self, offset):
        """How far the join says that it is."""
        place = TOPICS.group("join"), CHANGES
        self.log.committed_offsets[place] = replace(self.log.committed_offsets[place], offset=offset)

    def committed(self, stage):
        return self.log.committed_offsets[TOPICS.group(stage), CHANGES if stage == "join" else READY]

    async def settle(self, lane, done, *, at):
        """Feed a lane all that can be read until `done`, then close it. False: it died before."""
        lane.put(self.log.messages(at))
        lane.start()
        await wait_for(lambda: done() or bool(self.deaths.reasons), what="the end of the lane's work")
        alive = not self.deaths.reasons
        await lane.close()
        return alive


def through(rig, seq):
    """Whether everything before `seq` is decided."""
    return lambda: deliver_mark(rig.committed("deliver").metadata).seq == seq


async def held(rig, lane):
    """Start a lane with all that can be read; why it is held."""
    lane.put(rig.log.messages(READY))
    lane.start()
    await wait_for(lambda: bool(lane.held), what="the lane being held")
    return lane.held
