"""The circuit breaker: twelve lanes must not hammer a platform that is down, and must notice when it is back."""

from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.breaker import Breaker, Phase, abandoned, admit, answered, unanswered
from tests.settings import breaker_settings

SETTINGS = breaker_settings(failures=3, first_wait_s=1.0, longest_wait_s=8.0)
FRESH = Breaker(settings=SETTINGS)


def opened(now=0.0):
    breaker = FRESH
    for _ in range(SETTINGS.failures):
        breaker = unanswered(breaker, now)
    return breaker


def test_it_opens_after_failures_in_a_row_and_not_before():
    """One lost packet is no outage."""
    twice = unanswered(unanswered(FRESH, 0.0), 0.0)
    assert (twice.phase, unanswered(twice, 0.0).phase) == (Phase.CLOSED, Phase.OPEN)
    assert unanswered(answered(twice), 0.0).phase is Phase.CLOSED


def test_an_open_breaker_lets_nothing_through_until_its_time():
    """Each request to a dead platform costs a time-out and a connection."""
    assert (opened(), 0.4) == admit(opened(), 0.6)


def test_exactly_one_probe_finds_out():
    """All lanes at once would throw a platform that just came up down again."""
    probing, wait_s = admit(opened(), 1.0)
    assert (probing.phase, wait_s) == (Phase.HALF_OPEN, 0.0)
    assert (probing, SETTINGS.first_wait_s) == admit(probing, 1.0)


def test_an_answered_probe_closes_it():
    """Afterwards nothing may remember the outage."""
    probing, _ = admit(opened(), 1.0)
    assert answered(probing) == FRESH


def test_each_failed_probe_doubles_the_wait_up_to_the_longest():
    """A night's outage is asked about once a minute, not once a second."""
    breaker, now, waits = opened(), 0.0, []
    for _ in range(5):
        now = breaker.until
        breaker, _ = admit(breaker, now)
        breaker = unanswered(breaker, now)
        waits.append(breaker.until - now)
    assert waits == [2.0, 4.0, 8.0, 8.0, 8.0]


def test_a_probe_that_was_given_up_is_repeated_by_the_next_lane():
    """A rebalance in the middle of the probe must not leave the breaker half open for ever."""
    probing, _ = admit(opened(), 1.0)
    assert admit(abandoned(probing, 1.5), 1.5)[1] == 0.0


def test_giving_up_an_ordinary_request_changes_nothing():
    """A closed lane says nothing about the platform."""
    assert abandoned(FRESH, 1.0) == FRESH
    assert abandoned(opened(), 0.5) == opened()


@given(st.lists(st.tuples(st.sampled_from(["ask", "answered", "unanswered", "abandoned"]), st.floats(0, 100))))
def test_whatever_happens_a_request_passes_within_the_longest_wait(events):
    """A breaker that never closes again is an outage of our own."""
    breaker, now = FRESH, 0.0
    for event, step in events:
        now += step
        match event:
            case "ask":
                breaker, _ = admit(breaker, now)
            case "answered":
                breaker = answered(breaker)
            case "unanswered":
                breaker = unanswered(breaker, now)
            case _:
                breaker = abandoned(breaker, now)
    if breaker.phase is Phase.HALF_OPEN:
        breaker = abandoned(breaker, now)
    assert admit(breaker, now + SETTINGS.longest_wait_s)[1] == 0.0
