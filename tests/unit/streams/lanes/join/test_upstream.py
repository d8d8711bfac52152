"""The join looks idle when nobody places rows; somebody must say that it is not."""

from dataclasses import replace

from structlog.testing import capture_logs

from streams.lanes.join.upstream import Upstream
from streams.lanes.ports import Committed, TopicPartition
from tests.unit.streams.lanes.lane_rig import TOPICS, Rig

ROWS = TopicPartition(TOPICS.rows("his"), 0)
GROUP = TOPICS.group("place")


class Course:
    """A source whose rows come and are placed, on a clock that is set."""

    def __init__(self):
        self.rig, self.now = Rig(), 0.0
        context = replace(self.rig.context("join"), clock=lambda: self.now)
        self.upstream = Upstream(place_group=GROUP, rows={"his": ROWS.topic}, context=context)
        self.silent_s = context.settings.silent_s

    async def look(self, *, rows=0, placed=None, after_s=0.0):
        self.now += after_s
        for _ in range(rows):
            self.rig.log.append(ROWS, key=None, value=b"{}")
        if placed is not None:
            self.rig.log.committed_offsets[GROUP, ROWS] = Committed(offset=placed, metadata="{}")
        with capture_logs() as logs:
            await self.upstream.look()
        return [(entry["event"], entry.get("rows")) for entry in logs]


async def test_rows_that_nobody_places_are_told_once_and_that_they_move_again():
    """A site whose units were written before there was a place stage starts without one, and every worker looks well."""
    course = Course()
    assert [] == await course.look(placed=0)
    assert [] == await course.look(rows=5)
    assert [] == await course.look(after_s=course.silent_s / 2)
    assert [("rows_unplaced", 5)] == await course.look(after_s=course.silent_s)
    assert [] == await course.look(rows=1, after_s=course.silent_s)
    assert [("rows_resumed", None)] == await course.look(placed=6)


async def test_a_quiet_source_and_one_that_is_behind_but_moves_are_not_told():
    """Whoever is told of what is well does not look when it is not."""
    course = Course()
    for placed in (0, 2, 4, 6, 12, 12):
        assert [] == await course.look(rows=3 if placed < 12 else 0, placed=placed, after_s=2 * course.silent_s)
