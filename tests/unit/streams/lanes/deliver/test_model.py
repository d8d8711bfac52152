"""The deliver lane's protocol against platforms that never forget, that remember what they refused, and that forget."""

from dataclasses import replace
from functools import partial

import pytest
import structlog
from hypothesis import strategies as st
from hypothesis.stateful import rule

from streams.lanes.ports import Committed
from tests.unit.streams.lanes.deliver.deliver_model import MODEL, PATIENCE, DeliverModel
from tests.unit.streams.lanes.deliver.deliver_worker import GROUP, READY, node_of, plan_of
from tests.unit.streams.lanes.deliver.forgetful_platform import ForgetfulPlatform
from tests.unit.streams.lanes.stepped import silence

MEMORY_S = 3600.0
pytestmark = PATIENCE


@pytest.fixture(autouse=True)
def _quiet():
    silence()
    yield
    structlog.reset_defaults()


class RefusalsAreRemembered(DeliverModel):
    """A platform that says "repeated" also of an id that it refused, and a site that knows it."""

    platform_of = partial(ForgetfulPlatform, remembers_refused=True)
    asked = False

    def as_set_here(self, setup):
        return replace(setup, repeats_refused=not self.asked)

    def holds(self, worker):
        """What "repeated" means is asked of the platform; a person writes the answer down and starts the worker again."""
        if not worker.lane.held.startswith("repeated_after_refusal") or not self.world.mark.why:  # what it says of it is committed
            return False
        worker.dead = True
        world, plan = self.world, self.world.mark.plan
        for msgid in world.platform.refused:
            if plan_of(msgid) == plan.id:
                plan = plan.refuse(node_of(msgid))
        answered = Committed(offset=world.committed.offset, metadata=replace(world.mark, plan=plan).text())
        world.log.committed_offsets[GROUP, READY] = answered
        world.look()
        self.asked = True
        return False


class TakenIsForgotten(DeliverModel):
    """A platform that takes an old id again: then a record may come twice, but none is lost and none comes under two ids."""

    platform_of = partial(ForgetfulPlatform, forgets_after_s=MEMORY_S)
    forgets_after_s = MEMORY_S

    @rule()
    def it_is_the_next_day(self):
        self.world.loop.advance(MEMORY_S + 1000.0)


class TakenIsForgottenAndGuarded(TakenIsForgotten):
    """`msgid_memory_s` is set lower than that, by more than a request is under way and clocks differ: then nothing comes twice."""

    platform_of = partial(ForgetfulPlatform, forgets_after_s=MEMORY_S, in_flight_s=60.0)
    forgets_after_s = None

    def as_set_here(self, setup):
        return replace(setup, msgid_memory_s=MEMORY_S - 120.0)

    @rule(seconds=st.sampled_from([-20.0, 20.0]))
    def the_clock_jumps(self, seconds):
        self.world.skew_s = seconds

    def holds(self, worker):
        """The lane stands and asks; the rest stays where it is."""
        return "longer than the platform remembers" in worker.lane.held


for model in (DeliverModel, RefusalsAreRemembered, TakenIsForgotten, TakenIsForgottenAndGuarded):
    model.TestCase.settings = MODEL
TestDeliverModel = DeliverModel.TestCase
TestRefusalsAreRemembered = RefusalsAreRemembered.TestCase
TestTakenIsForgotten = TakenIsForgotten.TestCase
TestTakenIsForgottenAndGuarded = TakenIsForgottenAndGuarded.TestCase
