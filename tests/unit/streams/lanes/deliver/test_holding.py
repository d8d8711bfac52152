"""A lane that waits for somebody tells who, why, since when and how much: the event is all that the person on call has."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.verdict import Accepted, Held, Retry, Throttled
from streams.testing import FakePlatform, wait_for
from tests.patience import PATIENCE_S
from tests.settings import flood_guard
from tests.unit.streams.lanes.lane_rig import INSTITUTION, QUICK, READY, RECEIPTS, Rig, held, through

NOT_LET_IN = Held(cause=HoldCause.ANSWER_CODE, code="40002", http_status=200, message="签名错误")
SHUT_OUT = Held(cause=HoldCause.ANSWER_CODE, code="40006", http_status=200, message="解密失败")
REPEATED = Accepted(code="40005", repeated=True)
TWO_CODES = Held(cause=HoldCause.TWO_CODES, code="200", http_status=200, message="two codes: 200 and 40003")
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


async def test_what_is_known_of_this_fault_mends_it_and_not_what_mends_most_of_its_kind():
    """An expired certificate and a wrong host name are one cause, and two people's work."""
    rig = Rig()
    rig.platform.script = [Held(cause=HoldCause.CERTIFICATE, message="has expired", remedy="have it renewed")]
    (held,) = told(await through_the_night(rig), "lane_held")
    assert held["remedy"].startswith("have it renewed; ")


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


async def closed_without_doubt():
    """A site whose lane was held, and closed while no probe was on its way: of such a one nobody knows whether it arrived."""
    while True:
        rig = Rig()
        rig.deliver_options = {"msgid_memory_s": 72_000.0}
        rig.platform.script = [SHUT_OUT] * 100_000
        rig.ready(1)
        lane = rig.deliver_lane(1)
        await held(rig, lane)
        await wait_for(lambda rig=rig: '"q":1' in rig.committed("deliver").metadata, what="the note that nothing is in doubt")
        await lane.close()
        if '"q":1' in rig.committed("deliver").metadata:
            return rig


async def test_a_hold_that_lasts_longer_than_the_platform_remembers_goes_on_after_a_restart():
    """A key was wrong for a day: every answer said that nothing was taken, so that nothing is in doubt, whoever worked meanwhile.
    Nobody has to ask the platform for msgids that it refused unread.
    """
    rig = await closed_without_doubt()
    rig.now_ms += 90_000_000
    rig.platform.script.clear()
    assert await rig.settle(rig.deliver_lane(2), through(rig, 2), at=READY)
    assert 1 == len(rig.platform.accepted)


async def test_a_hold_after_an_unanswered_post_stays_in_doubt():
    """ "Wrong key" says nothing of a request that came before it with the right one."""
    rig = Rig()
    rig.deliver_options = {"msgid_memory_s": 72_000.0}
    rig.platform.script = [Retry(cause=RetryCause.TIMEOUT), *[SHUT_OUT] * 100_000]
    rig.ready(1)
    lane = rig.deliver_lane(1)
    await held(rig, lane)
    await wait_for(lambda: rig.platform.posts > 5, what="more probes")
    assert '"q"' not in rig.committed("deliver").metadata
    await lane.close()
    rig.now_ms += 90_000_000
    rig.platform.script.clear()
    lane = rig.deliver_lane(2)
    assert "longer than the platform remembers" in await held(rig, lane)
    await lane.close()


async def test_after_an_answer_that_nobody_understands_the_platform_may_have_refused_it():
    """Its second answer may be "repeated" for what it refused with the first one; the record would get a receipt unread."""
    rig = Rig()
    rig.deliver_options = {"repeats_refused": True}
    rig.platform.script = [SHUT_OUT, TWO_CODES]
    await through_the_night(rig, numbers=range(1, 2))
    assert [False, False, True] == rig.platform.refused_before


async def test_a_hold_whose_outcome_is_open_ends_where_the_platform_forgets():
    """It may have the batch. Probing on for days would deliver it a second time at the first plain answer."""
    rig = Rig()
    rig.deliver_options = {"msgid_memory_s": 72_000.0}

    async def a_day_passes(_batch, _msgid):
        rig.now_ms += 40_000_000

    rig.platform.script = [TWO_CODES] * 100
    rig.platform.on_post = a_day_passes
    rig.ready(1)
    lane = rig.deliver_lane()
    lane.put(rig.log.messages(READY))
    lane.start()
    await wait_for(lambda: "longer than the platform remembers" in lane.held, what="the lane stands")
    assert 2 == rig.platform.posts
    await lane.close()


async def test_what_the_platform_may_have_forgotten_is_in_doubt_for_the_next_owner_too():
    """A lane that stands for that posts nothing. Whoever restarts it must be asked again, or the first plain answer doubles."""
    rig = Rig()
    rig.deliver_options = {"msgid_memory_s": 72_000.0}

    async def a_day_passes(_batch, _msgid):
        rig.now_ms += 90_000_000

    rig.platform.script = [Retry(cause=RetryCause.TIMEOUT)] * 100
    rig.platform.on_post = a_day_passes
    rig.ready(1)
    for instance in (1, 2):
        lane = rig.deliver_lane(instance)
        lane.put(rig.log.messages(READY))
        lane.start()
        await wait_for(lambda lane=lane: "longer than the platform remembers" in lane.held, what="the lane stands")
        await lane.close()
        rig.platform.script.clear()
    assert 1 == rig.platform.posts


async def test_repeated_to_a_first_post_holds_through_every_restart():
    """A worker that dies proves nothing of its posts. A receipt would be written for what somebody else has reported."""
    rig = Rig()
    rig.platform.script = [REPEATED] * 100_000
    rig.ready(1)
    for instance in (1, 2, 3):
        lane = rig.deliver_lane(instance)
        assert "repeated_unposted" in await held(rig, lane)
        await lane.close()
    assert [] == rig.log.messages(RECEIPTS)
    rig.deliver_options = {"first_repeated": True}
    assert await rig.settle(rig.deliver_lane(4), through(rig, 2), at=READY)
    assert 1 == len(rig.log.messages(RECEIPTS))


async def test_repeated_to_a_first_post_may_have_been_taken():
    """Something on the way posted twice: the platform has it, and forgets that it has. Probing on would deliver it once more."""
    rig = Rig()
    rig.deliver_options = {"msgid_memory_s": 72_000.0}

    async def a_day_passes(_batch, _msgid):
        rig.now_ms += 40_000_000

    rig.platform.script = [REPEATED] * 100
    rig.platform.on_post = a_day_passes
    rig.ready(1)
    lane = rig.deliver_lane()
    lane.put(rig.log.messages(READY))
    lane.start()
    await wait_for(lambda: "longer than the platform remembers" in lane.held, what="the lane stands")
    assert '"q"' not in rig.committed("deliver").metadata
    assert 2 == rig.platform.posts
    await lane.close()


@pytest.mark.parametrize(
    ("before", "held"),
    [
        ([], True),
        ([Retry(cause=RetryCause.UNREACHABLE)], True),
        ([SHUT_OUT, Throttled(after_s=0.0)], True),
        ([Retry(cause=RetryCause.TIMEOUT)], False),
        ([TWO_CODES], False),
        ([MOVED], False),
    ],
    ids=str,
)
async def test_repeated_is_ours_only_where_a_post_of_ours_may_have_been_taken(before, held):
    """Another sender with the same ids has told the platform something else; a receipt would say that our records are there."""
    rig = Rig()
    rig.platform.script = [*before, REPEATED, REPEATED]
    logs = await through_the_night(rig, numbers=range(1, 2))
    causes = [entry["cause"] for entry in told(logs, "lane_held")]
    assert held == ("repeated_unposted" in causes)
    assert held == bool(rig.platform.accepted)  # at last it was taken under our own post


async def test_an_owner_that_was_frozen_in_its_renewal_renews_again_before_it_posts():
    """It was the owner when the commit began. When the answer comes, another one may have taken its place."""
    now = [0.0]
    rig = Rig(settings=replace(QUICK, doubt_s=1.0, stuck_s=PATIENCE_S), clock=lambda: now[0])
    rig.deliver_options = {"lease_s": 15.0, "first_retry_s": 0.0, "max_retry_s": 0.0}
    rig.ready(1)
    freezes = iter([20.0, 20.0])

    async def frozen(name):
        if name == "commit_done" and rig.platform.posts == 1:
            now[0] += next(freezes, 0.0)
        await asyncio.sleep(0)

    async def look(_batch, _msgid):
        if rig.platform.posts == 0:
            now[0] += 20.0  # the first try takes longer than the lease
        else:
            assert now[0] - lane.fenced_at <= 15.0

    rig.log.on_step = frozen
    rig.platform.on_post = look
    rig.platform.script = [Retry(cause=RetryCause.TIMEOUT)]
    lane = rig.deliver_lane()
    assert await rig.settle(lane, through(rig, 2), at=READY)
    assert 3 == rig.outcomes.of("lease_renewed")
