"""When a worker says how far it is."""

from structlog.testing import capture_logs

from streams.domain.join.fold import Joiner
from streams.domain.ticks import tick_value
from streams.telemetry.progress import Progress
from streams.testing import wait_for
from tests.unit.streams.domain.join.join_rig import CHARGE, LIMITS, envelope, mappings
from tests.unit.streams.lanes.lane_rig import CHANGES, Rig


async def test_a_night_in_which_only_time_passes_is_silent():
    """A row that waits gets a tick every ten seconds, all night; each is folded and committed, and none is news."""
    rig = Rig()
    rig.fold = Joiner(mappings(), LIMITS, zone=mappings()["his"].dialect.zone)
    progress = Progress(rig.outcomes)
    values = [envelope("h.charge", "c", CHARGE, at=1), *(tick_value(second) for second in (1, 2, 3))]
    told = []
    lane = rig.join_lane()
    lane.start()
    for end, value in enumerate(values, start=1):
        rig.log.append(CHANGES, key=b"v", value=value)
        rig.outcomes.count("ticked", end > 1)
        lane.put(rig.log.messages(CHANGES, end - 1))
        await wait_for(lambda end=end: rig.outcomes.of("folded") == end)
        with capture_logs() as logs:
            progress.tell()
        told.append([(entry["event"], entry["folded"]) for entry in logs])
    await lane.close()
    assert [[("progress", 1)], [], [], []] == told
    assert (4, 3) == (rig.outcomes.of("folded"), rig.outcomes.of("fold", "tick"))
