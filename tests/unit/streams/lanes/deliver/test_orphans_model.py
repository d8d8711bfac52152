"""What belongs to what the platform refused waits for it: through crashes, zombies and lost answers, never lost, doubled, or sent
before what it belongs to.
"""

from dataclasses import replace

import pytest
import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.unit.streams.lanes.deliver.deliver_model import MODEL, PATIENCE, DeliverModel
from tests.unit.streams.lanes.deliver.deliver_worker import Setup
from tests.unit.streams.lanes.deliver.orphan_world import Kin, KinPlatform, OrphanWorld, ServiceCode
from tests.unit.streams.lanes.stepped import silence

pytestmark = PATIENCE
KIN = st.builds(
    Kin,
    service=st.sampled_from([*ServiceCode, ServiceCode.FEE]),
    visit=st.integers(0, 2),
    branch=st.integers(0, 1),
    line=st.integers(0, 2),
    bad=st.sampled_from([False, False, True]),
    large=st.sampled_from([False] * 14 + [True]),
)
FAMILIES = st.lists(st.tuples(KIN, st.booleans()), min_size=1, max_size=8)


@pytest.fixture(autouse=True)
def _quiet():
    silence()
    yield
    structlog.reset_defaults()


class OrphanModel(DeliverModel):
    """A platform that looks for parents, and a join that sends them first."""

    platform_of = KinPlatform

    @initialize(hole_at=st.none(), things=FAMILIES)
    def begin(self, hole_at, things):
        del hole_at
        self.world = OrphanWorld(self.platform_of)
        self.produce(things)
        self.start(Setup())

    @rule(things=FAMILIES)
    def produce(self, things):
        for kin, bad_parents in things:
            self.world.bring(kin, bad_parents=bad_parents)

    @rule(kin=KIN, moved=st.booleans())
    def a_row_goes(self, kin, moved):
        """It is deleted, and a person was told, or it left for another visit; perhaps while its record waits."""
        self.world.take_back(replace(kin, moved=moved))

    def drain(self):
        """First what can go goes; then every refused parent comes mended, and all that waited follows."""
        super().drain()
        zombies, world = self.zombies, self.world
        open_ = {one.key for one in world.refused()}
        for number in world.waiting:
            kept = world.things[number]
            keys = {world.things[other].key for other in world.waiting if other != number}
            assert any(one.key in open_ | keys for one in kept.parents), f"{number} waits for nothing"
        while refused := [kin for _, kin in sorted(world.things.items()) if kin.key in open_]:
            for key in {one.key: one for one in refused}.values():
                world.bring(Kin(service=key.service, visit=key.visit, branch=key.branch))
            super().drain()
            open_ = {one.key for one in world.refused()}
        self.zombies = [*zombies, *[one for one in self.zombies if one not in zombies]]
        assert not world.waiting
        assert world.mark.text().startswith(f'{{"seq":{world.mark.seq}'), "nothing keeps an older version out any more"
        world.names_are_understood()

    def judge(self):
        world = self.world
        world.look()
        self.all_is_well()
        records = {number: kin for number, kin in world.things.items() if not kin.recall}
        good = {number for number, kin in records.items() if not kin.bad and not kin.large} - world.needless - world.recalled
        assert good == set(world.outcome.receipts)
        assert good == set(world.platform.times)
        newest = {kin.key: number for number, kin in sorted(world.things.items())}
        assert not (world.needless | world.recalled) & set(newest.values()), "the last version is never needless"
        for number in world.recalled:
            assert any(kin.recall and kin.key == world.things[number].key for other, kin in world.things.items() if other > number)


OrphanModel.TestCase.settings = settings(MODEL, max_examples=max(12, MODEL.max_examples // 2))
TestOrphanModel = OrphanModel.TestCase
