"""One institution's fault is its own: it is set aside and catches up, through crashes, zombies and lost answers, and nothing is
lost, doubled, or sent before what it belongs to. The others never wait for it.
"""

from dataclasses import replace
from functools import partial

import pytest
import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.unit.streams.lanes.deliver.aside_world import INSTITUTIONS, AsideWorld, ShutOutPlatform
from tests.unit.streams.lanes.deliver.deliver_model import MODEL, PATIENCE, STEPS, WHICH
from tests.unit.streams.lanes.deliver.deliver_worker import LENIENT, STRICT, Setup
from tests.unit.streams.lanes.deliver.forgetful_platform import Fate
from tests.unit.streams.lanes.deliver.orphan_world import Kin, ServiceCode
from tests.unit.streams.lanes.deliver.test_orphans_model import KIN, OrphanModel
from tests.unit.streams.lanes.stepped import silence

MEMORY_S = 3600.0
pytestmark = PATIENCE
PACE = (("aside_after_s", 1.0), ("probe_s", 0.4), ("max_probe_s", 8.0), ("silent_after_s", 2.0))
SETUPS = st.builds(
    Setup,
    max_plan=st.sampled_from([1, 3, 8, 20]),
    portion=st.sampled_from([1, 2, 5, 500]),
    guard=st.sampled_from([LENIENT, STRICT]),
    most_aside=st.sampled_from([4, 4, 4, 2, 0]),
)
FAMILIES = st.lists(
    st.tuples(st.builds(lambda kin, visit: replace(kin, visit=visit), KIN, st.integers(0, 5)), st.booleans()),
    min_size=1,
    max_size=8,
)
ONE = st.sampled_from(INSTITUTIONS)
ASKED_TO_WAIT = (Fate.THROTTLED, Fate.LONG_THROTTLED, Fate.LATER)
"""No more of one institution is taken for now, while others are answered."""


@pytest.fixture(autouse=True)
def _quiet():
    silence()
    yield
    structlog.reset_defaults()


class Stood(Exception):
    """A person is asked."""


class AsideModel(OrphanModel):
    """Institutions that are shut out, or get answers that contradict themselves, and are let in again."""

    platform_of = ShutOutPlatform
    stays_out = frozenset()

    @initialize(hole_at=st.none(), things=FAMILIES, shut=st.sets(ONE, max_size=2), guard=st.sampled_from([LENIENT, STRICT]))
    def begin(self, hole_at, things, shut, guard):
        del hole_at
        self.world = AsideWorld(self.platform_of)
        self.world.platform.shut |= shut
        self.produce(things)
        self.start(self.as_set_here(Setup(most_aside=4, guard=guard)))

    @rule(things=FAMILIES)
    def produce(self, things):
        for kin, bad_parents in things:
            self.world.bring(kin, bad_parents=bad_parents)

    @rule(visit=st.integers(0, 5), lines=st.lists(st.sampled_from("bbbgl"), min_size=3, max_size=8))
    def a_flood_comes(self, visit, lines):
        """Of one institution: nearly all of its lines are refused, or fit into no envelope."""
        for line, how in enumerate(lines, start=3):
            self.world.bring(Kin(service=ServiceCode.FEE, visit=visit, branch=0, line=line, bad=how == "b", large=how == "l"))
        self.the_owner_works_long(2)

    def as_set_here(self, setup):
        return replace(setup, pace=PACE, max_rows=4, msgid_chars=32)

    @rule(setup=SETUPS, back=st.integers(0, 4), steps=STEPS)
    def take_over(self, setup, back, steps):
        worker = self.start(setup, back)
        for zombie in self.alive[:-3]:
            zombie.dead = True
        worker.feed(self.world.log, steps)
        self.run(worker, steps)

    @rule(which=ONE, garbled=st.booleans())
    def an_institution_is_shut_out(self, which, garbled):
        platform = self.world.platform
        (platform.garbled if garbled else platform.shut).add(which)

    @rule(which=ONE, fate=st.sampled_from([Fate.ANSWER_LOST, Fate.REQUEST_LOST, Fate.SLOW, *ASKED_TO_WAIT]))
    def an_institution_is_not_answered(self, which, fate):
        self.world.platform.mute[which] = fate

    @precondition(lambda self: self.world.platform.out)
    @rule(which=WHICH)
    def an_institution_is_let_in(self, which):
        out = self.world.platform.out
        self.world.platform.let_in(out[which % len(out)])

    @rule(times=st.integers(1, 6))
    def the_owner_works_long(self, times):
        worker = self.worker(0)
        for _ in range(times):
            worker.feed(self.world.log, 12)
            self.run(worker, 40)
            self.world.loop.advance(min(self.world.loop.next_timer_s or 1.0, 6.0))

    def start_the_last(self):
        setup = Setup() if self.world.mark.plan is None else self.world.setups[self.world.mark.plan.id]
        return self.start(replace(setup, guard=LENIENT, most_aside=4))

    @property
    def finished(self):
        return super().finished and self.world.mark.aside.keys() <= self.stays_out and not self.may_go

    @property
    def may_go(self):
        """What waited for its parents and does not any more: its plan is opened after that of the last that caught up."""
        world = self.world
        open_ = {one.key for one in world.refused()}
        found = []
        for number in world.waiting:
            keys = open_ | {world.things[other].key for other in world.waiting if other != number}
            if world.institution(number) not in world.mark.aside and keys.isdisjoint(
                one.key for one in world.things[number].parents
            ):
                found.append(number)
        return found

    def drain(self):
        """First some stay out, and all others go through; then everything does."""
        platform = self.world.platform
        out = platform.out
        self.stays_out = frozenset(out[:3])
        for one in out[3:]:
            platform.let_in(one)
        if self.stays_out:
            super(OrphanModel, self).drain()
            zombies = self.zombies
        else:
            zombies = []
        self.stays_out = frozenset()
        for one in out:
            platform.let_in(one)
        super().drain()
        self.zombies = [*zombies, *[one for one in self.zombies if one not in zombies]]
        assert not self.world.mark.aside


class ForgetfulAsideModel(AsideModel):
    """A platform that forgets what it took, and a site that knows it: nothing comes twice, however long somebody was held, and a
    person is asked where that is open.
    """

    platform_of = partial(ShutOutPlatform, forgets_after_s=MEMORY_S, in_flight_s=60.0)
    stood = False

    def as_set_here(self, setup):
        return replace(super().as_set_here(setup), msgid_memory_s=MEMORY_S - 120.0)

    @rule()
    def it_is_the_next_day(self):
        self.world.loop.advance(MEMORY_S + 1000.0)

    @rule(seconds=st.sampled_from([-20.0, 20.0]))
    def the_clock_jumps(self, seconds):
        self.world.skew_s = seconds

    def holds(self, worker):
        """The lane stands and asks, or an institution does; the rest stays where it is."""
        if "longer than the platform remembers" in worker.lane.held or worker.lane._asides._standing:
            raise Stood
        return False

    def drain(self):
        zombies = self.alive
        try:
            super().drain()
        except Stood:
            self.stood, self.zombies = True, zombies

    def judge(self):
        if self.stood:
            self.all_is_well()
        else:
            super().judge()


AsideModel.TestCase.settings = settings(MODEL, max_examples=max(6, MODEL.max_examples // 6))
ForgetfulAsideModel.TestCase.settings = settings(MODEL, max_examples=max(3, MODEL.max_examples // 10))
TestAsideModel = AsideModel.TestCase
TestForgetfulAsideModel = ForgetfulAsideModel.TestCase
