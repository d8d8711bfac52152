"""A lane's transactions, crashed at every step, frozen, and taken over: each input counts once, whatever happens."""

# ruff: noqa: ARG002 - toys have the signatures of what they stand for

import asyncio
import time
from collections import Counter
from dataclasses import replace

import orjson
import pytest

from streams.errors import Fatal
from streams.lanes.exits import Exit
from streams.lanes.marks import deliver_mark, join_mark
from streams.lanes.ports import Committed
from streams.testing import Crash, FakePlatform, numbers, wait_for
from tests.unit.streams.lanes.lane_rig import CHANGES, DEAD, QUICK, READY, RECEIPTS, TOPICS, CountingFold, NoLookups, Rig


class CrashAt:
    """Dies at the n-th step of the log, once."""

    def __init__(self, step, finished):
        self.finished = finished
        self.crashed = False
        self._left = step
        self._armed = True

    async def __call__(self, name):
        await asyncio.sleep(0)
        if self._left == 0 and self._armed:
            self.crashed, self._armed = True, False
            raise Crash(name)
        self._left -= 1

    def disarm(self):
        self._armed = False


async def run_until_crash(lane, crash):
    """Run a lane's own loop here, so that a crash leaves the log as a dead process would."""
    running = asyncio.ensure_future(lane.run())
    await wait_for(lambda: running.done() or crash.finished())
    crash.disarm()
    running.cancel()
    waited = [running, *([lane._inner] if lane._inner is not None else [])]
    await asyncio.gather(*waited, return_exceptions=True)


async def crash_at_every_step(make_rig, open_lane, *, at, finished, check):
    """Crash at the first step, the second, …, until a run ends without a crash; after each a new owner finishes the work."""
    step, crashed = 0, True
    while crashed:
        rig = make_rig()
        crash = CrashAt(step, lambda rig=rig: finished(rig))
        rig.log.on_step = crash
        lane = open_lane(rig, 1)
        lane.put(rig.log.messages(at))
        await run_until_crash(lane, crash)
        await rig.settle(open_lane(rig, 2), crash.finished, at=at)
        check(rig)
        step, crashed = step + 1, crash.crashed
    return step


async def test_a_crash_at_any_step_of_the_join_loses_and_repeats_nothing():
    """Outputs, state and offset are one: the next owner starts exactly where the last commit ended."""

    def make():
        rig = Rig()
        for number in range(9):
            rig.change(number)
        return rig

    def check(rig):
        ready = rig.log.messages(READY)
        rows = [orjson.loads(message.value) for message in ready]
        assert list(range(1, 10)) == numbers(ready)
        assert list(range(9)) == [row["i"] for row in rows]
        assert [1, 1, 1, 2, 2, 2, 3, 3, 3] == [row["n"] for row in rows]
        assert 10 == join_mark(rig.committed("join").metadata).seq

    steps = await crash_at_every_step(
        make, Rig.join_lane, at=CHANGES, finished=lambda rig: rig.committed("join").offset == 9, check=check
    )
    assert steps > 20


async def test_a_crash_at_any_step_of_delivery_delivers_each_record_once():
    """The plan was written down before the first POST, so the next owner posts the same records under the same msgids."""
    bad, good = {5, 11}, {*range(1, 14)} - {5, 11}

    def make():
        rig = Rig()
        rig.platform = FakePlatform(refuses=map(str, bad))
        for number in range(1, 14):
            rig.ready(number)
        return rig

    def check(rig):
        assert [] == rig.platform.changed_msgids
        assert sorted(good) == sorted(rig.platform.numbers)
        assert len(rig.platform.refused_msgids) <= len(set(rig.platform.refused_msgids)) + 1, (
            "only the refusal in flight may repeat"
        )
        assert sorted(bad) == sorted(numbers(rig.log.messages(DEAD)))
        receipts = [orjson.loads(message.value) for message in rig.log.messages(RECEIPTS)]
        assert dict.fromkeys(good, 1) == Counter(line["number"] for receipt in receipts for line in receipt["records"])

    steps = await crash_at_every_step(
        make,
        Rig.deliver_lane,
        at=READY,
        finished=lambda rig: deliver_mark(rig.committed("deliver").metadata).seq == 14,
        check=check,
    )
    assert steps > 40


async def test_a_woken_zombie_commits_nothing():
    """A process that was frozen past its lease finds its partition taken: its open transaction must not count."""
    rig = Rig()
    for number in range(5):
        rig.change(number)
    frozen, wake = asyncio.Event(), asyncio.Event()

    async def freeze_at_commit(name):
        await asyncio.sleep(0)
        if name == "send_offset" and not frozen.is_set():
            frozen.set()
            await wake.wait()

    rig.log.on_step = freeze_at_commit
    zombie = rig.join_lane(1)
    zombie.put(rig.log.messages(CHANGES))
    zombie.start()
    await frozen.wait()
    await rig.settle(rig.join_lane(2), lambda: rig.committed("join").offset == 5, at=CHANGES)
    wake.set()
    await rig.deaths.happened.wait()
    assert [Exit.LANE] == [reason.exit_code for reason in rig.deaths.reasons]
    assert [1, 2, 3, 4, 5] == numbers(rig.log.messages(READY))


async def test_the_lease_begins_before_the_fence_is_asked_for():
    """A process that was frozen between its fence and the answer may be replaced meanwhile, and must not think itself fresh."""
    rig = Rig()
    asked_at = []

    async def look(name):
        await asyncio.sleep(0)
        if name == "fence":
            asked_at.append(time.monotonic())

    rig.log.on_step = look
    lane = rig.deliver_lane()
    lane.start()
    await wait_for(lambda: lane.buffer is not None)
    assert lane.fenced_at <= asked_at[0]
    await lane.close()


async def test_a_failed_send_ends_the_worker_instead_of_committing_the_rest():
    """The client would commit a transaction in which one message failed: a record would vanish with its offset committed."""
    rig = Rig()
    rig.change(1)
    rig.log.fail_sends.add(TOPICS.ready)
    lane = rig.join_lane()
    lane.put(rig.log.messages(CHANGES))
    lane.start()
    await rig.deaths.happened.wait()
    assert [] == rig.log.messages(READY)
    assert Committed(offset=0, metadata='{"seq":1}') == rig.committed("join")
    await lane.close()


async def test_local_state_changes_only_after_the_commit():
    """State that ran ahead of a failed commit would count an input twice when it comes again."""
    rig = Rig()
    rig.change(1, visit=1)
    seen = []

    async def look(name):
        await asyncio.sleep(0)
        if name == "commit":
            seen.append(lane.state.visit(b"v1"))

    rig.log.on_step = look
    lane = rig.join_lane()
    assert await rig.settle(lane, lambda: len(lane.state.visit(b"v1")) == 1, at=CHANGES)
    assert [{}] == seen
    assert 1 == rig.committed("join").offset


@pytest.mark.parametrize("metadata", ["", "{}", "nonsense", '{"seq":"1"}', "[1]"])
async def test_an_offset_that_is_not_ours_stops_the_lane(metadata):
    """After an operator's reset the stage must not begin anywhere on its own: it might deliver everything again."""
    rig = Rig()
    rig.log.committed_offsets[TOPICS.group("join"), CHANGES] = Committed(offset=0, metadata=metadata)
    lane = rig.join_lane()
    lane.start()
    await rig.deaths.happened.wait()
    assert Exit.FOREIGN_OFFSET == rig.deaths.reasons[0].exit_code
    await lane.close()


async def test_a_slow_commit_that_cannot_be_read_back_ends_the_worker():
    """A broker in trouble may acknowledge a commit and lose its markers (KAFKA-20734)."""
    rig = Rig(settings=replace(QUICK, doubt_s=-1.0, visible_within_s=0.0))
    rig.change(1)
    true_committed = rig.log.committed

    async def forgetful(group, at):
        found = await true_committed(group, at)
        return found if found.offset == 0 else Committed(offset=0, metadata='{"seq":1}')

    rig.log.committed = forgetful
    lane = rig.join_lane()
    lane.put(rig.log.messages(CHANGES))
    lane.start()
    await rig.deaths.happened.wait()
    assert Exit.NOT_VISIBLE == rig.deaths.reasons[0].exit_code
    await lane.close()


async def test_closing_lets_the_running_transaction_end():
    """A rebalance must not cut a transaction in two: the next owner would wait for its time-out."""
    rig = Rig()
    rig.change(1)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(name):
        await asyncio.sleep(0)
        if name == "commit":
            begun.set()
            await go_on.wait()

    rig.log.on_step = slow
    lane = rig.join_lane()
    lane.put(rig.log.messages(CHANGES))
    lane.start()
    await begun.wait()
    closing = asyncio.ensure_future(lane.close())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    assert [] == rig.deaths.reasons
    assert 1 == rig.committed("join").offset


async def test_an_error_in_the_fold_ends_the_worker_and_says_nothing_of_the_record():
    """Any doubt stops the lane; the text of a foreign error may quote a patient."""
    rig = Rig()

    class Broken:
        def fold(self, incoming, view, lookups, passed):
            raise ValueError("张三 110101199003070000")

    rig.fold = Broken()
    rig.change(1)
    lane = rig.join_lane()
    lane.put(rig.log.messages(CHANGES))
    lane.start()
    await rig.deaths.happened.wait()
    assert isinstance(rig.deaths.reasons[0], Fatal)
    assert Exit.LANE == rig.deaths.reasons[0].exit_code
    assert "张三" not in str(rig.deaths.reasons[0])


async def test_a_state_that_cannot_be_read_is_not_called_an_error_of_the_program():
    """The exit code and the message say what a person has to mend: the disk."""
    rig = Rig()
    rig.change(1)

    class Unreadable:
        def fold(self, incoming, view, lookups, passed):
            raise Fatal("mend the disk", exit_code=Exit.STORE)

    rig.fold = Unreadable()
    lane = rig.join_lane()
    assert not await rig.settle(lane, lambda: False, at=CHANGES)
    assert [(Exit.STORE, "mend the disk")] == [(reason.exit_code, str(reason)) for reason in rig.deaths.reasons]
    await lane.close()


async def test_lookups_are_caught_up_before_each_chunk_is_folded():
    """A lookup row captured before a visit's row must be known when that row is folded."""
    rig = Rig()
    order = []

    class Asked(NoLookups):
        async def caught_up(self):
            order.append("lookups")

    class Folding(CountingFold):
        def fold(self, incoming, view, lookups, passed):
            order.append("fold")
            return super().fold(incoming, view, lookups, passed)

    rig.lookups, rig.fold = Asked(), Folding()
    for number in range(9):
        rig.change(number)
    assert await rig.settle(rig.join_lane(), lambda: rig.committed("join").offset == 9, at=CHANGES)
    assert ["lookups", *["fold"] * 7, "lookups", *["fold"] * 2] == order


async def test_a_coordinator_that_comes_back_late_is_not_taken_for_one_without_offsets():
    """A broker that was away while the lane asked answers "no offset" as long as it loads; to exit with 74 then would call a
    person, and hold the worker for minutes, after every restart of a broker.
    """
    now = [0.0]
    rig = Rig(settings=replace(QUICK, offset_within_s=15.0), clock=lambda: now[0])
    answer, answers = rig.log.committed, []

    async def away_then_loading(group, at):
        answers.append(at)
        if len(answers) > 1:
            return await answer(group, at)
        now[0] += 60.0
        return None

    rig.log.committed = away_then_loading
    lane = rig.join_lane()
    rig.change(1)
    assert await rig.settle(lane, lambda: rig.committed("join").offset == 1, at=CHANGES)
    assert [] == rig.deaths.reasons


async def test_an_owner_that_was_frozen_in_its_commit_is_not_taken_for_a_broker_that_lost_it():
    """It wakes, reads its commit back and finds what the next owner said meanwhile: exit 70 and a restart, no page in the night."""
    rig = Rig(settings=replace(QUICK, doubt_s=-1.0))
    rig.change(1)
    answer = rig.log.committed

    async def went_on(group, at):
        found = await answer(group, at)
        return found if found.offset == 0 else Committed(offset=5, metadata='{"seq":6}')

    rig.log.committed = went_on
    lane = rig.join_lane()
    lane.put(rig.log.messages(CHANGES))
    lane.start()
    await rig.deaths.happened.wait()
    assert Exit.LANE == rig.deaths.reasons[0].exit_code
    await lane.close()


async def test_a_coordinator_that_loads_while_a_commit_is_read_back_is_waited_for():
    """A commit that was slow because the broker went away is read back from a broker that has just come back."""
    rig = Rig(settings=replace(QUICK, doubt_s=-1.0, visible_within_s=0.5), clock=lambda: 0.0)
    rig.change(1)
    answer, answers = rig.log.committed, []

    async def loading(group, at):
        found = await answer(group, at)
        answers.append(found)
        return None if len(answers) == 2 else found

    rig.log.committed = loading
    lane = rig.join_lane()
    assert await rig.settle(lane, lambda: rig.committed("join").offset == 1 and len(answers) == 3, at=CHANGES)
    assert [] == rig.deaths.reasons
    assert 3 == len(answers)
