"""A plan that the next owner finds: it must be of the same records, or nothing is posted."""

from streams.lanes.deliver.plan import Plan
from streams.lanes.exits import Exit
from streams.lanes.marks import DeliverMark
from streams.lanes.ports import Committed
from tests.unit.streams.lanes.lane_rig import READY, TOPICS, Rig


async def test_a_topic_that_does_not_hold_what_it_held_stops_the_lane():
    """After a topic was made anew the same numbers are other records: their ids would say that they were delivered."""
    rig = Rig()
    offset = rig.ready(1)
    plan = Plan(size=1, last_offset=offset + 1, id="20240425000000000", refused=0, opened_at=1, cut=rig.limits.mark)
    rig.log.committed_offsets[TOPICS.group("deliver"), READY] = Committed(offset=0, metadata=DeliverMark(seq=1, plan=plan).text())
    lane = rig.deliver_lane()
    lane.put(rig.log.messages(READY))
    lane.start()
    await rig.deaths.happened.wait()
    assert [Exit.HOLE] == [reason.exit_code for reason in rig.deaths.reasons]
    assert 0 == rig.platform.posts
    await lane.close()
