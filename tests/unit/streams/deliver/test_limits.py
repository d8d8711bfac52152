"""Limits on requests: what a platform has agreed to, and what one hospital may take from the others."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.limits import Limits, NoTurn, OwnLimits, Slots, TokenBucket
from streams.deliver.shared_limits import shared
from streams.topics.steering import LimitOrder
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


async def test_it_is_known_whose_rate_lets_requests_wait_and_that_it_does_so_no_more():
    """Nothing else says why little moves: no request fails, and none is under way."""
    clock = [100.0]
    own = {"b": OwnLimits(records_per_s=1.0)}
    slow = Limits(limit_settings(rate_per_s=0.1, burst=2, patience_s=1.0, own=own), now=lambda: clock[0])
    async with slow.turn("b", 50):
        assert [] == slow.holding_back, "it went at once"
    with pytest.raises(NoTurn):
        async with slow.turn("b", 50):
            pytest.fail("fifty records are owed")
    assert ["b"] == slow.holding_back
    async with slow.turn("a"):
        pass
    clock[0] += 5.0
    with pytest.raises(NoTurn):
        async with slow.turn("a"):
            pytest.fail("the bucket was empty")
    assert ["all", "b"] == slow.holding_back
    clock[0] += 6.0
    assert ["all"] == slow.holding_back, "nothing of b waited for a while"
    slow.apply(limit_settings())
    assert [] == slow.holding_back, "there is no rate any more"


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


async def test_a_request_of_many_records_takes_as_much_of_the_rate():
    """The platform counts rows, not envelopes."""
    clock = [0.0]
    slow = Limits(limit_settings(records_per_s=10.0, patience_s=0.0), now=lambda: clock[0])
    async with slow.turn("a", 50):
        pass
    with pytest.raises(NoTurn) as refused:
        async with slow.turn("a", 1):
            pytest.fail("the fifty were not paid")
    assert refused.value.after_s == pytest.approx(5.0)
    clock[0] = 5.0
    async with slow.turn("a", 1):
        pass


async def test_an_institution_has_a_pace_of_its_own_and_takes_nothing_of_the_others():
    """One first load is slowed, and the other hospitals go on."""
    clock = [0.0]
    own = {"a": OwnLimits(rate_per_s=1.0, in_flight=1)}
    slow = Limits(limit_settings(own=own, burst=1, patience_s=0.0, in_flight_per_institution=9), now=lambda: clock[0])
    async with slow.turn("a"):
        async with slow.turn("b"), slow.turn("b"):
            pass
        with pytest.raises(NoTurn):
            async with slow.turn("a"):
                pytest.fail("one request is under way")
    with pytest.raises(NoTurn):
        async with slow.turn("a"):
            pytest.fail("its second is not over")
    clock[0] = 1.0
    async with slow.turn("a"):
        pass


async def test_what_did_not_go_is_not_counted():
    """An institution that waits for the platform's pace would be slowed twice."""
    clock = [0.0]
    own = {"a": OwnLimits(rate_per_s=1.0)}
    slow = Limits(limit_settings(own=own, rate_per_s=0.5, burst=1, patience_s=0.0), now=lambda: clock[0])
    async with slow.turn("b"):
        pass
    for _ in range(3):
        with pytest.raises(NoTurn):
            async with slow.turn("a"):
                pytest.fail("the platform has its pace")
    clock[0] = 2.0
    async with slow.turn("a"):
        pass


async def test_a_limit_that_changes_again_and_again_lets_no_more_through():
    """Each would begin with a full bucket, and a worker that gets a partition more changes all of them."""
    clock, sent = [0.0], 0
    slow = Limits(limit_settings(rate_per_s=1.0, burst=2, patience_s=0.0), now=lambda: clock[0])
    for step in range(100):
        clock[0] += 0.05
        slow.apply(limit_settings(rate_per_s=1.0 + step % 2 / 1000, burst=2, patience_s=0.0))
        try:
            async with slow.turn("a"):
                sent += 1
        except NoTurn:
            pass
    assert sent <= 2 + 5 * 1.001


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=5),
    st.floats(0.5, 100.0),
    st.integers(1, 40),
    st.one_of(st.none(), st.floats(1.0, 500.0)),
)
def test_the_shares_of_all_workers_are_the_whole_limit_and_not_more(held, rate, in_flight, records):
    """The platform counts what comes from all of them."""
    of = sum(held)
    orders = {
        name: LimitOrder(institution=name, requests_per_s=rate, in_flight=in_flight, records_per_s=records, at="", by="", why="")
        for name in ("", "H1")
    }
    shares = [shared(limit_settings(), orders, held=one, of=of) for one in held]
    assert sum(one.rate_per_s for one in shares) == pytest.approx(rate)
    assert sum(one.own["H1"].rate_per_s for one in shares) == pytest.approx(rate)
    assert all(one.in_flight >= 1 for one in shares)
    if all(in_flight * one >= of for one in held):
        assert sum(one.in_flight for one in shares) <= in_flight
    assert records is None or sum(one.records_per_s for one in shares) == pytest.approx(records)


def test_what_nobody_ordered_is_as_the_site_has_it():
    """For each worker: that is what earlier versions did."""
    settings = limit_settings(rate_per_s=7.0)
    gone = LimitOrder(at="", by="", why="")
    assert settings == shared(settings, {}, held=3, of=12) == shared(settings, {"": gone}, held=3, of=12)
    limited = shared(settings, {"": LimitOrder(in_flight=6, at="", by="", why="")}, held=6, of=12)
    assert (3, 7.0, 10) == (limited.in_flight, limited.rate_per_s, limited.burst)
