"""The deliver stage's lane: plans, refusals, holds, and what is never posted."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.receipt import decode_receipt
from streams.deliver.verdict import Held, Retry, Throttled
from streams.domain.batch.cut import CutLimits
from streams.errors import Misconfigured
from streams.lanes.deliver.flood_guard import Tally, verdict_of
from streams.lanes.deliver.plan import Plan
from streams.lanes.marks import DeliverMark, deliver_mark
from streams.lanes.ports import Committed
from streams.lanes.settings import MOST_RECORDS
from streams.testing import FakePlatform, numbers, wait_for
from tests.settings import deliver_settings, flood_guard, lane_settings
from tests.unit.streams.lanes.lane_rig import DEAD, INSTITUTION, READY, RECEIPTS, SITE, TOPICS, Rig, held, through


async def test_the_plan_is_committed_before_the_first_post():
    """What was posted must be known to the next owner, or it would post the same records under other msgids."""
    rig = Rig()
    rig.ready(1)
    planned = []

    async def look(_batch, _msgid):
        planned.append(deliver_mark(rig.committed("deliver").metadata).plan)

    rig.platform.on_post = look
    assert await rig.settle(rig.deliver_lane(), through(rig, 2), at=READY)
    assert [1] == [plan.size for plan in planned]


async def test_the_receipt_tells_when_the_first_try_began_and_the_last_was_answered():
    """The wait in the batch ends with the first try; what its repetition takes is the platform's part."""
    rig = Rig()
    rig.ready(1)

    async def take_a_second(_batch, _msgid):
        rig.now_ms += 1_000

    rig.platform.on_post = take_a_second
    rig.platform.script = [Retry(cause=RetryCause.TIMEOUT)]
    begun_at = rig.now_ms
    assert await rig.settle(rig.deliver_lane(), through(rig, 2), at=READY)
    [written] = [decode_receipt(message.value) for message in rig.log.messages(RECEIPTS)]
    assert (begun_at, begun_at + 1_000, begun_at + 2_000) == (written.begun_at, written.posted_at, written.answered_at)
    assert written.records[0].ready_at == rig.log.messages(READY)[0].timestamp_ms
    assert written.records[0].captured_at == 1_700_000_000_090


async def test_the_next_batch_is_prepared_while_one_is_answered():
    """Twelve lanes that seal only between answers wait for each other, and a slow platform waits for all of them."""
    rig = Rig()
    rig.limits = CutLimits(max_chars=9_000, max_rows=1, sealed_chars=lambda plain: plain)
    for number in (1, 2, 3):
        rig.ready(number)
    seen = []

    async def look(_batch, msgid):
        seen.append((msgid, list(dict.fromkeys(rig.platform.prepared))))

    rig.platform.on_post = look
    assert await rig.settle(rig.deliver_lane(), through(rig, 4), at=READY)
    ids = [msgid for msgid, _ in seen]
    assert [(ids[0], ids[:2]), (ids[1], ids[:3]), (ids[2], ids[:3])] == seen


async def test_a_refusal_is_committed_before_its_halves_are_posted():
    """After a crash the refused message must not be posted again: the platform might take it this time, and its halves too."""
    rig = Rig()
    for number in (1, 2):
        rig.ready(number, key=3 * number - 2)
    recorded = []

    async def look(batch, _msgid):
        recorded.append((len(batch.records), deliver_mark(rig.committed("deliver").metadata).plan.refused))

    rig.platform = FakePlatform(refuses=["1"])
    rig.platform.on_post = look
    assert await rig.settle(rig.deliver_lane(), through(rig, 3), at=READY)
    assert [(2, 0b0), (1, 0b1), (1, 0b11)] == recorded


async def test_a_recorded_refusal_is_never_posted_again():
    """40005 on an id that was refused proves nothing, so a refused id is not asked about."""
    rig = Rig()
    offset = rig.ready(1)
    plan = Plan(size=1, last_offset=offset, id="20240425000000000", refused=1, opened_at=1, cut=rig.limits.mark)
    rig.log.committed_offsets[TOPICS.group("deliver"), READY] = Committed(offset=0, metadata=DeliverMark(seq=1, plan=plan).text())
    assert await rig.settle(rig.deliver_lane(), through(rig, 2), at=READY)
    assert 0 == rig.platform.posts
    assert [1] == numbers(rig.log.messages(DEAD))


async def test_the_time_of_plans_never_goes_back():
    """A clock that is set back must not make a msgid twice."""
    rig = Rig()
    rig.ready(1)
    assert await rig.settle(rig.deliver_lane(1), through(rig, 2), at=READY)
    rig.now_ms -= 3_600_000
    rig.ready(2)
    assert await rig.settle(rig.deliver_lane(2), through(rig, 3), at=READY)
    first, second = (msgid for msgid, _ in rig.platform.accepted)
    assert first < second


async def test_two_sites_of_one_institution_post_no_msgid_alike():
    """A trial beside the real site, in the same second: "repeated" to the second one's would count as a lost answer of its own, and
    it would write receipts for records that the platform never took.
    """
    posted = []
    for site in ("re4l", "tr1l"):
        rig = Rig()
        rig.site = site
        rig.ready(1)
        assert await rig.settle(rig.deliver_lane(), through(rig, 2), at=READY)
        posted += [msgid for msgid, _ in rig.platform.accepted]
    assert 2 == len(set(posted))


async def test_a_plan_of_the_first_layout_keeps_its_msgids_and_the_next_has_the_sites():
    """What it has posted may have been taken: under other ids the platform would take it twice."""
    rig = Rig()
    first, _ = rig.ready(1), rig.ready(2)
    plan = Plan(size=1, last_offset=first, id="20240425000000000", refused=0, opened_at=1, cut=rig.limits.mark)
    mark = DeliverMark(seq=1, last_plan=plan.id, plan=plan)
    rig.log.committed_offsets[TOPICS.group("deliver"), READY] = Committed(offset=0, metadata=mark.text())
    assert await rig.settle(rig.deliver_lane(), through(rig, 3), at=READY)
    old, new = (msgid for msgid, _ in rig.platform.accepted)
    assert f"{INSTITUTION}{plan.id}000" == old
    assert re.fullmatch(rf"{INSTITUTION}[0-9a-z]{{6}}{SITE}[0-9a-z]{{8}}02", new)


async def test_a_plan_of_the_third_cut_keeps_its_batches_and_the_next_has_one_version_of_a_record_in_each():
    """What it has posted may have been taken: in other batches, under other ids, the platform would take it twice."""
    rig = Rig()
    _, second, _, _ = (rig.ready(number, key=7) for number in (1, 2, 3, 4))
    plan = Plan(size=2, last_offset=second, id="20240425000000000", refused=0, opened_at=1, cut=rig.limits.mark_of(3))
    mark = DeliverMark(seq=1, last_plan=plan.id, plan=plan)
    rig.log.committed_offsets[TOPICS.group("deliver"), READY] = Committed(offset=0, metadata=mark.text())
    assert await rig.settle(rig.deliver_lane(), through(rig, 5), at=READY)
    assert [[1, 2], [3], [4]] == [[record.number for record in taken.records] for taken in rig.platform.accepted]
    assert f"{INSTITUTION}{plan.id}000" == rig.platform.accepted[0][0]


async def test_a_repeated_number_is_dropped_and_a_hole_stops_the_lane_there():
    """An aborted copy that became visible must not be delivered twice; a missing number must never be skipped."""
    rig = Rig()
    for number in (1, 2, 1, 2, 3, 5, 6):
        rig.ready(number)
    lane = rig.deliver_lane()
    assert await rig.settle(lane, through(rig, 4), at=READY)
    assert [1, 2, 3] == sorted(rig.platform.numbers)
    assert 2 == rig.outcomes.of("repeated")
    assert lane.buffer.hole_since is not None
    assert 4 == lane.buffer.want


async def test_a_foreign_message_is_a_dead_letter_once_and_counts_as_no_number():
    """Somebody else's message in the topic must neither stop the lane nor be delivered nor vanish."""
    rig = Rig()
    rig.ready(1)
    rig.log.append(READY, key=b"k", value=b"whose?")
    rig.ready(2)
    rig.log.append(READY, key=b"k", value=b"and this?")
    assert await rig.settle(rig.deliver_lane(1), lambda: rig.committed("deliver").offset == 4, at=READY)
    assert await rig.settle(rig.deliver_lane(2), lambda: True, at=READY)
    assert [b"whose?", b"and this?"] == [message.value for message in rig.log.messages(DEAD)]
    assert [1, 2] == sorted(rig.platform.numbers)
    assert 3 == deliver_mark(rig.committed("deliver").metadata).seq


async def test_a_record_larger_than_an_envelope_is_a_dead_letter_without_a_post():
    """The platform would refuse it after the whole batch was bisected for it."""
    rig = Rig()
    rig.ready(1)
    rig.ready(2, value=b"x" * 20_000)
    assert await rig.settle(rig.deliver_lane(), through(rig, 3), at=READY)
    assert [2] == numbers(rig.log.messages(DEAD))
    assert [1] == rig.platform.numbers


async def test_a_flood_of_refusals_holds_the_lane_before_any_dead_letter():
    """A wrong key or mapping must not empty a hospital into the dead letters."""
    rig = Rig()
    rig.guard = flood_guard(min_refused=3, ratio=0.5)
    rig.platform = FakePlatform(refuses=map(str, range(100)))
    for number in range(1, 11):
        rig.ready(number)
    lane = rig.deliver_lane()
    assert "6 of 10 records" in await held(rig, lane)
    await lane.close()
    assert [] == rig.log.messages(DEAD)
    assert 1 == deliver_mark(rig.committed("deliver").metadata).seq


async def test_a_flood_that_comes_record_by_record_holds_the_lane_too():
    """At night plans have one record each; a ratio within a plan would never see the flood, and a restart must not forget it."""
    rig = Rig()
    rig.guard = flood_guard(min_refused=1000, in_a_row=3)
    rig.platform = FakePlatform(refuses=map(str, range(100)))
    for number in (1, 2):
        rig.ready(number)
        assert await rig.settle(rig.deliver_lane(number), through(rig, number + 1), at=READY)
    rig.ready(3)
    lane = rig.deliver_lane(3)
    assert "3 records in a row" in await held(rig, lane)
    await lane.close()
    assert [1, 2] == numbers(rig.log.messages(DEAD))


async def test_another_setting_lets_a_held_lane_go_on_with_the_same_plan():
    """What docs/operations.md tells to set lifts the hold; restarting with it must post nothing again that was refused."""
    rig = Rig()
    rig.guard = flood_guard(min_refused=2, ratio=0.5)
    rig.platform = FakePlatform(refuses=map(str, range(100)))
    for number in (1, 2, 3):
        rig.ready(number)
    lane = rig.deliver_lane(1)
    await held(rig, lane)
    await lane.close()
    rig.guard = flood_guard(min_refused=2, ratio=1, in_a_row=0)
    assert await rig.settle(rig.deliver_lane(2), through(rig, 4), at=READY)
    assert len(rig.platform.refused_msgids) == len(set(rig.platform.refused_msgids))
    assert [1, 2, 3] == sorted(numbers(rig.log.messages(DEAD)))


@given(accepted=st.integers(0, 50), refused=st.integers(1, 50), size=st.integers(1, 100))
def test_the_guard_never_trips_on_few_refusals(accepted, refused, size):
    """Some bad records are ordinary: they belong into the dead letters and nothing must stand for them."""
    tally = Tally(accepted=accepted, refused=min(refused, 19))
    assert "" == verdict_of(tally, flood_guard(in_a_row=0), size=size)


async def test_a_configuration_fault_is_probed_and_dead_letters_nothing():
    """Our key or right is at fault, not the record: it waits, and goes on by itself."""
    rig = Rig()
    rig.platform.script = [Held(cause=HoldCause.ANSWER_CODE, code="40002", message="not allowed")] * 3
    rig.ready(1)
    lane = rig.deliver_lane()
    assert await rig.settle(lane, through(rig, 2), at=READY)
    assert [1] == rig.platform.numbers
    assert [] == rig.log.messages(DEAD)
    assert "" == lane.held
    assert 3 == rig.outcomes.of("held", "answer_code")


async def test_an_unknown_outcome_is_repeated_under_the_same_msgid():
    """Only the same id lets the platform tell a repetition from a new record."""
    rig = Rig()
    rig.platform.script = [Retry(cause=RetryCause.TIMEOUT), Throttled(after_s=0.001), Retry(cause=RetryCause.SERVER_ERROR)]
    rig.ready(1)
    assert await rig.settle(rig.deliver_lane(), through(rig, 2), at=READY)
    assert 4 == rig.platform.posts
    assert 1 == len(rig.platform.accepted)


async def test_an_old_ownership_is_renewed_before_a_post():
    """A lane that was frozen longer than its lease must find out that it was replaced before it posts."""
    rig = Rig()
    rig.deliver_options = {"lease_s": -1.0}
    rig.ready(1)
    assert await rig.settle(rig.deliver_lane(), through(rig, 2), at=READY)
    assert rig.outcomes.of("lease_renewed") >= 1


async def test_a_plan_that_was_cut_under_other_limits_holds_the_lane():
    """The same msgid must never carry other records: "repeated" would count records as delivered that never left."""
    rig = Rig()
    rig.ready(1)
    rig.platform.script = [Retry(cause=RetryCause.TIMEOUT)] * 1_000_000
    lane = rig.deliver_lane(1)
    lane.put(rig.log.messages(READY))
    lane.start()
    await wait_for(lambda: rig.platform.posts > 0)
    await lane.close()
    rig.limits = CutLimits(max_chars=9_000, max_rows=5, sealed_chars=lambda plain: plain)
    posts = rig.platform.posts
    second = rig.deliver_lane(2)
    assert "other batch limits" in await held(rig, second)
    await second.close()
    assert posts == rig.platform.posts


async def test_an_outcome_older_than_the_platforms_memory_holds_the_lane():
    """A platform that forgot the msgid would take the records a second time."""
    rig = Rig()
    rig.deliver_options = {"msgid_memory_s": 60.0}
    rig.ready(1)
    rig.platform.script = [Retry(cause=RetryCause.TIMEOUT)] * 1_000_000
    lane = rig.deliver_lane()
    lane.put(rig.log.messages(READY))
    lane.start()
    await wait_for(lambda: rig.platform.posts > 1)
    rig.now_ms += 61_000
    await wait_for(lambda: "longer than the platform remembers" in lane.held)
    await lane.close()


async def test_only_what_may_have_reached_the_platform_grows_old():
    """A long plan on a slow platform is open for longer than its memory; a request of a moment ago is remembered all the same."""
    rig = Rig()
    rig.limits = CutLimits(max_chars=9_000, max_rows=1, sealed_chars=lambda plain: plain)
    rig.deliver_options = {"msgid_memory_s": 60.0}
    for number in (1, 2):
        rig.ready(number, key=1)

    async def take_long(_batch, _msgid):
        rig.now_ms += 50_000
        if rig.platform.posts == 1 and not rig.platform.script:
            rig.platform.script = [Retry(cause=RetryCause.TIMEOUT)]

    rig.platform.on_post = take_long
    assert await rig.settle(rig.deliver_lane(), through(rig, 3), at=READY)
    assert (3, [1, 2]) == (rig.platform.posts, rig.platform.numbers)


@pytest.mark.parametrize("cause", [RetryCause.BREAKER_OPEN, RetryCause.UNREACHABLE])
async def test_an_outage_in_which_nothing_was_sent_holds_nothing(cause):
    """After a night without a platform the lane must go on by itself: nothing can be there twice."""
    rig = Rig()
    rig.deliver_options = {"msgid_memory_s": 60.0}
    rig.ready(1)
    rig.platform.script = [Retry(cause=cause)] * 1_000_000
    lane = rig.deliver_lane()
    lane.put(rig.log.messages(READY))
    lane.start()
    await wait_for(lambda: rig.platform.posts > 1)
    rig.now_ms += 61_000
    posts = rig.platform.posts
    await wait_for(lambda: rig.platform.posts > posts + 3)
    assert lane.held == ""
    rig.platform.script = []
    await wait_for(through(rig, 2))
    await lane.close()


async def test_a_plan_whose_msgids_had_another_length_holds_the_lane():
    """The same records under other ids would be new to the platform."""
    rig = Rig()
    rig.ready(1)
    rig.platform.script = [Retry(cause=RetryCause.TIMEOUT)] * 1_000_000
    lane = rig.deliver_lane(1)
    lane.put(rig.log.messages(READY))
    lane.start()
    await wait_for(lambda: rig.platform.posts > 0)
    await lane.close()
    rig.deliver_options = {"msgid_chars": 36}
    posts = rig.platform.posts
    second = rig.deliver_lane(2)
    assert "msgids belong to that cut" in await held(rig, second)
    await second.close()
    assert posts == rig.platform.posts


async def test_a_lane_is_not_fetched_while_it_is_full_and_others_go_on():
    """Back-pressure is per partition; a plan must fit below the low mark or a full lane would never empty."""
    rig = Rig(settings=lane_settings(linger_s=0.0, idle_linger_s=0.0, high=8, low=4))
    for number in range(1, 11):
        rig.ready(number)
    lane = rig.deliver_lane()
    lane.put(rig.log.messages(READY))
    assert lane.full
    lane.start()
    await wait_for(lambda: not lane.full)
    await lane.close()


def test_settings_that_would_stop_the_flow_are_refused_at_start():
    """Wrong at start rather than wrong at night."""
    with pytest.raises(Misconfigured):
        lane_settings(high=100, low=100)
    with pytest.raises(Misconfigured):
        deliver_settings(max_plan=MOST_RECORDS + 1)


async def test_refused_before_is_told_only_where_the_platform_repeats_refused_ids():
    """On such a platform "repeated" after a lost answer proves nothing, and the gateway must hold instead of accept."""
    rig = Rig()
    rig.platform = FakePlatform(refuses=["1"])
    rig.platform.script = [Retry(cause=RetryCause.TIMEOUT)]
    rig.deliver_options = {"repeats_refused": True}
    rig.ready(1)
    assert await rig.settle(rig.deliver_lane(), through(rig, 2), at=READY)
    assert [False, True] == rig.platform.refused_before
