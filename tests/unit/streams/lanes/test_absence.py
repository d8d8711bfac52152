"""Brokers that are away make everything late. That is no fault of a lane, and no reason to end its worker."""

import asyncio
from dataclasses import replace

import pytest

from streams.lanes.absence import TRANSACTION_S, Absence, Deadline, in_time
from streams.lanes.kafka_broker import KafkaBroker
from streams.lanes.roll_call import RollCall
from streams.testing import wait_for
from tests.settings import broker_settings
from tests.unit.streams.lanes.lane_rig import CHANGES, QUICK, Rig


class Time:
    """A clock that is set."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def passing(self):
        """The same; whoever asks often grows old."""
        self.now += 0.004
        return self.now


def test_time_in_which_brokers_are_away_does_not_count():
    """Two of three brokers were away for a minute, and every worker ended with 70: to be restarted, for nothing."""
    time, absence = Time(), Absence()
    deadline = Deadline(60.0, absence=absence, clock=time)
    time.now = 10.0
    absence.note(time.now, 8.0)
    time.now = 80.0
    assert 52.0 == deadline.left_s
    absence.note(time.now, None)
    time.now = 100.0
    assert 32.0 == deadline.left_s
    absence.note(time.now, 100.0)
    time.now = 200.0
    assert 32.0 == deadline.left_s


def test_a_broker_that_is_away_for_good_is_not_waited_for_for_ever():
    """The brokers themselves ended the transaction long before."""
    time, absence = Time(), Absence()
    deadline = Deadline(60.0, absence=absence, clock=time)
    absence.note(0.0, 0.0)
    time.now = TRANSACTION_S + 59.0
    assert 1.0 == deadline.left_s
    time.now += 2.0
    assert deadline.left_s < 0


async def test_what_is_late_is_cancelled():
    """A transaction that goes on behind a lane that gave it up could commit what nobody knows of."""
    ended = asyncio.Event()

    async def never():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        await in_time(never(), Deadline(0.01, absence=Absence(), clock=asyncio.get_running_loop().time))
    await ended.wait()


async def test_the_roll_call_tells_the_lanes_how_long_brokers_were_away():
    """From the first question without an answer on, not from when it was sure."""

    class Cluster:
        servers, away = ("a.his:9093",), False

        async def ask(self, address):
            if self.away:
                raise ConnectionRefusedError
            return [address]

    time, absence, cluster = Time(), Absence(), Cluster()
    roll_call = RollCall(cluster, clock=time, absence=absence)
    for now, away in ((0.0, False), (2.0, True), (4.0, True), (6.0, True), (8.0, False)):
        time.now, cluster.away = now, away
        await roll_call.call()
    assert 6.0 == absence.until(time.now)


async def test_a_lane_waits_out_an_outage_that_is_longer_than_its_patience():
    """Its transaction goes through when the brokers are back, and its worker was never restarted."""
    time, gate = Time(), asyncio.Event()
    rig = Rig(settings=replace(QUICK, stuck_s=0.02, close_within_s=0.02), clock=time.passing)
    rig.change(1)
    lane = rig.join_lane()

    async def hangs(step):
        if step == "commit" and not gate.is_set():
            lane.context.absence.note(time.now, time.now)
            await gate.wait()

    rig.log.on_step = hangs
    settled = asyncio.ensure_future(rig.settle(lane, lambda: rig.committed("join").offset == 1, at=CHANGES))
    await wait_for(lambda: time.now > 0.15, what="many times its patience")
    assert [] == rig.deaths.reasons
    gate.set()
    assert await settled
    assert [] == rig.deaths.reasons


async def test_a_commit_that_is_not_seen_while_a_broker_hangs_is_not_taken_for_a_lost_one():
    """Its end is written where the offsets are when another broker leads them: for so long the worker paged somebody, with 75."""
    time, asked = Time(), []
    rig = Rig(settings=replace(QUICK, doubt_s=-1.0, visible_within_s=0.3), clock=time)
    rig.change(1)
    answer = rig.log.committed
    lane = rig.join_lane()

    async def hidden(group, at):
        found = await answer(group, at)
        if found.offset == 0:
            return found
        lane.context.absence.note(time.now, time.now)
        asked.append(time.now)
        time.now += 0.2
        return None if len(asked) < 5 else found

    rig.log.committed = hidden
    assert await rig.settle(lane, lambda: rig.committed("join").offset == 1 and len(asked) == 5, at=CHANGES)
    assert [] == rig.deaths.reasons


async def test_a_batch_waits_for_a_leader_as_long_as_its_transaction_may_last():
    """Two of three brokers were away for 100 s; the client gave up after 40, and the lane with it."""
    producer = KafkaBroker(broker_settings("here:9092")).producer("yibao-join-1")
    assert TRANSACTION_S == producer._producer._message_accumulator._batch_ttl
    await producer.stop()
