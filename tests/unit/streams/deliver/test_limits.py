"""Limits on requests: what a platform has agreed to, and what one hospital may take from the others."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.limits import Limits, NoTurn, Slots, TokenBucket
from tests.settings import limit_settings


class Crowd:
    """Requests that stay until they are told to leave."""

    def __init__(self, limits):
        self.limits, self.inside, self.most, self.tasks = limits, [], 0, []

    async def enter(self, institution):
        leave = asyncio.Event()

        async def request():
            async with self.limits.turn(institution):
                self.inside.append(leave)
                self.most = max(self.most, len(self.inside))
                await leave.wait()
                self.inside.remove(leave)

        self.tasks.append(asyncio.create_task(request()))
        await self.settle()

    async def settle(self):
        for _ in range(10):
            await asyncio.sleep(0)

    async def leave(self):
        while not all(task.done() for task in self.tasks):
            for event in list(self.inside):
                event.set()
            await self.settle()
        return await asyncio.gather(*self.tasks, return_exceptions=True)


def limits(**settings):
    return Limits(limit_settings(**settings), now=asyncio.get_running_loop().time)


async def test_no_more_requests_than_allowed_are_under_way():
    """Platforms cut off who opens more connections than agreed."""
    crowd = Crowd(limits(in_flight=3, in_flight_per_institution=3))
    for number in range(8):
        await crowd.enter(f"institution {number}")
    assert len(crowd.inside) == 3
    assert await crowd.leave() == [None] * 8
    assert crowd.most == 3


async def test_one_institutions_queue_does_not_take_the_others_places():
    """A pharmacy must report while a hospital's first load is under way."""
    crowd = Crowd(limits(in_flight=4, in_flight_per_institution=2))
    for _ in range(6):
        await crowd.enter("large")
    await crowd.enter("small")
    assert len(crowd.inside) == 3
    await crowd.leave()


async def test_whoever_waits_too_long_is_told_to_come_again():
    """A lane has to look after its lease; it cannot stand in a queue for a minute."""
    crowd = Crowd(limits(in_flight=1, in_flight_per_institution=1, patience_s=0.01))
    await crowd.enter("a")
    with pytest.raises(NoTurn):
        async with crowd.limits.turn("b"):
            pytest.fail("there was no room")
    await crowd.leave()
    async with crowd.limits.turn("b"):
        pass


async def test_a_cancelled_wait_gives_its_place_back():
    """A rebalance cancels waiting lanes; a lost place each time would end in standstill."""
    slots = Slots(1)
    async with slots.one(60.0):
        waiting = [asyncio.create_task(slots.one(60.0).__aenter__()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
    waiting[1].cancel()  # in the very moment in which its turn has come
    await asyncio.gather(waiting[1], return_exceptions=True)
    await asyncio.wait_for(waiting[2], 60.0)


async def test_a_time_out_inside_a_turn_is_not_mistaken_for_a_missing_turn():
    """The outcome of a request that timed out is unknown; "no turn" would say that it was never sent."""
    with pytest.raises(TimeoutError):
        async with limits().turn("a"):
            raise TimeoutError


async def test_limits_can_be_changed_while_requests_wait():
    """An operator raises a limit because the queue is long; it must help those who wait."""
    crowd = Crowd(limits(in_flight=1, in_flight_per_institution=9))
    for _ in range(4):
        await crowd.enter("a")
    crowd.limits.apply(limit_settings(in_flight=3, in_flight_per_institution=9))
    await crowd.settle()
    assert len(crowd.inside) == 3
    await crowd.leave()


async def test_a_wait_for_a_token_that_is_too_long_takes_none():
    """Tokens taken by those who leave again would starve everybody."""
    clock = [0.0]
    slow = Limits(limit_settings(rate_per_s=0.1, burst=1, patience_s=1.0), now=lambda: clock[0])
    async with slow.turn("a"):
        pass
    for _ in range(5):
        with pytest.raises(NoTurn) as refused:
            async with slow.turn("a"):
                pytest.fail("the bucket was empty")
        assert refused.value.after_s == pytest.approx(10.0)
    clock[0] = 10.0
    async with slow.turn("a"):
        pass


@given(st.integers(1, 20), st.sampled_from([0.5, 1.0, 4.0, 100.0]), st.lists(st.floats(0, 3), max_size=60))
def test_a_bucket_never_gives_more_than_its_rate_and_burst(burst, rate_per_s, pauses):
    """The platform counts, and blocks."""
    bucket, now, taken = TokenBucket(rate_per_s=rate_per_s, burst=burst, tokens=float(burst), filled_at=0.0), 0.0, 0
    for pause in pauses:
        now += pause
        if bucket.wait_s(now) == 0.0:
            bucket, taken = bucket.taken(now), taken + 1
        assert taken <= burst + now * rate_per_s + 1e-6


def test_a_full_bucket_lets_the_burst_go_at_once():
    """After a quiet hour the first batches must not trickle."""
    bucket, sent = TokenBucket(rate_per_s=1.0, burst=5, tokens=0.0, filled_at=0.0), 0
    while bucket.wait_s(3_600.0) == 0.0:
        bucket, sent = bucket.taken(3_600.0), sent + 1
    assert sent == 5
