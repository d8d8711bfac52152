"""How long a platform is left alone that takes no more: too short is an attack, too long an outage that nobody ordered."""

from streams.deliver.throttle import LONGEST_OWN_S, Throttle, throttled

AT_ONCE = {"after_s": 1.0, "named": False}


def test_what_was_under_way_together_is_one_word():
    """Twelve lanes hear "no more" at the same moment; that is once, and not four thousand seconds."""
    state = Throttle()
    for _ in range(12):
        state = throttled(state, **AT_ONCE, began=10.0, now=10.5)
    assert Throttle(times=1, until=11.5) == state
    assert Throttle(times=2, until=13.6) == throttled(state, **AT_ONCE, began=11.5, now=11.6)


def test_a_wait_that_the_platform_names_is_kept_however_often_it_was_named():
    """It knows its load; what grows is only what nobody asked for."""
    state = Throttle()
    for _ in range(9):
        state = throttled(state, after_s=3.0, named=True, began=state.until, now=state.until)
    assert 27.0 == state.until


def test_a_wait_of_our_own_has_an_end():
    """The platform may be there again in a minute."""
    state = Throttle(times=500, until=10.0)
    assert 10.0 + LONGEST_OWN_S == throttled(state, **AT_ONCE, began=10.0, now=10.0).until
