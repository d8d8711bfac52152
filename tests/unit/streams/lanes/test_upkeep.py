"""What keeps lanes honest: their buffer, state, watch, ticks and lookups."""
# ruff: noqa: ARG002, ARG005 - toys have the signatures of what they stand for

import asyncio
import dataclasses
import time

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from connector.contract import TableRole
from streams.domain.changes import Incoming
from streams.domain.join.fold import LEFT
from streams.domain.join.rebuilding import LATER
from streams.domain.join.results import Folded
from streams.domain.ticks import tick_value
from streams.lanes.assignment import Assignment
from streams.lanes.buffer import Buffer, Water
from streams.lanes.exits import Exit
from streams.lanes.join.lookups import LookupTable, LookupTables
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.state import State
from streams.lanes.join.ticks import Ticker
from streams.lanes.marks import PlaceMark
from streams.lanes.numbers import SeriesBuffer
from streams.lanes.ports import Committed, TopicPartition
from streams.lanes.watch import Watch, next_of_changes, next_of_ready, next_of_rows
from streams.telemetry.outcomes import Outcomes
from streams.testing import FakeLog, RecordingFlow, numbers, wait_for
from tests.patience import PATIENCE_S
from tests.settings import lane_settings
from tests.unit.streams.lanes.lane_rig import CHANGES, DEAD, QUICK, READY, STATE, TOPICS, CountingFold, NoLookups, Rig


def due_of(view, at):
    return {(visit, *sorted(keys)) for visit, keys in view.due(at, NoLookups())}


@settings(max_examples=200)
@given(pieces=st.lists(st.lists(st.integers(0, 12), max_size=8), max_size=12))
def test_a_buffer_takes_each_number_once_and_in_order(pieces):
    """Whatever comes before and after a rebalance, and however often: the next number, or nothing."""
    buffer = Buffer(0, int, clock=lambda: 1.0)
    taken = []
    for piece in pieces:
        buffer.put(piece)
        taken.extend(buffer.first(100))
        buffer.drop(len(buffer))
    assert list(range(len(taken))) == taken
    assert len(taken) == buffer.want


@given(piece=st.lists(st.integers(0, 12), min_size=1, max_size=20))
def test_a_hole_is_seen_in_the_piece_that_shows_it(piece):
    """A hole that is noticed only with the next piece is not noticed at all when that never comes."""
    buffer = Buffer(0, int, clock=lambda: 1.0)
    buffer.put(piece)
    wanted, since_taken = 0, []
    for number in piece:
        if number == wanted:
            wanted, since_taken = wanted + 1, []
        else:
            since_taken.append(number)
    assert any(number > wanted for number in since_taken) == (buffer.hole_since is not None)


def test_water_marks_tell_once():
    """Marks that are told at every record would cost more than the record."""

    class Counting(RecordingFlow):
        told = 0

        def stop(self):
            self.told += 1

        def resume(self):
            self.told += 1

    flow = Counting()
    water = Water(flow, high=3, low=1)
    for level in (1, 2, 3, 4, 3, 2, 1, 0, 3):
        water.level(level)
    assert 3 == flow.told


_entries = st.dictionaries(
    st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from([b"v\x1f1", b"f\x1f1", b"f\x1f2"])),
    st.one_of(st.none(), st.sampled_from([b"r1", b"r2", b"w0000000000001-[]"])),
    max_size=6,
)


@settings(max_examples=150)
@given(committed=_entries, chunk=st.lists(_entries, max_size=4), at_hand=st.integers(1, 3))
def test_an_overlay_shows_what_the_state_will_be(committed, chunk, at_hand):
    """A fold that saw something else than what is committed afterwards would count a row twice or not at all."""

    def keyed(entries):
        return {visit + b"\x1f" + key: value for (visit, key), value in entries.items()}

    state = State(STATE, at_hand=at_hand)
    state.apply(keyed(committed), position=None)
    overlay = Overlay(state)
    for changes in chunk:
        overlay.apply(keyed(changes))

    def told(view):
        visits = (b"a", b"b", b"c")
        of_role = {(visit, role): dict(view.of_role(visit, role)) for visit in visits for role in (TableRole.VISIT, TableRole.FEE)}
        return {visit: dict(view.visit(visit)) for visit in visits}, of_role

    seen = told(overlay)
    due = due_of(overlay, 1)
    assert due_of(overlay, 0) == set()
    state.apply(overlay.changed, position=None)
    assert seen == told(state)
    assert due == due_of(state, 1)
    assert state.waits == bool(due)


class Patience:
    """A clock that is set."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class WatchRig:
    """A lane with a watch over it and a clock that is set."""

    def __init__(self, stage="deliver"):
        self.rig = Rig()
        self.clock = Patience()
        context = self.rig.context(stage)
        self.lane = self.rig.deliver_lane() if stage == "deliver" else self.rig.join_lane()
        self.assignment = Assignment([self.lane.at.topic], lambda at, generation: self.lane)
        self.assignment.lanes[self.lane.at] = self.lane
        self.numbers = {self.lane.at: 1}
        self.context = dataclasses.replace(context, clock=self.clock, settings=lane_settings(hole_s=10.0, silent_s=30.0))

        async def next_numbers(partitions):
            return self.numbers

        self.watch = Watch(self.assignment, next_numbers, context=self.context)

    async def look(self, *times):
        for now in times:
            self.clock.now = now
            await self.watch.look()


async def test_a_hole_that_stays_ends_the_worker():
    """What is missing may come after a new fetch; if it does not, nothing may be skipped."""
    watched = WatchRig()
    watched.lane.buffer = Buffer(1, lambda record: record.number, clock=watched.clock)
    watched.lane.buffer.put([type("R", (), {"number": 3})()])
    await watched.look(5.0)
    assert [] == watched.rig.deaths.reasons
    await watched.look(11.0)
    assert [Exit.HOLE] == [reason.exit_code for reason in watched.rig.deaths.reasons]


async def test_a_silent_partition_ends_the_worker_and_a_full_one_does_not():
    """Faust may stop handing over one partition without an error; a lane that is full asked for the silence."""
    watched = WatchRig()
    watched.lane.buffer = Buffer(1, lambda record: record.number, clock=watched.clock)
    watched.numbers = {READY: 2}
    watched.lane._water.full = True
    await watched.look(0.0, 40.0, 80.0)
    assert [] == watched.rig.deaths.reasons
    watched.lane._water.full = False
    await watched.look(90.0, 109.0)
    assert [] == watched.rig.deaths.reasons
    await watched.look(111.0)
    assert [Exit.SILENT] == [reason.exit_code for reason in watched.rig.deaths.reasons]


async def test_nothing_comes_from_a_partition_whose_leader_is_away_and_that_ends_no_worker():
    """What is to come is known of another broker. 73 restarted workers for it, in the midst of an outage."""
    watched = WatchRig()
    watched.lane.buffer = Buffer(1, lambda record: record.number, clock=watched.clock)
    watched.numbers = {READY: 2}
    watched.context.absence.note(0.0, 0.0)
    await watched.look(0.0, 40.0, 80.0)
    watched.context.absence.note(80.0, None)
    await watched.look(109.0)
    assert [] == watched.rig.deaths.reasons
    await watched.look(111.0)
    assert [Exit.SILENT] == [reason.exit_code for reason in watched.rig.deaths.reasons]


async def test_a_broker_that_is_away_is_waited_for():
    """An outage must not become a restart loop: nothing can be judged without the broker."""
    watched = WatchRig()
    watched.lane.buffer = Buffer(1, lambda record: record.number, clock=watched.clock)

    async def away(partitions):
        raise OSError

    watched.numbers = {READY: 2}
    await watched.look(0.0)
    seeing, watched.watch._next_numbers = watched.watch._next_numbers, away
    with capture_logs() as logs:
        await watched.look(100.0, 105.0, 110.0)
        watched.watch._next_numbers = seeing
        await watched.look(115.0)
        watched.watch._next_numbers = away
        await watched.look(120.0)
    assert [] == watched.rig.deaths.reasons
    assert ["watch_blinded"] * 2 == [entry["event"] for entry in logs], "once an outage"


async def test_the_watch_knows_what_should_have_come():
    """The end of a transactional topic says nothing; the join's own count does."""
    rig = Rig()
    rig.change(1)
    join, deliver = rig.context("join"), rig.context("deliver")
    assert {CHANGES: 1} == await next_of_rows(join)([CHANGES])
    rig.log.committed_offsets[TOPICS.group("join"), CHANGES] = Committed(offset=1, metadata='{"seq":8}')
    numbers_of = next_of_ready(deliver, join_group=TOPICS.group("join"), changes=TOPICS.changes)
    assert {READY: 8} == await numbers_of([READY])


class WaitingFold(CountingFold):
    """Its rows wait."""

    def fold(self, incoming, view, lookups, passed):
        counts = {} if incoming.key else {"tick": 1}
        return Folded(state={b"v\x1fv": b"w0000000000001-[]"}, counts=counts)


async def test_the_watch_of_the_join_counts_what_the_place_stage_has_numbered():
    """Of each source; the end of the topic has the marks of transactions in it."""
    rig = Rig()
    lane = rig.join_lane()
    lane.buffer = SeriesBuffer({"his/b": 3}, offset=70, clock=time.monotonic)
    assignment = Assignment([TOPICS.changes], lambda at, generation: lane)
    assignment.lanes[CHANGES] = lane
    rows = {source: TOPICS.rows(source) for source in ("his", "lis", "new")}
    for source, number in (("his", 5), ("lis", 2)):
        mark = PlaceMark(out=(number, 9), born="b").text()
        rig.log.committed_offsets[TOPICS.group("place"), TopicPartition(rows[source], 0)] = Committed(offset=8, metadata=mark)
    numbers_of = next_of_changes(rig.context("join"), assignment, place_group=TOPICS.group("place"), rows=rows)
    assert {CHANGES: 70 + 2 + 1} == await numbers_of([CHANGES])


async def test_time_passes_only_where_rows_wait_and_one_tick_at_a_time():
    """Ticks are records: without need they would fill the topic, and behind a slow fold they would pile up."""
    rig = Rig()
    rows = TopicPartition(TOPICS.rows("his"), 0)
    lane = rig.join_lane()
    assignment = Assignment([TOPICS.changes], lambda at, generation: lane)
    assignment.lanes[CHANGES] = lane
    ticker = Ticker(assignment, rows=[rows.topic], context=rig.context("join"), every_s=1.0, wall_ms=lambda: 5)
    await ticker.tick()
    rig.fold = WaitingFold()
    lane._shared = type(lane._shared)(topics=TOPICS, fold=rig.fold, lookups=rig.lookups, settings=lane._shared.settings)
    rig.change(1)
    lane.put(rig.log.messages(CHANGES))
    lane.start()
    await wait_for(lambda: rig.committed("join").offset == 1)
    await wait_for(lambda: lane.waits)
    await ticker.tick()
    await ticker.tick()
    assert [{"yibao": "tick", "at": 5, "partitions": [0]}] == [orjson.loads(one.value) for one in rig.log.messages(rows)]
    rig.log.append(CHANGES, key=None, value=tick_value(5))
    lane.put(rig.log.messages(CHANGES))
    await wait_for(lambda: lane.ticks == 1)
    await ticker.tick()
    assert 2 == len(rig.log.messages(rows))
    await lane.close()


async def test_the_next_tick_is_asked_for_at_once_where_one_left_something_to_do():
    """Forty thousand rows by a thousand every five seconds would be given up minutes late."""

    class LeavingFold(WaitingFold):
        def fold(self, incoming, view, lookups, passed):
            folded = super().fold(incoming, view, lookups, passed)
            return folded._replace(counts={"tick": 1, LEFT: 1})

    rig, rows, hurried = Rig(), TopicPartition(TOPICS.rows("his"), 0), []
    lane = rig.join_lane()
    assignment = Assignment([TOPICS.changes], lambda at, generation: lane)
    assignment.lanes[CHANGES] = lane
    ticker = Ticker(assignment, rows=[rows.topic], context=rig.context("join"), every_s=3_600.0, wall_ms=lambda: 5)
    lane._shared = dataclasses.replace(lane._shared, fold=LeavingFold(), hurry=lambda: (hurried.append(lane.ticks), ticker.hurry()))
    running = asyncio.ensure_future(ticker.run())
    rig.change(1)
    lane.put(rig.log.messages(CHANGES))
    lane.start()
    await wait_for(lambda: len(rig.log.messages(rows)) == 1)
    assert [1] == hurried
    running.cancel()
    await lane.close()


async def test_a_transaction_holds_a_portion_of_what_changes_lead_to():
    """Seven changes of long stays in one transaction are one of thousands of entries, in which no other lane comes to its turn."""

    class WideFold(CountingFold):
        def fold(self, incoming, view, lookups, passed):
            turns.append(others[0])
            entries = {b"%b\x1ff\x1f%d" % (incoming.key, number): b"r[]" for number in range(1_500)}
            return Folded(state=entries, counts={LATER: 1})

    async def other():
        while True:
            others[0] += 1
            await asyncio.sleep(0)

    rig, hurried, others, turns = Rig(), [], [0], []
    lane = rig.join_lane()
    lane._shared = dataclasses.replace(lane._shared, fold=WideFold(), hurry=lambda: hurried.append(rig.committed("join").offset))
    for number in range(7):
        rig.change(number)
    beside = asyncio.ensure_future(other())
    lane.put(rig.log.messages(CHANGES))
    lane.start()
    await wait_for(lambda: rig.committed("join").offset == 7 and not lane.in_hand)
    beside.cancel()
    assert [3, 6, 7] == hurried
    assert len({*turns}) == len(turns) == 7
    await lane.close()


async def test_ticks_that_a_broker_does_not_take_are_told_once():
    """Twelve partitions, each every ten seconds, through a night's outage."""

    class Away(FakeLog):
        async def send(self, at, value, *, key=None):
            raise OSError

    rig = Rig()
    rig.log = Away()
    lane = rig.join_lane()
    lane.buffer = Buffer(0, lambda incoming: incoming.offset, clock=time.monotonic)
    lane.state.apply({b"v\x1fv": b"w0000000000001-[]"}, position=None)
    assignment = Assignment([TOPICS.changes], lambda at, generation: lane)
    assignment.lanes[CHANGES] = lane
    ticker = Ticker(assignment, rows=["rows.his"], context=rig.context("join"), every_s=1.0, wall_ms=lambda: 5)
    with capture_logs() as logs:
        for _ in range(3):
            await ticker.tick()
    assert ["tick_failed"] == [entry["event"] for entry in logs]


def lookup(offset, value, topic="lookup.dept"):
    return Incoming(topic=topic, partition=0, offset=offset, key=None, value=value, headers=(), timestamp_ms=1)


def row(code, name, op="c", *, at=1):
    source = {"connector": "postgresql", "name": "his", "schema": "his", "table": "dept", "ts_ms": 1, "lsn": at}
    image = {"code": code, "name": name}
    envelope = {"op": op, "source": source, "before": image if op == "d" else None, "after": None if op == "d" else image}
    return orjson.dumps(envelope)


class Feed:
    """Hands out what was put into it."""

    def __init__(self):
        self.pages = []
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def up_to_the_end(self):
        self.asked += 1
        pages, self.pages = self.pages, []
        await self.gate.wait()
        for page in pages:
            yield page

    async def stop(self):
        return None


def tables(feed):
    return LookupTables(feed, {"lookup.dept": LookupTable(name="dept", key=("code",))}, outcomes=Outcomes("join"))


async def test_lookup_rows_are_known_changed_and_forgotten():
    """A record is built from the lookup row as it is now."""
    feed = Feed()
    known = tables(feed)
    feed.pages = [[lookup(0, row("1", "外科")), lookup(1, row("2", "内科"))]]
    await known.caught_up()
    assert "外科" == known.find("dept", ("1",))["name"]
    feed.pages = [[lookup(2, row("1", "骨科", "u", at=2)), lookup(3, row("2", "内科", "d", at=3)), lookup(4, None)]]
    await known.caught_up()
    assert "骨科" == known.find("dept", ("1",))["name"]
    assert known.find("dept", ("2",)) is None


async def test_lanes_share_a_question_but_never_one_that_was_asked_before_theirs():
    """An answer to an older question may miss the row that was captured in between."""
    feed = Feed()
    known = tables(feed)
    feed.gate.clear()
    first = asyncio.ensure_future(known.caught_up())
    await wait_for(lambda: feed.asked == 1)
    feed.pages = [[lookup(0, row("1", "外科"))]]
    later = [asyncio.ensure_future(known.caught_up()) for _ in range(5)]
    feed.gate.set()
    await asyncio.gather(first, *later)
    assert 2 == feed.asked
    assert known.find("dept", ("1",)) is not None


async def test_a_lookup_record_that_cannot_be_read_is_one_dead_letter_for_ever():
    """Every worker reads every lookup record at every start; a person must be told once."""
    rig = Rig()
    feed = Feed()
    feed.pages = [[lookup(0, b"no json")]]
    rig.lookups = tables(feed)
    for generation in (1, 2):
        offset = rig.change(generation)
        assert await rig.settle(
            rig.join_lane(generation), lambda offset=offset: rig.committed("join").offset == offset + 1, at=CHANGES
        )
        rig.lookups = tables(feed)
        feed.pages = [[lookup(0, b"no json")]]
    assert [b"no json"] == [letter.value for letter in rig.log.messages(DEAD)]
    assert [1, 2] == numbers(rig.log.messages(READY))


async def test_records_of_another_generation_are_dropped():
    """They are read again from the committed offset; taken now they would stand before what was not handed over."""
    rig = Rig()
    lane = rig.join_lane(5)
    assignment = Assignment([TOPICS.changes], lambda at, generation: lane)
    assignment.lanes[CHANGES] = lane
    rig.change(1)
    assignment.put(CHANGES, 4, rig.log.messages(CHANGES))
    assert 0 == lane.in_hand
    assignment.put(CHANGES, 5, rig.log.messages(CHANGES))
    assert 1 == lane.in_hand


async def test_what_came_too_early_does_not_keep_a_partition_stopped():
    """While a lane restores, old records may fill it; once they are dropped, fetching must go on."""
    rig = Rig(
        settings=lane_settings(**{**{name: getattr(QUICK, name) for name in ("linger_s", "idle_linger_s")}, "high": 4, "low": 2})
    )
    for number in range(5):
        rig.change(number)
    rig.log.committed_offsets[TOPICS.group("join"), CHANGES] = Committed(offset=5, metadata='{"seq":6}')
    rig.log.append(STATE, key=b"v1\x1fv", value=b"r5")
    lane = rig.join_lane()
    lane.put(rig.log.messages(CHANGES))
    assert lane.full
    lane.start()
    await wait_for(lambda: lane.buffer is not None)
    assert not lane.full
    await lane.close()


async def test_a_lane_that_the_client_cancels_is_named_as_everywhere_and_closes():
    """A broker that is killed cancels what waits for it. The log names the partition, and the lane still closes."""

    async def cancels(name):
        raise asyncio.CancelledError

    rig = Rig()
    rig.log.on_step = cancels
    rig.change(0)
    await rig.settle(rig.join_lane(), lambda: False, at=CHANGES)
    assert {f"the lane of {CHANGES.topic}-{CHANGES.partition} was cancelled"} == {str(reason) for reason in rig.deaths.reasons}


async def test_a_record_that_comes_while_a_lane_is_closed_does_not_keep_it_open():
    """The lane would go on with a partition that belongs to another, until its close is given up and the worker ends."""
    buffer = Buffer(0, int, clock=time.monotonic)
    waiting = asyncio.ensure_future(buffer.pause(PATIENCE_S))
    await asyncio.sleep(0)
    buffer.put([0])
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
