"""What a person paused waits, and nothing else does: pauses and resumptions at any moment, through crashes, zombies, lost answers
and institutions that are shut out, and nothing is lost, doubled, or sent before what it belongs to.
"""

from datetime import UTC, datetime, timedelta

import pytest
import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from streams.topics.steering import Pause, Paused
from tests.unit.streams.lanes.deliver.aside_world import INSTITUTIONS, ShutOutPlatform
from tests.unit.streams.lanes.deliver.deliver_model import MODEL, PATIENCE, DeliverModel
from tests.unit.streams.lanes.deliver.deliver_worker import plan_of
from tests.unit.streams.lanes.deliver.orphan_world import ServiceCode
from tests.unit.streams.lanes.deliver.test_aside_model import FAMILIES, AsideModel
from tests.unit.streams.lanes.stepped import current, noticing, silence

pytestmark = PATIENCE
WHAT = st.one_of(
    st.tuples(st.just(Paused.INSTITUTION), st.sampled_from(INSTITUTIONS)),
    st.tuples(st.just(Paused.SERVICE), st.sampled_from([one.value for one in ServiceCode])),
    st.tuples(st.just(Paused.STAGE), st.just("deliver")),
)


@pytest.fixture(autouse=True)
def _quiet():
    silence()
    yield
    structlog.reset_defaults()


class WatchedPlatform(ShutOutPlatform):
    """Shows each POST before it is made."""

    on_post = None

    async def post(self, batch, msgid, *, refused_before=False):
        self.on_post(batch, msgid)
        return await super().post(batch, msgid, refused_before=refused_before)


class PausedModel(AsideModel):
    """Persons pause what they like, and let it go on, or its time is over."""

    platform_of = WatchedPlatform

    def start(self, setup, back=0):
        self.world.platform.on_post = self.a_post_is_made
        return super().start(setup, back)

    @property
    def now(self):
        return datetime.fromtimestamp(self.world.wall_ms() / 1000, UTC)

    @rule(what=WHAT, for_s=st.sampled_from([None, None, 40.0]), things=st.lists(FAMILIES, max_size=3))
    def a_person_pauses(self, what, for_s, things):
        """And records come, portion by portion, which a worker would deliver."""
        self.order(*what, paused=True, until=None if for_s is None else self.now + timedelta(seconds=for_s))
        for portion in things:
            self.produce(portion)
            self.the_owner_works_long(2)

    @precondition(lambda self: self.paused)
    @rule(which=st.integers(0, 3))
    def a_person_resumes(self, which):
        paused = self.paused
        self.order(paused[which % len(paused)].of, paused[which % len(paused)].name, paused=False)

    @rule(seconds=st.just(0.0))
    def the_clock_jumps(self, seconds):
        """It does not here: a pause would be over, and then not."""

    @property
    def paused(self):
        return self.world.orders.in_force(self.now)

    def order(self, of, name, *, paused, until=None):
        orders = self.world.orders
        if orders.of(of, name, self.now) is None:  # from now on, and not for longer
            self.opened_before[of, name], self.opened_late[of, name] = set(self.world.setups), set()
        moment = self.now.isoformat()
        orders.pauses[of, name] = Pause(
            of=of,
            name=name,
            paused=paused,
            since=moment,
            until="" if until is None else until.isoformat(),
            at=moment,
            by="li@office",
            why="meant",
        )

    @property
    def opened_before(self):
        """By what is paused: the plans that were open by then."""
        return self.__dict__.setdefault("_opened_before", {})

    @property
    def opened_late(self):
        """By what is paused: plans that were opened since. One transaction may have been under way."""
        return self.__dict__.setdefault("_opened_late", {})

    def a_post_is_made(self, batch, msgid):
        """A plan that was opened before a pause is finished. None is opened of what is paused."""
        if current() is not self.world.owner:
            return
        names = {Paused.INSTITUTION: {batch.institution}, Paused.SERVICE: {batch.service.value}, Paused.STAGE: {"deliver"}}
        for pause in self.paused:
            what = pause.of, pause.name
            if pause.name in names[pause.of] and plan_of(msgid) not in self.opened_before[what]:
                self.opened_late[what].add(plan_of(msgid))
                with noticing(self.world.violations):
                    assert len(self.opened_late[what]) <= 1, f"{msgid} is posted, and {what} is paused"

    def drain(self):
        """First what is paused of institutions stays, and all others go through; then everything does."""
        for pause in self.paused:
            if pause.of is not Paused.INSTITUTION:
                self.order(pause.of, pause.name, paused=False)
        zombies = []
        if self.paused:
            for pause in self.paused:
                self.order(pause.of, pause.name, paused=True)
            for one in self.world.platform.out:
                self.world.platform.let_in(one)
            self.stays_out = frozenset(pause.name for pause in self.paused)
            DeliverModel.drain(self)
            zombies = self.zombies
            for pause in self.paused:
                self.order(pause.of, pause.name, paused=False)
            self.stays_out = frozenset()
        super().drain()
        self.zombies = [*zombies, *[one for one in self.zombies if one not in zombies]]


PausedModel.TestCase.settings = settings(MODEL, max_examples=max(6, MODEL.max_examples // 6))
TestPausedModel = PausedModel.TestCase
