"""While the platform is maintained nothing is posted, not even again, and nothing is counted as an outage; then all of it goes."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from streams.lanes.look import PausesLook
from streams.lanes.steering import Steering
from streams.telemetry.board import Board
from streams.telemetry.conditions import Reason
from streams.testing import wait_for
from streams.topics.maintenance import Ordered
from streams.topics.steering import Orders
from tests.unit.streams.lanes.lane_rig import READY, Rig


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr("streams.lanes.steering.LOOK_S", 0.001)
    monkeypatch.setattr("streams.lanes.deliver.lane._ASK_AGAIN_S", 0.001)


def moment(ms):
    return datetime.fromtimestamp(ms / 1000, UTC)


def window(rig, *, open_=True):
    begins, ends = (moment(rig.now_ms) + timedelta(minutes=minutes) for minutes in (-1, 60))
    return Ordered(begins=begins.isoformat(), ends=ends.isoformat(), open=open_, at="now", by="li@sre", why="their notice")


def lane_with(rig, count):
    for number in range(1, count + 1):
        rig.ready(number)
    lane = rig.deliver_lane()
    lane.put(rig.log.messages(READY))
    lane.start()
    return lane


async def still(rig):
    """Give the lane many turns of the loop; how many posts come in them."""
    before = rig.platform.posts
    for _ in range(200):
        await asyncio.sleep(0.0005)
    return rig.platform.posts - before


async def test_nothing_is_posted_in_a_window_and_all_of_it_after():
    """Also when its end is only the clock's."""
    rig = Rig()
    rig.orders.maintenance = window(rig)
    lane = lane_with(rig, 10)
    await wait_for(lambda: lane.buffer is not None or rig.deaths.reasons)
    assert (0, True) == (await still(rig), lane.paused)
    rig.now_ms += 3_600_000
    await wait_for(lambda: rig.committed("deliver").offset >= 10 or rig.deaths.reasons)
    await lane.close()
    assert ([], [*range(1, 11)]) == (rig.deaths.reasons, sorted(rig.platform.numbers))


async def test_what_is_in_doubt_when_a_window_begins_waits_too_and_is_tried_once_more_under_its_msgid():
    """A pause finishes what is under way; here nobody answers, and each try would count as an outage."""
    rig = Rig()
    rig.platform.away = True
    lane = lane_with(rig, 3)
    await wait_for(lambda: rig.platform.posts > 0 or rig.deaths.reasons)
    rig.orders.maintenance = window(rig)
    await still(rig)
    assert 0 == await still(rig)
    rig.platform.away = False
    rig.orders.maintenance = window(rig, open_=False)
    await wait_for(lambda: rig.committed("deliver").offset >= 3 or rig.deaths.reasons)
    await lane.close()
    assert ([], [1, 2, 3]) == (rig.deaths.reasons, sorted(rig.platform.numbers))


@pytest.mark.parametrize("stage", ["place", "join"])
def test_the_other_stages_go_on(stage):
    """Rows are taken and records are made, so that only the sending is left for afterwards."""
    rig = Rig()
    steering = Steering(stage, None, wall_ms=lambda: rig.now_ms, orders=Orders(maintenance=window(rig)))
    assert (None, None) == (steering.stage, steering.maintenance)


async def test_a_window_is_told_once_and_shown_and_the_metric_says_which_phase_it_is():
    """The alerts ask for the metric: a window that it does not show wakes people, one that it shows for ever lets them sleep."""
    rig = Rig()
    orders = Orders(maintenance=window(rig))
    steering = Steering("deliver", None, wall_ms=lambda: rig.now_ms, orders=orders)

    def seen():
        board = Board()
        PausesLook(steering)(board)
        values = board.values["cdc_maintenance"]
        return values[("inside",)], values[("after",)], [one.reason for one in board.conditions]

    with capture_logs() as lines:
        steering._tell()
        steering._tell()
        assert (1, 0, [Reason.MAINTENANCE]) == seen()
        rig.now_ms += 3_600_000
        steering._tell()
        assert (0, 0, []) == seen()
    assert ["maintenance_opened", "maintenance_ended"] == [line["event"] for line in lines]
