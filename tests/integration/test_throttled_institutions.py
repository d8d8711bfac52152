"""A platform takes no more of two hospitals for ten minutes: the records of the others flow, and then all of it arrives once."""

import time
from collections import Counter

import orjson
import pytest

from sandbox.platform import Fault, Kind, PlatformSettings, Simulator
from streams.deliver.gateway import Gateway
from streams.deliver.request import Institution
from streams.domain.batch.cut import CutLimits
from streams.lanes.deliver.health import Health
from streams.lanes.marks import deliver_mark
from streams.seal import Encoding, Sealer, parse_public_key, sealed_chars
from streams.spec.profiles import REPORTING
from streams.testing import wait_for
from tests.integration.test_delivery_to_simulator import INSTITUTIONS, fee
from tests.settings import breaker_settings, gateway_settings
from tests.unit.streams.lanes.lane_rig import READY, Rig

A, B, C, D = "H36110200001", "P36110200002", "H36110200003", "P36110200004"
NAMES = {one: f"第{place}人民医院" for place, one in enumerate((A, B, C, D), start=1)}
LANES = 3
OTHERS_AFTER_S = 0.3


class Site:
    """Several lanes of one worker, with records of all four hospitals, before the strict simulator. Its clock can be set on."""

    def __init__(self, faults, *, most_aside=2):
        self.ahead_s, self.faults = 0.0, faults
        self.rigs = [Rig(clock=self.clock) for _ in range(LANES)]
        for place, rig in enumerate(self.rigs):
            rig.site = f"s1t{place}"  # all have partition 0, and msgids of their own
        self.records = {}
        self.most_aside = most_aside
        self.lanes = []

    def clock(self):
        return time.monotonic() + self.ahead_s

    def more(self, count):
        for place, rig in enumerate(self.rigs):
            for number in range(1, count + 1):
                institution, key = (A, B, C, D)[(number + place) % 4], (place * 1000 + number) * 3
                right = fee(key, next(iter(INSTITUTIONS)), right=True)
                own = {"FIXMEDINS_CODE": institution, "FIXMEDINS_NAME": NAMES[institution]}
                rig.ready(number, key=key, value=orjson.dumps({**right, **own}), institution=institution)
                self.records[f"F{key}"] = institution

    async def begin(self, tmp_path):
        self.simulator = Simulator(PlatformSettings(institutions=NAMES, keys=tmp_path, faults=self.faults, seed=1))
        url = await self.simulator.start()
        institutions = {
            code: Institution(
                code=code, name=name, seal=Sealer(parse_public_key(self.simulator.public_key(code).read_text()), Encoding())
            )
            for code, name in NAMES.items()
        }
        settings = gateway_settings(url, breaker=breaker_settings(failures=50), others_after_s=OTHERS_AFTER_S)
        self.gateway = Gateway(settings, institutions, profile=REPORTING, now=self.clock)
        await self.gateway.__aenter__()
        options = {"aside_after_s": 0.1, "throttled_after_s": OTHERS_AFTER_S, "portion": 10}
        for rig in self.rigs:
            rig.platform, rig.deliver_options = self.gateway, options
            rig.limits = CutLimits(max_chars=50_000, max_rows=5, sealed_chars=lambda plain: sealed_chars(plain, Encoding()))
        health = Health(self.rigs[0].deliver_settings(), clock=self.clock, most=self.most_aside)
        for rig in self.rigs:
            rig.health = health
            lane = rig.deliver_lane()
            lane.put(rig.log.messages(READY, 0))
            lane.start()
            self.lanes.append(lane)

    async def end(self):
        for lane in self.lanes:
            await lane.close()
        await self.gateway.__aexit__(None, None, None)
        await self.simulator.stop()

    def taken(self, *institutions):
        """How often the platform took each record of these, by record key."""
        found = Counter(entry.key for entry in self.simulator.journal())
        return {key: times for key, times in found.items() if self.records[key] in institutions}

    def all_of(self, *institutions):
        return {key: 1 for key, one in self.records.items() if one in institutions}

    @property
    def caught_up(self):
        marks = [deliver_mark(rig.committed("deliver").metadata) for rig in self.rigs]
        return all(mark.plan is None and not mark.aside for mark in marks) and self.taken(A, B, C, D) == self.all_of(A, B, C, D)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": Kind.THROTTLED, "retry_after_s": 600},
        {"kind": Kind.HTTP, "status": 503, "retry_after_s": 600, "judged": True},
    ],
    ids=str,
)
async def test_two_of_four_are_throttled_and_the_records_of_the_others_flow(tmp_path, fault):
    """All lanes of the worker stood for what was asked of one hospital."""
    site = Site([Fault(institution=one, **fault) for one in (A, C)])
    site.more(20)
    await site.begin(tmp_path)
    try:
        await wait_for(lambda: site.taken(B, D) == site.all_of(B, D), within_s=60.0, what="the records of the others")
        asides = [deliver_mark(rig.committed("deliver").metadata).aside for rig in site.rigs]
        assert {A, C} == {name for aside in asides for name in aside}
        assert {"throttled"} == {entry.cause.partition(" ")[0] for aside in asides for entry in aside.values()}
        site.simulator.clear_faults()
        site.ahead_s += 700.0
        await wait_for(lambda: site.caught_up, within_s=60.0, what="all of it")
    finally:
        await site.end()
    assert site.all_of(A, B, C, D) == site.taken(A, B, C, D)
