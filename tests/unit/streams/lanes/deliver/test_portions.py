"""The deliver stage's lane: long plans, settled portion by portion, and the company that late records wait for."""

from dataclasses import replace

import pytest

from streams.deliver.receipt import decode_receipt
from streams.domain.batch.cut import CutLimits
from streams.lanes.deliver.plan import Plan
from streams.lanes.marks import DeliverMark, deliver_mark
from streams.lanes.ports import Committed
from streams.testing import FakePlatform, numbers, wait_for
from tests.settings import flood_guard
from tests.unit.streams.lanes.lane_rig import DEAD, QUICK, READY, RECEIPTS, TOPICS, Rig, emission, held, through


@pytest.mark.parametrize(("age_s", "sizes"), [(3600, [20]), (1, [1, 19])])
async def test_what_is_late_already_waits_for_company(age_s, sizes):
    """A backlog gets through sooner in full batches; what is in time must not wait for them."""
    rig = Rig()
    rig.deliver_options = {"late_linger_s": 60.0}
    rig.now_ms = emission(1).committed_at + age_s * 1000
    rig.ready(1)
    lane = rig.deliver_lane()
    lane.put(rig.log.messages(READY))
    lane.start()
    await wait_for(lambda: lane.buffer is not None)
    if sizes[0] == 1:
        await wait_for(through(rig, 2))
    for number in range(2, 21):
        rig.ready(number)
    lane.put(rig.log.messages(READY)[1:])
    await wait_for(through(rig, 21))
    await lane.close()
    assert sizes == list(plan_sizes(rig).values())


def plan_sizes(rig):
    """By plan, in their order: how many records it had."""
    plans = {}
    for message in rig.log.messages(RECEIPTS):
        written = decode_receipt(message.value)
        plans[written.plan] = plans.get(written.plan, 0) + len(written.records)
    return plans


BEHIND = 200


def behind(rig):
    """The join has that much of the partition before it."""
    for number in range(BEHIND):
        rig.change(number)


@pytest.mark.parametrize(("joined", "sizes"), [(0, [20]), (BEHIND, [1, 19])])
async def test_what_is_late_waits_longer_while_the_join_has_more_before_it(joined, sizes):
    """Of a backlog the join writes a burst every few seconds: one burst alone fills no batches. When the join is through, nothing
    comes, and nobody waits for it.
    """
    rig = Rig()
    rig.deliver_options = {"company_s": 60.0}
    rig.now_ms = emission(1).committed_at + 3_600_000
    behind(rig)
    rig.ready(1)
    rig.join_is_at(joined)
    lane = rig.deliver_lane()
    lane.put(rig.log.messages(READY))
    lane.start()
    await wait_for(lambda: lane.buffer is not None)
    if sizes[0] == 1:
        await wait_for(through(rig, 2))
    for number in range(2, 21):
        rig.ready(number)
    rig.join_is_at(joined)
    lane.put(rig.log.messages(READY)[1:])
    await wait_for(through(rig, 21))
    await lane.close()
    assert sizes == list(plan_sizes(rig).values())


@pytest.mark.parametrize("fault", ["raises", "knows nothing"])
async def test_nobody_waits_for_company_of_which_no_broker_knows(fault):
    """A broker that is away must not hold a lane whose records are there."""
    rig = Rig()
    rig.deliver_options = {"company_s": 60.0}
    rig.now_ms = emission(1).committed_at + 3_600_000
    behind(rig)
    rig.ready(1)
    rig.join_is_at(0)
    lane = rig.deliver_lane()
    committed = rig.log.committed

    async def away(group, at):
        if group != TOPICS.group("join"):
            return await committed(group, at)
        if fault == "raises":
            raise ConnectionError
        return None

    rig.log.committed = away
    lane.put(rig.log.messages(READY))
    lane.start()
    await wait_for(through(rig, 2))
    await lane.close()


async def test_what_is_hardly_late_waits_hardly_longer():
    """After an outage of a few seconds records must go at once: they wait a tenth of their age at most."""
    rig = Rig()
    rig.deliver_options = {"company_s": 60.0, "late_s": 0.01}
    rig.now_ms = emission(1).committed_at + 100
    behind(rig)
    rig.ready(1)
    rig.join_is_at(0)
    assert await rig.settle(rig.deliver_lane(), through(rig, 2), at=READY)


async def test_a_full_lane_waits_for_no_company():
    """While its partition is not fetched nothing can come, and a backlog would stand still between all its plans."""
    rig = Rig(settings=replace(QUICK, high=60, low=5))
    rig.deliver_options = {"late_linger_s": 60.0}
    for number in range(1, 62):
        rig.ready(number)
    lane = rig.deliver_lane()
    lane.put(rig.log.messages(READY))
    assert lane.full
    lane.start()
    await wait_for(through(rig, 62))
    await lane.close()


async def test_what_became_of_a_portion_is_committed_before_the_next_is_posted():
    """A platform that forgot the msgids of a long plan must get at most a part of it twice."""
    rig = Rig()
    rig.limits = CutLimits(max_chars=9_000, max_rows=2, sealed_chars=lambda plain: plain)
    rig.deliver_options = {"portion": 4}
    for number in range(1, 11):
        rig.ready(number, key=3 * number + 1)
    seen = []

    async def look(_batch, _msgid):
        plan = deliver_mark(rig.committed("deliver").metadata).plan
        seen.append((plan.settled, len(rig.log.messages(RECEIPTS))))

    rig.platform.on_post = look
    assert await rig.settle(rig.deliver_lane(), through(rig, 11), at=READY)
    # The last part takes with it what would be too few for one of its own.
    assert [(0, 0), (0, 0), (2, 2), (2, 2), (2, 2)] == seen


async def test_a_plan_goes_on_behind_its_settled_batches():
    """They have their receipts and dead letters: posting them again is what a platform without memory takes twice."""
    rig = Rig()
    rig.limits = CutLimits(max_chars=9_000, max_rows=2, sealed_chars=lambda plain: plain)
    offsets = [rig.ready(number, key=3 * number + 1, value=b"x" * (10_000 if number == 3 else 1)) for number in (1, 2, 3, 4, 5, 6)]
    plan = Plan(size=6, last_offset=offsets[-1], id="20240425000000000", refused=0, opened_at=1, cut=rig.limits.mark, settled=2)
    rig.log.committed_offsets[TOPICS.group("deliver"), READY] = Committed(offset=0, metadata=DeliverMark(seq=1, plan=plan).text())
    assert await rig.settle(rig.deliver_lane(), through(rig, 7), at=READY)
    assert [6] == rig.platform.numbers
    assert 1 == len(rig.log.messages(RECEIPTS))
    assert [] == rig.log.messages(DEAD), "what no envelope carries became a dead letter with the first part"


async def test_a_flood_in_a_later_portion_holds_the_lane_before_its_dead_letters():
    """A key that goes bad in the middle of a long plan is as much of a flood as one that begins with it."""
    rig = Rig()
    rig.limits = CutLimits(max_chars=9_000, max_rows=2, sealed_chars=lambda plain: plain)
    rig.deliver_options = {"portion": 4}
    rig.guard = flood_guard(min_refused=2, ratio=0.5)
    rig.platform = FakePlatform(refuses=[f"{3 * number}" for number in (5, 6, 7, 8)])
    for number in range(1, 9):
        rig.ready(number, key=3 * number)
    lane = rig.deliver_lane()
    assert "3 of 4 records" in await held(rig, lane)
    await lane.close()
    assert [] == rig.log.messages(DEAD)
    assert [1, 2, 3, 4] == rig.platform.numbers
    assert 2 == len(rig.log.messages(RECEIPTS)), "the part before it is settled"


async def test_what_no_envelope_carries_is_weighed_against_the_whole_plan():
    """A few records that are too large are few in a long plan; its first part is not to blame for them."""
    rig = Rig()
    rig.limits = CutLimits(max_chars=9_000, max_rows=2, sealed_chars=lambda plain: plain)
    rig.deliver_options = {"portion": 4}
    rig.guard = flood_guard(min_refused=2, ratio=0.5)
    rig.platform = FakePlatform(refuses=["3"])
    for number in range(1, 18):
        rig.ready(number, key=3 * number, value=b"x" * (10_000 if number > 12 else 1))
    rig.ready(18, key=3)
    assert await rig.settle(rig.deliver_lane(), through(rig, 19), at=READY)
    assert [1, *range(13, 19)] == sorted(numbers([one for one in rig.log.messages(DEAD) if "seq" in dict(one.headers)]))
