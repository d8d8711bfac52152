"""What waits and was made anew is not posted any more: never a wrong version after, never one lost, doubled or out of order."""

import orjson
import pytest

from streams.deadletter.record import read_dead_letter
from streams.domain.ready import RECALL, REPORTED, Emission, encode
from streams.domain.records import Record
from streams.domain.replay import ANEW
from streams.lanes.deliver import renewed
from streams.lanes.marks import JoinMark, deliver_mark
from streams.lanes.ports import Committed
from streams.spec.fields import ServiceCode
from streams.testing import FakePlatform
from streams.testing.surroundings import wait_for
from tests.settings import flood_guard
from tests.unit.streams.lanes.lane_rig import CHANGES, DEAD, INSTITUTION, READY, RECEIPTS, TOPICS, Rig, held

VISIT, SETTLEMENT, FEE = ServiceCode
GUARD = flood_guard(min_refused=2, ratio=0.1, in_a_row=0)
DAWN = (ANEW, b"dawn")


class Bad(FakePlatform):
    """It refuses what a bad mapping made, and looks for parents."""

    def receive(self, msgid, records):
        bad = {record.record_key for record in records if orjson.loads(record.value).get("bad")}
        self.refuses = bad
        return super().receive(msgid, records)


class Night(Rig):
    """Records of a bad mapping wait, and the flood guard holds the lane."""

    def __init__(self):
        super().__init__()
        self.guard = GUARD
        self.platform = Bad()
        self.deliver_options = {"alarm_every_s": 0.05}
        self.number = 0

    def write(self, service, visit, *, bad=False, tail=(), content="", name=""):
        """One ready record of a visit, as the join writes it."""
        self.number += 1
        key = name or f"{service.name[0]}{visit}"
        ids = {"MDTRT_ID": f"V{visit}", "SETL_ID": f"S{visit}"}
        value = b"" if RECALL in tail else orjson.dumps(ids | {"bad": bad, "n": self.number})
        record = Record(
            service=service,
            institution=INSTITUTION,
            infno="2204",
            key=key,
            value=value,
            content_hash=content or ("" if RECALL in tail else f"{self.number:032}"),
            mapping_version="m@1",
            business_day="2024-05-06",
            amount="1.00",
        )
        emission = Emission(record=record, visit_key=b"v%d" % visit, position="7", committed_at=1, captured_at=2, tail=tail)
        key_, value_, headers = encode(emission, self.number)
        self.log.append(READY, key=key_, value=value_, headers=headers)
        self.joined()
        return self.number

    def joined(self, anew=0):
        said = JoinMark(seq=self.number + 1, anew=anew).text()
        self.log.committed_offsets[TOPICS.group("join"), CHANGES] = Committed(offset=0, metadata=said)

    def family(self, visit, **bad):
        """A visit with its settlement and a line."""
        return [self.write(one, visit, bad=bad.get(one.name[0].lower(), False)) for one in ServiceCode]

    def in_force(self):
        self.joined(anew=self.number + 1)

    @property
    def mark(self):
        return deliver_mark(self.committed("deliver").metadata)

    async def carry_on(self, generation=2, waiting=(0, 0)):
        done = await self.settle(self.deliver_lane(generation), lambda: self.is_done(waiting), at=READY)
        assert done, self.deaths.reasons

    def is_done(self, waiting=(0, 0)):
        return (self.mark.seq, self.mark.plan, self.mark.orphans) == (self.number + 1, None, waiting)

    def letters(self, *, open_only=True):
        messages = self.log.messages(DEAD)
        return [read_dead_letter(one) for one in messages if not (open_only and "x-dlq-closed-at" in dict(one.headers))]


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(renewed, "LOOK_S", 0.01)


async def test_what_was_made_anew_goes_in_place_of_what_waits_and_nothing_wrong_is_posted_again():
    """The lane stood before it posted the rest; its plan is withdrawn, for the platform has nothing of it."""
    night = Night()
    for visit in range(5):
        night.family(visit, v=True, s=True, f=True)
    await_lane = night.deliver_lane(1)
    await held(night, await_lane)
    before, refused = night.mark.plan, len(night.platform.refused_msgids)
    assert (True, "flood_guard") == (before.quiet, night.mark.why)
    good = [night.write(one, visit, tail=(DAWN, *([REPORTED] * (one is not FEE)))) for visit in range(5) for one in ServiceCode]
    night.in_force()
    await_lane.put(night.log.messages(READY))
    await wait_for(night.is_done)
    await await_lane.close()
    assert good == sorted(night.platform.numbers)
    assert (refused, []) == (len(night.platform.refused_msgids), night.letters())
    assert (0, 0) == night.mark.orphans
    assert [*range(1, 16)] == sorted(int(dict(one.original_headers)["seq"]) for one in night.letters(open_only=False))


async def test_a_restart_knows_what_was_made_anew():
    """The worker may be killed at any point between."""
    night = Night()
    for visit in range(5):
        night.family(visit, v=True)
    lane = night.deliver_lane(1)
    await held(night, lane)
    await lane.close()
    for visit in range(5):
        night.write(VISIT, visit, tail=(REPORTED, DAWN))
    night.in_force()
    await night.carry_on()
    await night.carry_on(3)
    order = [(orjson.loads(one.value)["MDTRT_ID"], one.record_key[0]) for one in night.platform.records]
    for visit in range(5):
        assert ["V", "S", "F"] == [kind for of, kind in order if of == f"V{visit}"], "a visit goes before what belongs to it"
    assert [] == night.letters()


async def test_nothing_is_passed_over_before_all_of_it_was_ordered():
    """A run that was killed has made some of it anew: the lane stands on."""
    night = Night()
    for visit in range(3):
        night.family(visit, v=True, s=True, f=True)
    lane = night.deliver_lane(1)
    await held(night, lane)
    await lane.close()
    night.write(VISIT, 0, tail=(REPORTED, DAWN))
    lane = night.deliver_lane(2)
    assert "refused" in await held(night, lane)
    await lane.close()
    assert ([], []) == (night.platform.numbers, night.log.messages(RECEIPTS))


async def test_what_may_have_been_taken_is_finished_under_its_msgids_first():
    """Of a plan whose first records were taken and not committed, another msgid would double them."""
    night = Night()
    good = [night.write(VISIT, visit, bad=visit > 5) for visit in range(15)]
    lane = night.deliver_lane(1)
    await held(night, lane)
    await lane.close()
    plan, taken = night.mark.plan, len(night.platform.numbers)
    assert (False, True) == (plan.quiet, taken > 0)
    for visit in range(6, 15):
        night.write(VISIT, visit, tail=(REPORTED, DAWN))
    night.in_force()
    await night.carry_on()
    assert [*good[:6], *range(16, 25)] == sorted(night.platform.numbers)
    assert [] == night.letters()
    assert len(night.platform.numbers) == len(set(night.platform.numbers))


async def test_of_what_is_unchanged_the_version_that_is_right_goes():
    """A row that changed after the mapping was mended was made by the mended one already."""
    night = Night()
    for visit in range(4):
        night.write(VISIT, visit, bad=True)
    right = [night.write(VISIT, visit, tail=(REPORTED,), content=f"{visit:032}") for visit in range(4)]
    lane = night.deliver_lane(1)
    await held(night, lane)
    await lane.close()
    for visit in range(4):
        night.write(VISIT, visit, tail=(RECALL, DAWN), content=f"{visit:032}")
    night.in_force()
    await night.carry_on()
    assert (right, []) == (sorted(night.platform.numbers), night.letters())


async def test_what_cannot_be_made_any_more_is_not_posted_and_what_belongs_to_it_waits():
    """The join's letter is its fate. Its lines follow when it comes."""
    night = Night()
    for visit in range(3):
        night.family(visit, v=True)
    lane = night.deliver_lane(1)
    await held(night, lane)
    await lane.close()
    for visit in range(3):
        night.write(VISIT, visit, tail=(RECALL, DAWN))
    night.in_force()
    await night.carry_on(waiting=(3, 6))
    assert ([], (3, 6), []) == (night.platform.numbers, night.mark.orphans, night.letters())
    mended = [night.write(VISIT, visit, tail=(REPORTED,)) for visit in range(3)]
    night.in_force()
    await night.carry_on(3)
    assert mended == night.platform.numbers[:3]
    assert 9 == len(night.platform.numbers)
