"""The deliver lane as a state machine: crashes, pauses, take-overs and lost answers in any order, against what must hold."""

import os
import sys
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.streams.lanes.deliver.deliver_worker import LENIENT, STRICT, Setup, Thing
from tests.unit.streams.lanes.deliver.deliver_world import World
from tests.unit.streams.lanes.deliver.forgetful_platform import Fate, ForgetfulPlatform

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
MODEL = settings(
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "3000" if LONG else "30")),
    stateful_step_count=80 if LONG else 40,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
)
PATIENCE = pytest.mark.timeout(0 if LONG else 600)
THINGS = st.builds(
    Thing,
    kind=st.sampled_from([0, 0, 1, 2, 3, 4, 5]),
    visit=st.integers(0, 3),
    bad=st.sampled_from([False, False, False, True]),
    large=st.sampled_from([False] * 9 + [True]),
)
SETUPS = st.builds(
    Setup,
    max_plan=st.sampled_from([1, 3, 8, 20]),
    portion=st.sampled_from([1, 2, 5, 500]),
    max_rows=st.sampled_from([4] * 7 + [3]),
    msgid_chars=st.sampled_from([32] * 9 + [36]),
    guard=st.sampled_from([LENIENT, LENIENT, STRICT]),
)
WHICH = st.integers(0, 2)
STEPS = st.integers(0, 30)
FATES = st.lists(st.sampled_from([Fate.ANSWERED, *Fate, Fate.ANSWER_LOST]), max_size=4)


class DeliverModel(RuleBasedStateMachine):
    """A platform that never forgets what it took. The last of the workers is thought to be the owner; the others are zombies."""

    platform_of = ForgetfulPlatform
    forgets_after_s = None

    @initialize(
        hole_at=st.sampled_from([None, None, None, 2, 5, 9]),
        things=st.lists(THINGS, min_size=4, max_size=12),
        before=st.sampled_from([0, 0, 1, 3]),
    )
    def begin(self, hole_at, things, before):
        """before: records of a plan that an earlier version left open, whose msgids have the first layout."""
        self.world = World(self.platform_of, hole_at=hole_at)
        self.produce(things)
        if before and before < (hole_at or 99):
            self.world.leave_open(before, self.as_set_here(Setup()))
        self.start(Setup())

    # What comes in

    @rule(things=st.lists(THINGS, min_size=1, max_size=8))
    def produce(self, things):
        for thing in things:
            self.world.produce(thing)

    @rule(count=st.integers(0, 5))
    def something_odd_is_visible(self, count):
        """An aborted copy, or what somebody else wrote."""
        if count:
            self.world.repeat(count)
        else:
            self.world.strange()

    # Who works

    def start(self, setup, back=0):
        return self.world.start(self.as_set_here(setup), back=back)

    def as_set_here(self, setup):
        """What the platform of this site demands."""
        return setup

    @property
    def alive(self):
        return [worker for worker in self.world.workers if not worker.dead]

    def worker(self, which):
        alive = self.alive or [self.start(Setup())]
        return alive[-1 - which % len(alive)]

    def run(self, worker, steps):
        for _ in range(steps):
            if not worker.step() and (left := self.world.loop.next_timer_s) is not None and left <= 1.0:
                self.world.loop.advance(left)

    @rule(setup=SETUPS, back=st.integers(0, 4), steps=STEPS)
    def take_over(self, setup, back, steps):
        """Another worker gets the partition while the old one still lives."""
        worker = self.start(setup, back)
        for zombie in self.alive[:-3]:
            zombie.dead = True
        worker.feed(self.world.log, steps)
        self.run(worker, steps)

    @rule(steps=STEPS, count=st.integers(0, 12), fates=FATES)
    def the_owner_works(self, steps, count, fates):
        self.world.platform.weather.extend(fates)
        worker = self.worker(0)
        worker.feed(self.world.log, count)
        self.run(worker, steps)

    @rule(which=st.integers(1, 2), steps=STEPS, count=st.integers(0, 12))
    def a_zombie_works(self, which, steps, count):
        worker = self.worker(which)
        worker.feed(self.world.log, count)
        self.run(worker, steps)

    @rule(which=WHICH, steps=STEPS, arrives=st.booleans())
    def crash(self, which, steps, arrives):
        """What a dead worker had under way may still arrive: now, later, or never."""
        worker = self.worker(which)
        worker.feed(self.world.log, steps)
        self.run(worker, steps)
        worker.dead = True
        if arrives:
            worker.spend()
        if not self.alive:
            self.start(worker.setup).feed(self.world.log, steps)

    @rule(which=WHICH)
    def what_a_dead_worker_sent_arrives(self, which):
        dead = [worker for worker in self.world.workers if worker.dead and worker.stands]
        if dead:
            dead[-1 - which % len(dead)].spend()

    @rule(which=WHICH)
    def close(self, which):
        """A rebalance: the lane closes after the transaction that it has open."""
        worker = self.worker(which)
        worker.begin(lambda: worker.closing.append(worker.loop.create_task(worker.lane.close())))

    # What goes wrong on the way

    @rule(which=WHICH, count=st.integers(1, 3))
    def a_fetch_is_lost(self, which, count):
        self.worker(which).feed(self.world.log, count, lost=True)

    @precondition(lambda self: self.world.platform.network)
    @rule(which=WHICH)
    def a_slow_request_arrives(self, which):
        network = self.world.platform.network
        self.world.platform.arrive(network.pop(which % len(network)))

    @rule(seconds=st.sampled_from([0.05, 0.5, 16.0, 61.0, 1000.0]))
    def time_passes(self, seconds):
        self.world.loop.advance(seconds)

    @rule(seconds=st.sampled_from([-7200.0, -1.0, 1.0, 7200.0]))
    def the_clock_jumps(self, seconds):
        self.world.skew_s += seconds

    # What must hold

    @invariant()
    def all_is_well(self):
        if hasattr(self, "world"):
            self.world.check(forgets_after_s=self.forgets_after_s)

    def teardown(self):
        """Calm weather: everything comes to its end, then the zombies wake, and nothing of it changes."""
        if not hasattr(self, "world"):
            return
        try:
            if sys.exc_info()[0] is None:
                self.drain()
                self.wake_the_dead()
                self.judge()
        finally:
            self.world.loop.end()

    def drain(self):
        world, zombies = self.world, self.alive
        world.platform.weather.clear()
        worker = self.start_the_last()
        for _ in range(4000):
            world.complain()
            if self.finished or self.holds(worker):
                break
            if worker.dead:
                worker = self.start_the_last()
            worker.feed(world.log, 7)
            if not worker.step():
                world.loop.advance(min(world.loop.next_timer_s or 1.0, 30.0))
        else:
            raise AssertionError(f"stuck at {world.mark} of {world.next_number}: {worker.gate} {worker.lane.held}")
        self.zombies = zombies

    def start_the_last(self):
        plan = self.world.mark.plan
        setup = Setup() if plan is None else self.world.setups[plan.id]
        return self.start(replace(setup, guard=LENIENT))

    @property
    def expected_seq(self):
        world = self.world
        return world.hole_at if world.behind_hole is not None else world.next_number

    @property
    def finished(self):
        world = self.world
        if world.mark.plan is not None or world.mark.seq != self.expected_seq:
            return False
        # Before a hole nobody knows what is missing, so that what has no number waits there.
        return world.behind_hole is not None or len(world.outcome.foreign) == len(world.foreign)

    def holds(self, worker):
        """Whether the lane stands for good, as it should."""
        del worker
        return False

    def wake_the_dead(self):
        for worker in self.world.workers:
            worker.spend()
        for worker in self.zombies:
            for _ in range(60):
                if not worker.step():
                    break
        for request in self.world.platform.network:
            self.world.platform.arrive(request)

    def judge(self):
        world = self.world
        world.look()
        self.all_is_well()
        decided = set(range(1, world.mark.seq)) | set(world.settled(world.mark))
        good = {n for n, thing in world.things.items() if n in decided and not thing.bad and not thing.large}
        assert set(world.outcome.receipts) == good
        assert all(number in world.platform.times for number in good)
        if self.finished:
            assert set(world.platform.times) == good, "nothing behind a hole is delivered"
