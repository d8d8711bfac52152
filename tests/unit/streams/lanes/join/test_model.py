"""The join's lane as a state machine: crash, zombie, rebalance, repeated input. Whatever happens, the log is a fold of a prefix."""

import sys

import orjson
import pytest
import structlog
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streams.deadletter.record import letter_id
from streams.domain.join import letters
from streams.domain.join.entries import is_row, load
from streams.domain.ready import encode
from streams.domain.release import Release, release_value
from streams.domain.series import FROM, NUMBER
from streams.domain.ticks import tick_value
from streams.lanes.marks import join_mark
from streams.lanes.ports import Committed, Send, TopicPartition
from streams.testing import FakeLog
from tests.unit.streams.domain.join.join_rig import START_MS, envelope
from tests.unit.streams.domain.join.test_laws import ROWS
from tests.unit.streams.lanes.deliver.deliver_model import MODEL, PATIENCE
from tests.unit.streams.lanes.join.join_world import CHANGES, DEAD, GROUP, READY, STATE, TOPICS, Oracle, Worker
from tests.unit.streams.lanes.stepped import SteppedLoop, current, noticing, silence, stand

pytestmark = PATIENCE
LOOKUP_FAULT = b"\x1f!lookup\x1f"
WHICH, STEPS = st.integers(0, 2), st.integers(0, 30)


@pytest.fixture(autouse=True)
def _quiet():
    silence()
    yield
    structlog.reset_defaults()


class JoinModel(RuleBasedStateMachine):
    """The last of the workers is thought to be the owner; the others are zombies."""

    @initialize(chunk=st.sampled_from([7, 3, 1]), order=st.permutations(list(ROWS)), data=st.data())
    def begin(self, chunk, order, data):
        self.loop, self.log, self.faults = SteppedLoop(), FakeLog(), {}
        self.log.on_step, self.log.started_at_ms = self._on_step, START_MS
        self.log.committed_offsets[GROUP, CHANGES] = Committed(offset=0, metadata='{"seq":1}')
        self.oracle, self.folded, self.checked = Oracle(), 0, 0
        self.written = 0
        self.state, self.seen = {}, {STATE: 0, READY: 0, DEAD: 0}
        self.ready, self.dead = [], []
        self.owner, self.violations = None, []
        self.place, self.workers, self.chunk = 100, [], chunk
        self.rows_change([(name, False) for name in order], data)
        self.start()

    # What comes in

    def comes(self, key, value):
        """As the place stage writes: in transactions, numbered."""
        self.written += 1
        headers = ((FROM, b"his/a"), (NUMBER, b"%d" % self.written))
        self.log.write("place", Send(topic=CHANGES.topic, key=key, value=value, headers=headers, partition=0), 0)
        self.log.commit("place")

    @rule(names=st.lists(st.tuples(st.sampled_from(list(ROWS)), st.booleans()), min_size=1, max_size=6), data=st.data())
    def rows_change(self, names, data):
        for name, deleted in names:
            table, sample, _, columns = ROWS[name]
            self.place += 1
            row = sample | data.draw(columns)
            op = "d" if deleted and self.place % 3 == 0 else "u"
            self.comes(b"{}", envelope(table, op, row, at=self.place))

    @rule(back=st.integers(1, 8), count=st.integers(1, 8))
    def connect_sends_again(self, back, count):
        """After a crash of capture: a run of what it sent before, starting anywhere."""
        sent = self.log.messages(CHANGES)
        for message in sent[-back:][:count]:
            self.comes(message.key, message.value)

    @rule(what=st.sampled_from([b"no json", None, "tick", "late tick"]))
    def something_else_comes(self, what):
        now = START_MS + len(self.log.messages(CHANGES))
        value = tick_value(now + (5_000 if what == "late tick" else 0)) if isinstance(what, str) else what
        self.comes(None, value)

    @rule(which=st.integers(0, 5), late=st.booleans())
    def a_person_ends_a_wait(self, which, late):
        """As it stands in what is durable, or in what was: orders come late, and twice."""
        rows = [load(key, value) for key, value in self.state.items() if value and is_row(key)]
        if waiting := [row for row in rows if row.waits_for]:
            row = waiting[which % len(waiting)]
            key = {{"h.settle": "settle_no", "h.charge": "charge_id"}.get(row.table, "visit_id"): row.key[0]}
            order = Release(row.source, row.table, key, "V1", "dawn", row.waits_for, row.since - late)
            self.comes(b"V1", release_value(order, at=START_MS))

    @rule()
    def a_lookup_record_cannot_be_read(self):
        offset = self.log.append(TopicPartition(TOPICS.lookup("patient"), 0), key=b"p", value=b"no json")
        (incoming,) = self.log.messages(TopicPartition(TOPICS.lookup("patient"), 0), offset)
        self.faults[b"lookup.patient/0/%d" % offset] = letters.undecodable(incoming, "no json")

    # Who works

    def start(self, back=0):
        position = max(0, self.log.committed_offsets[GROUP, CHANGES].offset - back)
        self.workers.append(Worker(self, position, self.chunk))
        return self.workers[-1]

    def worker(self, which):
        alive = [worker for worker in self.workers if not worker.dead] or [self.start()]
        return alive[-1 - which % len(alive)]

    def run(self, worker, steps):
        for _ in range(steps):
            if not worker.step() and (left := self.loop.next_timer_s) is not None and left <= 1.0:
                self.loop.advance(left)

    @rule(steps=STEPS, count=st.integers(0, 12))
    def the_owner_works(self, steps, count):
        worker = self.worker(0)
        worker.feed(count)
        self.run(worker, steps)

    @rule(which=st.integers(1, 2), steps=STEPS, count=st.integers(0, 12))
    def a_zombie_works(self, which, steps, count):
        worker = self.worker(which)
        worker.feed(count)
        self.run(worker, steps)

    @rule(back=st.integers(0, 4), steps=STEPS)
    def take_over(self, back, steps):
        worker = self.start(back)
        for zombie in [worker for worker in self.workers if not worker.dead][:-3]:
            zombie.dead = True
        worker.feed(steps)
        self.run(worker, steps)

    @rule(which=WHICH, before=STEPS, between=STEPS, after=STEPS)
    def rebalance(self, which, before, between, after):
        """The lane closes wherever it stands, and opens again, perhaps after another worker had the partition."""
        worker = self.worker(which)
        worker.feed(before)
        self.run(worker, before)
        worker.rebalance()
        self.run(worker, between)
        if between % 2:
            other = self.start()
            other.feed(between)
            self.run(other, between)
            other.dead = True
        worker.comes_back()
        self.run(worker, after)

    @rule(which=WHICH, steps=STEPS, arrives=st.booleans())
    def crash(self, which, steps, arrives):
        worker = self.worker(which)
        worker.feed(steps)
        self.run(worker, steps)
        worker.dead = True
        if arrives:
            worker.spend()

    @rule(which=WHICH, count=st.integers(1, 3))
    def a_fetch_is_lost(self, which, count):
        self.worker(which).feed(count, lost=True)

    @rule(seconds=st.sampled_from([0.05, 0.5, 16.0, 61.0]))
    def time_passes(self, seconds):
        self.loop.advance(seconds)

    # What must hold

    async def _on_step(self, name):
        if name == "fenced":
            self.owner = current()
        if name == "commit_done":
            with noticing(self.violations):
                assert current() is self.owner, "a fenced worker committed"
                self.look()
        await stand(name)

    def look(self):
        """After each commit: what is durable is the fold of what stands before the offset, and nothing else."""
        committed = self.log.committed_offsets[GROUP, CHANGES]
        for incoming in self.log.messages(CHANGES, self.folded):
            if incoming.offset < committed.offset:
                self.oracle.take(incoming)
        assert committed.offset >= self.folded
        self.folded = committed.offset
        self.state.update({message.key: message.value for message in self._news(STATE)})
        self.ready += [(message.key, message.value, list(message.headers)) for message in self._news(READY)]
        self.dead += [dict(message.headers)["x-dlq-id"].decode() for message in self._news(DEAD)]
        faults = [key for key in self.state if key.startswith(LOOKUP_FAULT)]
        reported = [letter_id(self.faults[key.removeprefix(LOOKUP_FAULT)]) for key in faults]
        expected = [encode(emission, number) for number, emission in enumerate(self.oracle.ready, start=1)]
        assert self.ready[self.checked :] == expected[self.checked :], "numbers are gapless and each emission stands there once"
        self.checked = len(self.ready)
        assert len(expected) + 1 == join_mark(committed.metadata).seq
        held = {key: entry for key, entry in self.state.items() if key not in faults and entry is not None}
        assert held == self.oracle.flat
        closed = [one.id for one in self.oracle.ends]
        assert sorted(self.dead) == sorted([*map(letter_id, self.oracle.dead), *closed, *reported]), "told and closed once each"

    def _news(self, at):
        messages = self.log.messages(at, self.seen[at])
        if messages:
            self.seen[at] = messages[-1].offset + 1
        return messages

    @invariant()
    def all_is_well(self):
        for violation in getattr(self, "violations", ()):
            raise violation

    def teardown(self):
        """Everything comes to its end, then the zombies wake, and nothing of it changes."""
        if not hasattr(self, "loop"):
            return
        try:
            if sys.exc_info()[0] is None:
                zombies = [worker for worker in self.workers if not worker.dead]
                self.rows_change_once_more()
                self.drain()
                self.wake(zombies)
                self.look()
                assert self.folded == self.end
                assert len(self.faults) == sum(key.startswith(LOOKUP_FAULT) for key in self.state)
        finally:
            self.loop.end()

    @property
    def end(self):
        return self.log.messages(CHANGES)[-1].offset + 1

    def rows_change_once_more(self):
        self.comes(b"{}", orjson.dumps({}))

    def drain(self):
        worker, end = self.start(), self.end
        for _ in range(4000):
            self.all_is_well()
            if self.folded == end and not worker.stands:
                break
            if worker.dead:
                worker = self.start()
            worker.feed(7)
            if not worker.step():
                self.loop.advance(min(self.loop.next_timer_s or 1.0, 30.0))
        else:
            raise AssertionError(f"stuck at {self.folded} of {end}")
        known = {key: worker.lane.state.visit(key.partition(b"\x1f")[0]).get(key) for key in self.oracle.flat}
        assert known == self.oracle.flat, "what a worker knows is what is durable"

    def wake(self, zombies):
        for worker in self.workers:
            worker.spend()
        for worker in zombies:
            for _ in range(60):
                if not worker.step():
                    break
        self.all_is_well()


JoinModel.TestCase.settings = MODEL
TestJoinModel = JoinModel.TestCase
