"""Logs that lost what a committed offset speaks of: made anew, or cut at their end. On a real broker, which has the ids."""

import asyncio
import time
from dataclasses import replace
from functools import partial

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition as KafkaPartition

from connector.contract import Topics
from streams.domain.batch.cut import CutLimits
from streams.domain.place.fold import Placer
from streams.domain.ready import encode
from streams.lanes.assignment import Assignment
from streams.lanes.context import LaneContext
from streams.lanes.deliver.delivery import DeliverShared
from streams.lanes.deliver.health import Health
from streams.lanes.deliver.lane import DeliverLane
from streams.lanes.evidence import place_evidence
from streams.lanes.exits import Exit
from streams.lanes.join.lane import JoinLane, JoinShared
from streams.lanes.join.state import State
from streams.lanes.kafka_broker import KafkaBroker, incoming
from streams.lanes.marks import deliver_mark, first_marks, join_mark, place_mark, tail_of
from streams.lanes.place.lane import PlaceLane, PlaceShared
from streams.lanes.place.recovery import place_recovery
from streams.lanes.ports import Committed, TopicPartition
from streams.lanes.recovered import Place
from streams.lanes.watch import Watch
from streams.telemetry.outcomes import Outcomes
from streams.testing import Deaths, FakePlatform, RecordingFlow, wait_for
from streams.topics.whole import read_whole
from tests.integration.serving import until
from tests.patience import PATIENCE_S
from tests.settings import broker_settings, deliver_settings, join_settings, lane_settings
from tests.unit.streams.lanes.lane_rig import CountingFold, NoLookups, emission

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SOURCE = "his"
LANES = lane_settings(linger_s=0.01, idle_linger_s=0.01, log_within_s=0.2)
READS = {"place": lambda names: names.rows(SOURCE), "join": lambda names: names.changes, "deliver": lambda names: names.ready}
MARK = {"place": place_mark, "join": join_mark, "deliver": deliver_mark}


class Scene:
    """One partition of each stage on a broker, with what its topics hold. Every topic is made anew by a name of the test."""

    def __init__(self, servers):
        self.names = Topics(prefix=f"s{time.time_ns() % 10**10}.")
        self.settings = broker_settings(servers)
        self.broker = KafkaBroker(self.settings)
        self.deaths = Deaths()
        self.admin = AIOKafkaAdminClient(bootstrap_servers=servers)
        self.producer = AIOKafkaProducer(bootstrap_servers=servers)
        names = self.names
        read = (names.rows(SOURCE), names.changes, names.ready)
        self.topics = (*read, names.place_state(SOURCE), names.state, names.receipts, names.orphans, names.dead)

    async def __aenter__(self):
        await self.admin.start()
        await self.producer.start()
        await self.make(*self.topics)
        return self

    async def __aexit__(self, *_):
        await self.admin.delete_topics(list(self.topics))
        await self.producer.stop()
        await self.admin.close()
        await self.broker.stop()

    def at(self, stage):
        return TopicPartition(READS[stage](self.names), 0)

    async def make(self, *topics):
        """Make topics, tried until those of that name are gone."""

        async def are_there():
            await self.admin.create_topics([NewTopic(name, 1, 1) for name in topics])
            return len(await self.broker.topic_ids(topics)) == len(topics)

        await until(are_there, PATIENCE_S, "topics could not be made")

    async def make_anew(self, topic):
        """As somebody does who takes a name for the topic."""
        (before,) = (await self.broker.topic_ids([topic])).values()
        await self.admin.delete_topics([topic])
        await self.make(topic)

        async def is_another():
            return (await self.broker.topic_ids([topic])).get(topic, before) != before

        await until(is_another, PATIENCE_S, f"{topic} was not made anew")

    async def fill(self, stage, count):
        """The messages that a stage reads."""
        for number in range(1, count + 1):
            key, value, headers = b"v1", orjson.dumps(number), []
            if stage == "join":
                headers = [("from", b"his/b"), ("seq", b"%d" % number)]
            elif stage == "deliver":
                key, value, headers = encode(emission(number), number)
            await self.producer.send_and_wait(self.at(stage).topic, value, key=key, partition=0, headers=headers)

    async def commit(self, stage, offset, text):
        """What a person, or a lane, wrote beside an offset."""
        group, at = self.names.group(stage), self.at(stage)
        producer = self.broker.producer(f"by-hand-{stage}")
        await producer.start()
        await producer.begin()
        await producer.send_offset(group, at, Committed(offset=offset, metadata=text))
        await producer.commit()
        await producer.stop()

    async def mark(self, stage):
        said = await self.broker.committed(self.names.group(stage), self.at(stage))
        return said.offset, MARK[stage](said.metadata)

    def lane(self, stage):
        context = LaneContext(
            broker=self.broker,
            stage=stage,
            group=self.names.group(stage),
            settings=LANES,
            outcomes=Outcomes(stage),
            clock=time.monotonic,
            servers="here",
            die=self.deaths,
        )
        self.context = context
        rest = {"context": context, "flow": RecordingFlow()}
        if stage == "place":
            shared = PlaceShared(topics=self.names, fold=Placer({}, partitions=1), max_chunk=100)
            return PlaceLane(self.at(stage), 1, shared=shared, source=SOURCE, **rest)
        if stage == "join":
            shared = JoinShared(topics=self.names, fold=CountingFold(), lookups=NoLookups(), settings=join_settings())
            return JoinLane(self.at(stage), 1, shared=shared, state=State(TopicPartition(self.names.state, 0)), **rest)
        limits = CutLimits(max_chars=10_000, max_rows=5, sealed_chars=lambda plain: plain)
        shared = DeliverShared(
            topics=self.names,
            platform=FakePlatform(),
            limits=limits,
            settings=deliver_settings(max_plan=20, late_linger_s=0.0),
            health=Health(deliver_settings(), clock=time.monotonic, most=0),
            wall_ms=lambda: 1_714_000_000_000,
            site="s1te",
        )
        return DeliverLane(self.at(stage), 1, shared=shared, **rest)

    async def through(self, stage, count):
        """A lane that worked until so many messages were through; it still runs."""
        lane = self.lane(stage)
        lane.start()
        await wait_for(lambda: lane.buffer is not None or self.deaths.reasons)
        async for record in self._messages(stage):
            lane.put([record])

        async def is_through():
            assert [] == self.deaths.reasons
            return (await self.mark(stage))[0] >= count and not lane.in_hand

        await until(is_through, PATIENCE_S, f"{stage} did not get through")
        return lane

    async def _messages(self, stage):
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.bootstrap_servers, auto_offset_reset="earliest")
        await consumer.start()
        consumer.assign([KafkaPartition(*self.at(stage))])
        ends = await consumer.end_offsets(consumer.assignment())
        for at, end in ends.items():
            while await consumer.position(at) < end:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        yield incoming(record)
        await consumer.stop()

    async def how_it_opens(self, stage):
        """The exit code of a lane that opens, and what it says; 0 where it opens."""
        lane = self.lane(stage)
        lane.start()
        await wait_for(lambda: lane.buffer is not None or self.deaths.reasons)
        await lane.close()
        reason = self.deaths.reasons.pop() if self.deaths.reasons else None
        return (0, "") if reason is None else (reason.exit_code, str(reason))


@pytest.fixture
async def scene(kafka):
    async with Scene(kafka.bootstrap_servers) as scene:
        yield scene


FIRST = first_marks("b", partitions=1)


@pytest.mark.parametrize("stage", ["place", "join", "deliver"])
async def test_a_topic_that_was_made_anew_stops_its_lane_at_work_and_at_its_start(scene, stage):
    """What comes there takes offsets that were used: the lane would drop it as read before, and say nothing. It must not matter
    that the new topic is longer than the old one was.
    """
    await scene.commit(stage, 0, FIRST[stage])
    await scene.fill(stage, 3)
    lane = await scene.through(stage, 3)
    offset, mark = await scene.mark(stage)
    assert (await scene.broker.topic_ids([lane.at.topic]))[lane.at.topic] == mark.log
    assignment = Assignment([lane.at.topic], lambda *_: lane)
    assignment.lanes = {lane.at: lane}
    watch = Watch(assignment, lambda _: asyncio.sleep(0, {}), context=scene.context)
    await watch.look()
    assert [] == scene.deaths.reasons

    await scene.make_anew(lane.at.topic)
    await scene.fill(stage, 5)

    async def it_is_seen():
        await watch.look()
        return scene.deaths.reasons

    await until(it_is_seen, PATIENCE_S, "nobody saw that the topic is another one")
    assert Exit.SHORT_LOG == scene.deaths.reasons.pop().exit_code
    scene.deaths.reasons.clear()
    await lane.close()
    scene.deaths.reasons.clear()
    await scene.commit(stage, offset, mark.text())  # the broker forgets offsets of a topic that goes; the recipe wrote it again
    code, said = await scene.how_it_opens(stage)
    assert Exit.SHORT_LOG == code, said
    assert f"yibao offsets recover --stage {stage} --dry-run" in said
    assert "made anew" in said


@pytest.mark.parametrize("stage", ["place", "join", "deliver"])
async def test_a_log_that_ends_before_the_offset_stops_the_lane(scene, stage):
    """An unclean election, or a power cut, took the end of the log. No id tells of it, nor do marks of earlier versions."""
    await scene.fill(stage, 3)
    await scene.commit(stage, 3, FIRST[stage])
    assert (0, "") == await scene.how_it_opens(stage)
    await scene.commit(stage, 4, FIRST[stage])
    code, said = await scene.how_it_opens(stage)
    assert Exit.SHORT_LOG == code, said
    assert "ends at 3, but was read up to 4" in said


async def test_rows_that_were_cut_and_grew_again_stop_the_place_lane(scene):
    """After a power cut Connect writes on at once: the log may be long enough again when the lane opens, and holds other rows."""
    await scene.commit("place", 0, FIRST["place"])
    await scene.fill("place", 3)
    await (await scene.through("place", 3)).close()
    offset, mark = await scene.mark("place")
    assert (0, "") == await scene.how_it_opens("place")
    await scene.commit("place", offset, replace(mark, tail=tail_of(b"a row that was lost")).text())
    code, said = await scene.how_it_opens("place")
    assert Exit.SHORT_LOG == code, said
    assert "holds another row at offset 2" in said


async def test_a_state_that_was_emptied_under_a_live_offset_stops_the_join(scene):
    """Without its state the join would take every row for one that was never reported, and report all of them again."""
    await scene.commit("join", 0, FIRST["join"])
    await scene.fill("join", 3)
    await (await scene.through("join", 3)).close()
    offset, mark = await scene.mark("join")
    await scene.make_anew(scene.names.state)
    code, said = await scene.how_it_opens("join")
    assert Exit.SHORT_LOG == code, said
    assert f"{scene.names.state} was deleted and made anew" in said

    earlier = replace(mark, log="", kept=("", 0))  # as a version wrote it that did not ask for ids
    await scene.commit("join", offset, earlier.text())
    code, said = await scene.how_it_opens("join")
    assert Exit.SHORT_LOG == code, said
    assert f"{scene.names.state}-0 ends at 0" in said


async def test_a_lost_offset_of_the_place_stage_is_known_from_what_stands_in_the_changes(scene):
    """To the row: a row that a snapshot read must not be placed again, for its old content would come to life."""
    await scene.commit("place", 0, FIRST["place"])
    await scene.fill("place", 3)
    await (await scene.through("place", 3)).close()
    await scene.fill("place", 2)
    offset, mark = await scene.mark("place")
    assert 3 == offset

    def found(said):
        rows = Place(at=scene.at("place"), said=said, begin=0, end=5, id=mark.log)
        client = {"bootstrap_servers": [scene.settings.bootstrap_servers]}
        evidence = place_evidence(
            rows, source=SOURCE, fold=Placer({}, partitions=1), partitions=1, topics=scene.names, read=partial(read_whole, client)
        )
        return place_recovery(evidence, source=SOURCE, born="new")

    lost = await asyncio.to_thread(found, None)
    beyond = await asyncio.to_thread(found, Committed(offset=9, metadata=mark.text()))
    assert (3, (1,), "new") == (lost.to.offset, place_mark(lost.to.metadata).out, place_mark(lost.to.metadata).born)
    assert (3, (4,), "b") == (beyond.to.offset, place_mark(beyond.to.metadata).out, place_mark(beyond.to.metadata).born)
