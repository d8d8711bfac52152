"""The place lane: what it writes is numbered without a gap, whatever dies meanwhile, and the join takes all of it once."""

import time

import orjson
import pytest

from connector.contract import Topics
from streams.domain.keys import VisitKey
from streams.domain.place.fold import Placer
from streams.domain.place.heard import Heard
from streams.domain.place.partitions import partition_of
from streams.domain.series import number_of
from streams.domain.ticks import tick_value
from streams.domain.trail import trail_of
from streams.lanes.absence import Absence
from streams.lanes.context import LaneContext
from streams.lanes.exits import Exit
from streams.lanes.marks import place_mark
from streams.lanes.place.lane import PlaceLane, PlaceShared
from streams.lanes.ports import Committed, TopicPartition
from streams.lanes.steering import Steering
from streams.telemetry.outcomes import Outcomes
from streams.testing import Crash, Deaths, FakeLog, RecordingFlow, wait_for
from streams.topics.steering import Orders
from tests.settings import lane_settings

TOPICS = Topics()
ROWS = TopicPartition(TOPICS.rows("his"), 0)
GROUP = TOPICS.group("place")
PARTITIONS = 3
QUICK = lane_settings(linger_s=0.0, idle_linger_s=0.0, offset_within_s=0.0, close_within_s=2.0)


class Place:
    """One source on a log in memory."""

    def __init__(self):
        self.log, self.deaths, self.outcomes, self.orders = FakeLog(), Deaths(), Outcomes("place"), Orders()
        self.log.committed_offsets[GROUP, ROWS] = Committed(offset=0, metadata='{"out":[1,1,1],"born":"b"}')

    def lane(self, generation=1, *, lookout=None, quiet_ms=0, now=lambda: 0, absence=None, heard=None):
        context = LaneContext(
            broker=self.log,
            servers="broker:9092",
            stage="place",
            group=GROUP,
            settings=QUICK,
            outcomes=self.outcomes,
            clock=time.monotonic,
            die=self.deaths,
            absence=absence or Absence(),
            steering=Steering("place", None, wall_ms=lambda: 1_800_000_000_000, orders=self.orders),
        )
        fold = Placer({("his", "his.fee"): VisitKey(("visit",))}, partitions=PARTITIONS, quiet_ms=quiet_ms)
        ears = {} if heard is None else {"his": heard}
        shared = PlaceShared(topics=TOPICS, fold=fold, max_chunk=4, lookout=lookout, wall_ms=now, heard=ears)
        return PlaceLane(ROWS, generation, context=context, flow=RecordingFlow(), shared=shared, source="his")

    def captured(self, number, *, visit=None, was=None):
        before, after = (None if one is None else {"id": number, "visit": one} for one in (was, visit))
        source = {"connector": "postgresql", "name": "his", "schema": "his", "table": "fee", "ts_ms": 1, "lsn": number}
        value = {"op": "d" if visit is None else "c" if was is None else "u", "before": before, "after": after, "source": source}
        return self.log.append(ROWS, key=b"{}", value=orjson.dumps(value))

    @property
    def committed(self):
        return self.log.committed_offsets[GROUP, ROWS]

    async def work(self, lane, end):
        lane.put(self.log.messages(ROWS, self.committed.offset))
        lane.start()
        await wait_for(lambda: self.committed.offset >= end or bool(self.deaths.reasons))
        await lane.close()

    def written(self):
        return {number: self.log.messages(TopicPartition(TOPICS.changes, number)) for number in range(PARTITIONS)}


def ids(messages):
    return [orjson.loads(one.value)["source"]["lsn"] for one in messages]


async def test_each_partition_gets_its_rows_in_order_numbered_without_a_gap():
    """The join has nothing but the numbers to know that a row is missing."""
    place = Place()
    for number in range(10):
        place.captured(number, visit=f"V{number % 4}")
    await place.work(place.lane(), 10)
    for partition, messages in place.written().items():
        wanted = [number for number in range(10) if partition_of(f"V{number % 4}", PARTITIONS) == partition]
        assert wanted == ids(messages)
        assert [("his/b", number) for number in range(1, len(wanted) + 1)] == [number_of(one) for one in messages]
    assert place_mark(place.committed.metadata).out == tuple(len(each) + 1 for each in place.written().values())


NOW, QUIET_MS = 1_800_000_000_000, 3_000


async def open_in(place, lane, at):
    """The transaction that a tick at this time says may go on."""
    end = place.log.append(ROWS, key=None, value=tick_value(at, [0])) + 1
    lane.put(place.log.messages(ROWS, place.committed.offset))
    await wait_for(lambda: place.committed.offset >= end or bool(place.deaths.reasons))
    assert [] == place.deaths.reasons
    return orjson.loads(place.log.messages(TopicPartition(TOPICS.changes, 0))[-1].value).get("open")


async def test_a_transaction_that_an_outage_cut_in_two_may_go_on_when_it_is_over():
    """Its deletes were placed, and its inserts come when brokers and capture are back: told as over meanwhile, all that it moved
    would be called withdrawn, and be reported once more.
    """
    place, now, absence = Place(), [NOW], Absence()
    of_t = {"connector": "postgresql", "name": "his", "schema": "his", "table": "fee", "ts_ms": 1, "lsn": 1, "txId": 7}
    place.log.append(ROWS, key=b"{}", value=orjson.dumps({"op": "d", "before": {"id": 1, "visit": "V1"}, "source": of_t}))
    await place.work(place.lane(quiet_ms=QUIET_MS, now=lambda: now[0]), 1)
    now[0] += 60_000
    lane = place.lane(2, quiet_ms=QUIET_MS, now=lambda: now[0], absence=absence)
    lane.start()
    assert "7" == await open_in(place, lane, now[0])
    assert [None, None] == [await open_in(place, lane, now[0] + late) for late in (QUIET_MS, QUIET_MS + 1)]
    absence.note(0.0, 0.0)
    absence.note(60.0, None)
    now[0] += 60_000
    assert "7" == await open_in(place, lane, now[0])
    # What capture had in hand when the brokers went away.
    place.log.append(ROWS, key=b"{}", value=orjson.dumps({"op": "c", "after": {"id": 2, "visit": "V1"}, "source": of_t}))
    assert "7" == await open_in(place, lane, now[0])
    assert await open_in(place, lane, now[0] + QUIET_MS) is None
    await lane.close()


async def test_a_transaction_is_not_over_while_its_capture_is_away():
    """Connect alone may fail between a delete and the insert that belongs to it: brokers and workers are there, and no row can
    come. When it is back, it begins with the transaction's first row.
    """
    place, heard = Place(), Heard(1_000)
    of_t = {"connector": "postgresql", "name": "his", "schema": "his", "table": "fee", "ts_ms": 1, "lsn": 1, "txId": 7}
    place.log.append(ROWS, key=b"{}", value=orjson.dumps({"op": "d", "before": {"id": 1, "visit": "V1"}, "source": of_t}))
    lane = place.lane(quiet_ms=QUIET_MS, now=lambda: NOW, heard=heard)
    lane.start()
    heard.note(NOW)
    assert "7" == await open_in(place, lane, NOW + 600_000), "nothing was heard since its last row"
    heard.note(NOW + 600_000)
    assert "7" == await open_in(place, lane, NOW + 600_500), "it was away between the two"
    heard.note(NOW + 601_000)
    heard.note(NOW + 602_000)
    assert await open_in(place, lane, NOW + 602_000) is None, "three seconds and a half of a capture that was there"
    await lane.close()


async def test_a_message_keeps_the_time_at_which_it_was_captured():
    """A record's day, and how long it took, are counted from there."""
    place = Place()
    offset = place.captured(1, visit="V1")
    await place.work(place.lane(), 1)
    (message,) = place.written()[partition_of("V1", PARTITIONS)]
    assert place.log.messages(ROWS)[offset].timestamp_ms == message.timestamp_ms


@pytest.mark.parametrize("step", ["fence", "fenced", "begin", "send", "send_offset", "commit", "commit_done"])
async def test_a_worker_that_dies_anywhere_leaves_no_gap_and_no_double(step):
    """A row that changes its visit between the two halves of its move, among them."""
    place = Place()
    for number in range(9):
        place.captured(number, visit=f"V{number}", was=f"W{number}")

    async def dies(name):
        if name == step and len(crashes) < 3:
            crashes.append(name)
            raise Crash

    crashes = []
    place.log.on_step = dies
    for generation in range(1, 4):
        lane = place.lane(generation)
        lane.put(place.log.messages(ROWS, place.committed.offset))
        with pytest.raises(Crash):
            await lane.run()
    await place.work(place.lane(9), 9)
    messages = [one for each in place.written().values() for one in each]
    assert sorted([*range(9), *range(9)]) == sorted(ids(messages))
    for each in place.written().values():
        assert [number_of(one)[1] for one in each] == list(range(1, len(each) + 1))


@pytest.mark.parametrize(("visit", "headers"), [("V1", []), ("V2", ["arrived"])])
async def test_the_next_worker_knows_where_a_row_was_that_went_before_it_began(visit, headers):
    """A row that is deleted, and inserted again as it was: it must not be sent once more after each restart."""
    place = Place()
    place.captured(1, was="V1")
    await place.work(place.lane(), 1)
    place.captured(2, visit=visit)
    await place.work(place.lane(2), 2)
    (came,) = [one for each in place.written().values() for one in each if orjson.loads(one.value)["source"]["lsn"] == 2][-1:]
    assert headers == [name for name, _ in came.headers[2:]]


async def test_ticks_are_numbered_like_rows():
    """One without a number would end the join."""
    place = Place()
    place.log.append(ROWS, key=None, value=tick_value(5, [0, 2]))
    await place.work(place.lane(), 1)
    assert {0: [("his/b", 1)], 1: [], 2: [("his/b", 1)]} == {
        partition: [number_of(one) for one in each] for partition, each in place.written().items()
    }


async def test_an_offset_without_our_mark_ends_the_worker():
    """Numbers that begin again at 1 would be taken for repeats, and their rows dropped."""
    place = Place()
    place.log.committed_offsets[GROUP, ROWS] = Committed(offset=0, metadata='{"seq":1}')
    place.captured(1, visit="V1")
    await place.work(place.lane(), 1)
    assert [Exit.FOREIGN_OFFSET] == [reason.exit_code for reason in place.deaths.reasons]


async def test_a_row_that_arrives_says_up_to_which_number_its_other_visit_knows_of_it():
    """By it the join knows when the lanes there have done with the row: no earlier than its leave, and not much later."""
    place = Place()
    first, second = (next(f"{n}" for n in range(50) if partition_of(f"{n}", PARTITIONS) == one) for one in (0, 2))
    for number, (visit, was) in enumerate([(first, None), (first, None), (second, first), (first, second), (first, None)]):
        place.captured(number, visit=visit, was=was)
    await place.work(place.lane(), 5)
    told = [(one.partition, number_of(one)[1], trail_of(one, None)) for each in place.written().values() for one in each]
    arrived = {(partition, number): trail[1:3] for partition, number, trail in told if trail is not None}
    assert {(2, 1): (0, 3), (0, 4): (2, 2)} == arrived
