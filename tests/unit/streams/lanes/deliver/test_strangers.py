"""Messages without a number in `visit.ready`: dead letters, but never at the price of a record that is missing before them."""

import asyncio

from streams.testing import wait_for
from tests.unit.streams.lanes.deliver.test_lane import through
from tests.unit.streams.lanes.lane_rig import DEAD, READY, Rig


async def test_the_offset_does_not_pass_a_hole_for_a_foreign_message_behind_it():
    """A fetch that was lost is read again from the offset; behind a hole the offset would lose the records before it."""
    rig = Rig()
    for number in (1, 3):
        rig.ready(number)
    rig.log.append(READY, key=b"k", value=b"whose?")
    assert await rig.settle(rig.deliver_lane(), through(rig, 2), at=READY)
    assert 1 == rig.committed("deliver").offset
    assert [] == rig.log.messages(DEAD)


async def test_a_foreign_message_waits_for_a_record_that_was_lost_on_the_way():
    """Nothing but the join's own count tells that a record before the foreign message is missing."""
    rig = Rig()
    for number in (1, 2):
        rig.ready(number)
    rig.log.append(READY, key=b"k", value=b"whose?")
    lost = rig.log.messages(READY)
    lane = rig.deliver_lane(1)
    lane.put([lost[0], lost[2]])
    lane.start()
    await wait_for(through(rig, 2))
    asked = []

    async def ask(name):
        asked.append(name)
        await asyncio.sleep(0)

    rig.log.on_step = ask
    lane.buffer.nudge()
    await wait_for(lambda: "committed" in asked)
    await lane.close()
    assert 1 == rig.committed("deliver").offset
    assert await rig.settle(rig.deliver_lane(2), lambda: rig.committed("deliver").offset == 3, at=READY)
    assert [b"whose?"] == [message.value for message in rig.log.messages(DEAD)]
    assert [1, 2] == rig.platform.numbers
