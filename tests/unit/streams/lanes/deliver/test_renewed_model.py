"""What waits is made anew under a mended mapping: through crashes, zombies and lost answers, never lost, doubled, out of order, nor
posted in its old version by a plan of later.
"""

import pytest
import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.unit.streams.lanes.deliver.deliver_model import MODEL, PATIENCE
from tests.unit.streams.lanes.deliver.deliver_worker import Setup
from tests.unit.streams.lanes.deliver.renewed_world import RenewedPlatform, RenewedWorld
from tests.unit.streams.lanes.deliver.test_orphans_model import FAMILIES, OrphanModel
from tests.unit.streams.lanes.stepped import silence

pytestmark = PATIENCE
FARES = st.sampled_from(["passes", "passes", "passes", "same", "fails"])


@pytest.fixture(autouse=True)
def _quiet():
    silence()
    yield
    structlog.reset_defaults()


class RenewedModel(OrphanModel):
    """A person orders what waits to be made anew, perhaps several times, and perhaps is interrupted before the end."""

    platform_of = RenewedPlatform

    @initialize(hole_at=st.none(), things=FAMILIES)
    def begin(self, hole_at, things):
        del hole_at
        self.world = RenewedWorld(self.platform_of)
        self.produce(things)
        self.start(Setup())

    @rule(fares=st.lists(FARES, min_size=1, max_size=6), all_of_it=st.booleans())
    def what_waits_is_made_anew(self, fares, all_of_it):
        """In the order of its numbers; what went before is ordered, too, by who looked a moment ago."""
        world = self.world
        first = max(1, world.mark.seq - 2)
        keys = dict.fromkeys(kin.key for number, kin in sorted(world.things.items()) if number >= first)
        for place, key in enumerate(keys):
            world.renew(key, fares=fares[place % len(fares)])
        if all_of_it:
            world.in_force()


RenewedModel.TestCase.settings = settings(MODEL, max_examples=max(12, MODEL.max_examples // 2))
TestRenewedModel = RenewedModel.TestCase
