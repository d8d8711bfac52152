"""The place lane of a source with headers: what it knows of them is committed with what it sends, and read by the next one."""

import asyncio
import dataclasses
import time
from types import SimpleNamespace

import orjson
import pytest

from connector.contract import Topics
from streams.domain.changes import RowChange, decode
from streams.domain.place.entries import ENDED_FORM
from streams.domain.place.fold import Placer
from streams.domain.place.headers import LinkedTables, Patience
from streams.domain.place.partitions import partition_of
from streams.lanes.assignment import Assignment
from streams.lanes.context import LaneContext
from streams.lanes.evidence import place_evidence
from streams.lanes.exits import Exit
from streams.lanes.join.rocks_store import RocksStores
from streams.lanes.marks import PlaceMark, place_mark
from streams.lanes.place.lane import PlaceLane, PlaceShared
from streams.lanes.place.recovery import place_recovery
from streams.lanes.place.state import PlaceState
from streams.lanes.place.ticks import PlaceTicker
from streams.lanes.ports import Committed, TopicPartition
from streams.lanes.recovered import Action, Place
from streams.telemetry.outcomes import Outcomes
from streams.testing import Crash, Deaths, FakeLog, RecordingFlow, wait_for
from tests.contract.place_course import TABLES
from tests.settings import lane_settings

TOPICS = Topics()
ROWS, STATE = TopicPartition(TOPICS.rows("his"), 0), TopicPartition(TOPICS.place_state("his"), 0)
GROUP, PARTITIONS = TOPICS.group("place"), 3
QUICK = lane_settings(linger_s=0.0, idle_linger_s=0.0, offset_within_s=0.0, close_within_s=2.0)
WAIT_MS = 1_000
FIELDS = ("topic", "partition", "offset", "key", "value", "headers")


class Source:
    """One source on a log in memory."""

    def __init__(self):
        self.log, self.deaths, self.outcomes = FakeLog(), Deaths(), Outcomes("place")
        self.log.committed_offsets[GROUP, ROWS] = Committed(offset=0, metadata=PlaceMark(out=(1,) * PARTITIONS, born="b").text())
        self.context = LaneContext(
            broker=self.log,
            servers="broker:9092",
            group=GROUP,
            stage="place",
            settings=QUICK,
            outcomes=self.outcomes,
            clock=time.monotonic,
            die=self.deaths,
        )

    def lane(self, generation=1, state=None):
        linked = LinkedTables(TABLES.by_name.values(), Patience(wait_ms=WAIT_MS))
        fold = Placer({}, partitions=PARTITIONS, linked={"his": linked})
        shared = PlaceShared(topics=TOPICS, fold=fold, max_chunk=2)
        flow = RecordingFlow()
        return PlaceLane(ROWS, generation, context=self.context, flow=flow, shared=shared, source="his", state=state)

    def captured(self, table, row, op="c"):
        images = {"before": row, "after": None} if op == "d" else {"before": None, "after": row}
        lsn = len(self.log.messages(ROWS)) + 1
        source = {"connector": "postgresql", "name": "his", "schema": "h", "table": table, "ts_ms": lsn, "lsn": lsn}
        self.log.append(ROWS, key=b"{}", value=orjson.dumps({"op": op, **images, "source": source}))

    def bill(self, visit, op="u"):
        self.captured("bill", {"id": 1, "no": "B1", "org": 3, "visit": visit, "dept": "D"}, op)

    def line(self, number):
        self.captured("line", {"id": number, "bill": "B1"})

    @property
    def committed(self):
        return self.log.committed_offsets[GROUP, ROWS]

    async def work(self, lane):
        end = len(self.log.messages(ROWS))
        lane.put(self.log.messages(ROWS, self.committed.offset))
        lane.start()
        await wait_for(lambda: (self.committed.offset >= end and not lane.in_hand) or bool(self.deaths.reasons))
        assert [] == self.deaths.reasons

    def lines(self):
        """Where each line stands: what the partitions say of it, taken one after the other."""
        found = {}
        for partition in range(PARTITIONS):
            for one in self.log.messages(TopicPartition(TOPICS.changes, partition)):
                change = decode(one.value)
                if not isinstance(change, RowChange):
                    continue
                place = one.key.decode() if one.key else change.told.why
                assert partition == (partition_of(place, PARTITIONS) if one.key else 0)
                found.setdefault(change.row["id"], {})[place] = change.op.value != "d"
        return {line: [place for place, there in places.items() if there] for line, places in found.items()}


async def test_what_is_known_of_headers_is_read_by_the_next_owner():
    """It places a line under a bill that came yesterday, and moves lines that it never saw."""
    source = Source()
    source.bill(17, "c")
    source.line(1)
    first = source.lane()
    await source.work(first)
    await first.close()
    source.line(2)
    source.bill(18)
    await source.work(source.lane(2))
    assert {"1": ["I3/18"], "2": ["I3/18"]} == source.lines()
    assert ENDED_FORM == place_mark(source.committed.metadata).state


@pytest.mark.parametrize("step", ["fence", "fenced", "begin", "send", "send_offset", "commit", "commit_done"])
async def test_a_worker_that_dies_anywhere_leaves_every_line_in_one_visit(step):
    """State, rows and offset are one transaction: a line that left, and did not arrive, would be in no report."""
    source = Source()
    source.line(1)
    source.bill(17, "c")
    for visit in (18, 19, 17, 20):
        source.line(visit)
        source.bill(visit)

    async def dies(name):
        if name == step and len(crashes) < 4:
            crashes.append(name)
            raise Crash

    crashes = []
    source.log.on_step = dies
    for generation in range(1, 5):
        lane = source.lane(generation)
        lane.put(source.log.messages(ROWS, source.committed.offset))
        with pytest.raises(Crash):
            await lane.run()
    await source.work(source.lane(9))
    assert {str(line): ["I3/20"] for line in (1, 18, 19, 17, 20)} == source.lines()


async def test_a_line_that_waited_in_vain_goes_on_when_somebody_tells_the_time():
    """Nothing else happens in a quiet night; and one tick is enough, however long it takes to be read."""
    source = Source()
    source.line(1)
    lane = source.lane()
    assignment = Assignment([ROWS.topic], lambda at, generation: lane)  # noqa: ARG005 - the one that there is
    assignment.lanes[ROWS] = lane
    await source.work(lane)
    deadline = source.log.messages(ROWS)[0].timestamp_ms + WAIT_MS
    ticker = PlaceTicker(assignment, context=source.context, every_s=1, wall_ms=lambda: now)
    for now, rows in ((deadline - 1, 1), (deadline, 2), (deadline + 1, 2)):  # noqa: B007 - the ticker asks for it
        await ticker.tick()
        assert rows == len(source.log.messages(ROWS))
    assert deadline == lane.next_deadline
    lane.put(source.log.messages(ROWS, 1))
    await wait_for(lambda: source.committed.offset == 2 and lane.next_deadline is None)
    assert {"1": ["MISSING_HEADER"]} == source.lines()
    await lane.close()


async def test_on_disk_as_in_memory(tmp_path):
    """A restart reads only what is new, and moves every line that it finds on disk."""
    source = Source()
    stores = RocksStores(tmp_path / "state")
    source.bill(17, "c")
    for line in range(1, 6):
        source.line(line)
    lane = source.lane(state=PlaceState(STATE, stores.of(0)))
    await source.work(lane)
    await lane.close()
    reads = []

    async def read(name):
        await asyncio.sleep(0)
        if name == "read":
            reads.append(stores.of(0).open("his/b"))

    source.log.on_step = read
    source.bill(18)
    lane = source.lane(2, state=PlaceState(STATE, stores.of(0)))
    await source.work(lane)
    await lane.close()
    assert all(reads)
    assert {f"{line}": ["I3/18"] for line in range(1, 6)} == source.lines()
    await stores.close()


async def test_a_memory_of_headers_that_was_emptied_under_a_live_offset_stops_the_lane():
    """Without it, lines that hang under a header would wait for one in vain, and go on as if they had none."""
    source = Source()
    mark = PlaceMark(out=(1,) * PARTITIONS, born="b", state=1)
    source.context = dataclasses.replace(source.context, settings=dataclasses.replace(QUICK, log_within_s=0.0))
    source.bill("v1", "c")
    source.log.committed_offsets[GROUP, ROWS] = Committed(offset=1, metadata=mark.text())
    lane = source.lane()
    lane.start()
    await wait_for(lambda: lane.buffer is not None or source.deaths.reasons)
    assert [Exit.SHORT_LOG] == [reason.exit_code for reason in source.deaths.reasons]
    assert TOPICS.place_state("his") in str(source.deaths.reasons[0])


class Recovered:
    """What recovery finds of a source whose offset is lost."""

    def __init__(self, source):
        self.source = source
        self.cut = {}

    def messages(self, topic):
        """As they are read of a broker."""
        partitions = PARTITIONS if topic == TOPICS.changes else 1
        for number in range(partitions):
            for found in self.source.log.messages(TopicPartition(topic, number))[: self.cut.get(topic)]:
                yield SimpleNamespace(**{name: getattr(found, name) for name in FIELDS}, timestamp=found.timestamp_ms)

    def recovery(self):
        linked = LinkedTables(TABLES.by_name.values(), Patience(wait_ms=WAIT_MS))
        rows = Place(at=ROWS, said=None, begin=0, end=len(self.source.log.messages(ROWS)), id="")
        fold = Placer({}, partitions=PARTITIONS, linked={"his": linked})
        found = place_evidence(rows, source="his", fold=fold, partitions=PARTITIONS, topics=TOPICS, read=self.messages)
        return place_recovery(found, source="his", born="new")


async def test_a_lost_offset_of_a_source_with_headers_is_known_from_what_is_remembered():
    """Its rows do not stand in the visits as they were captured; they are known up to the last one that was placed."""
    source = Source()
    source.bill("V1", "c")
    source.line(7)
    source.line(8)
    source.bill("V2")
    lane = source.lane()
    lane.put(source.log.messages(ROWS))
    lane.start()
    await wait_for(lambda: source.committed.offset == 4, what="all placed")
    await lane.close()
    source.line(9)
    source.bill("V3")
    found = Recovered(source)
    assert (Action.WRITE, 4) == (found.recovery().action, found.recovery().to.offset)
    found.cut[TOPICS.place_state("his")] = 0
    assert Action.REFUSE == found.recovery().action
    found.cut[TOPICS.place_state("his")] = 3
    assert Action.REFUSE == found.recovery().action
