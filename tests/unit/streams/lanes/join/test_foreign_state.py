"""A record in the join's state topic that the join did not write."""

from zoneinfo import ZoneInfo

import pytest

from streams.domain.join.fold import Joiner
from streams.domain.ticks import tick_value
from streams.lanes.exits import Exit
from tests.unit.streams.domain.join.join_rig import LIMITS, mappings
from tests.unit.streams.lanes.lane_rig import CHANGES, DEAD, READY, STATE, Rig


@pytest.mark.parametrize("value", [b"w", b"w0000000000000-no json", b"w0000000000000-[]"])
async def test_a_memory_that_cannot_be_read_stops_the_lane_before_anything_is_committed(value):
    """To go on would mean to forget what was reported of a visit, and to report it again."""
    rig = Rig()
    rig.fold = Joiner(mappings(), LIMITS, zone=ZoneInfo("Asia/Shanghai"))
    rig.log.append(STATE, key=b"V1\x1fv\x1fh\x1fh.visit\x1fV1", value=value)
    rig.log.append(CHANGES, key=None, value=tick_value(10**12))
    before = rig.committed("join")
    assert not await rig.settle(rig.join_lane(), lambda: rig.committed("join") != before, at=CHANGES)
    (death,) = rig.deaths.reasons
    assert Exit.LANE == death.exit_code
    assert (before, [], []) == (rig.committed("join"), rig.log.messages(READY), rig.log.messages(DEAD))
