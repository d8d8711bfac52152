"""A lane that waits for somebody tells who, why, since when and how much: the event is all that the person on call has."""

from datetime import UTC, datetime

from structlog.testing import capture_logs

from streams.deliver.verdict import Accepted, Held, HoldCause
from streams.testing import FakePlatform, wait_for
from tests.settings import flood_guard
from tests.unit.streams.lanes.lane_rig import INSTITUTION, READY, Rig, through

NOT_LET_IN = Held(cause=HoldCause.ANSWER_CODE, code="40002", http_status=200, message="签名错误")
MOVED = Held(cause=HoldCause.ADDRESS, http_status=404, message="HTTP 404")
COMMITTED = 1_700_000_000_000  # the rig's records
FIVE = range(1, 6)


def told(logs, event):
    return [entry for entry in logs if entry["event"] == event]


async def through_the_night(rig, numbers=FIVE):
    """Deliver all of it; what was logged meanwhile."""
    for number in numbers:
        rig.ready(number)
    with capture_logs() as logs:
        assert await rig.settle(rig.deliver_lane(), through(rig, len(numbers) + 1), at=READY)
    return logs


async def test_a_held_lane_tells_whose_records_wait_how_many_and_since_when():
    """Twenty hospitals, twelve lanes: a cause alone sends nobody to the right key."""
    rig = Rig()
    rig.platform.script = [NOT_LET_IN]
    logs = await through_the_night(rig)
    (held,) = told(logs, "lane_held")
    assert {
        "cause": "answer_code",
        "code": "40002",
        "http_status": 200,
        "platform_says": "签名错误",
        "institution": INSTITUTION,
        "records_in_hand": 5,
        "records_of_plan": 5,
        "oldest_committed_at": datetime.fromtimestamp(COMMITTED / 1000, UTC),
        "since": datetime.fromtimestamp(rig.now_ms / 1000, UTC),
        "topic": READY.topic,
        "partition": 0,
    }.items() <= held.items()
    assert "yibao keys check" in held["remedy"]
    assert held["plan"] in held["msgid"]
    (released,) = told(logs, "lane_released")
    assert released["since"] == held["since"]
    assert released["held_s"] >= held["held_s"] >= 0


async def test_a_hold_is_told_again_only_after_a_while_and_another_reason_at_once():
    """Every probe would bury it; a second fault behind the first one must not wait for the next minute."""
    rig = Rig()
    rig.platform.script = [NOT_LET_IN] * 5 + [MOVED] * 5
    logs = await through_the_night(rig)
    assert ["answer_code", "address"] == [held["cause"] for held in told(logs, "lane_held")]
    rig = Rig()
    rig.deliver_options = {"alarm_every_s": 0.0}
    rig.platform.script = [NOT_LET_IN] * 5
    logs = await through_the_night(rig)
    assert 5 == len(told(logs, "lane_held"))
    assert 1 == len({held["since"] for held in told(logs, "lane_held")})


async def test_a_lane_that_waits_for_a_restart_tells_the_same():
    """The flood guard stands for somebody, too, and for days if nobody comes."""
    rig = Rig()
    rig.guard = flood_guard(min_refused=2)
    rig.platform = FakePlatform(refuses=map(str, range(100)))
    rig.deliver_options = {"alarm_every_s": 0.001}
    for number in (1, 2, 3):
        rig.ready(number)
    lane = rig.deliver_lane()
    with capture_logs() as logs:
        lane.put(rig.log.messages(READY))
        lane.start()
        await wait_for(lambda: len(told(logs, "lane_stopped")) > 1, what="it is told again")
    await lane.close()
    first, again, *_ = told(logs, "lane_stopped")
    assert ("error", INSTITUTION, 3, 3) == tuple(
        first[name] for name in ("log_level", "institution", "records_in_hand", "records_of_plan")
    )
    assert "refused" in first["why"]
    assert "flood_guard" in first["remedy"]
    assert first["since"] == again["since"]
    assert again["held_s"] >= first["held_s"]


async def test_what_was_never_held_is_not_released():
    """An end without a beginning makes one look for the beginning."""
    rig = Rig()
    rig.platform.script = [Accepted(code="200", repeated=False)]
    logs = await through_the_night(rig, numbers=range(1, 2))
    assert [] == told(logs, "lane_released")
