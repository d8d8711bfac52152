"""For how long a capture was heard: the time in which a row could have come."""

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.place.heard import Heard

BEATS = st.lists(st.integers(min_value=1, max_value=100_000), min_size=1, max_size=40)


def heard_of(beats):
    heard = Heard(1_000)
    for beat in beats:
        heard.note(beat)
    return heard


def test_of_a_capture_that_gave_no_sign_nothing_is_known():
    """A site of before, or a topic that cannot be read: then the clock alone must do."""
    assert Heard(1_000).after(0) is None
    assert Heard(1_000).last_ms is None


def test_an_outage_counts_as_little_more_than_an_interval():
    """However long capture was gone, nothing could come meanwhile."""
    heard = heard_of([10_000, 11_000, 900_000, 901_000])
    assert 1_000 + 1_500 + 1_000 == heard.after(10_000)
    assert 500 + 1_500 + 1_000 == heard.after(10_500)
    assert 1_000 == heard.after(899_999 + 1)
    assert 0 == heard.after(901_000)


@given(BEATS, st.integers(min_value=0, max_value=100_000))
def test_it_never_counts_more_time_than_passed(beats, at):
    """What has not passed by the clock cannot have been listened to."""
    heard = heard_of(beats)
    assert 0 <= heard.after(at) <= max(0, heard.last_ms - at)


@given(BEATS, st.integers(min_value=0, max_value=100_000), st.integers(min_value=0, max_value=100_000))
def test_what_began_earlier_was_listened_to_as_long_at_least(beats, at, later):
    """A row makes a transaction younger, never older."""
    heard = heard_of(beats)
    assert heard.after(max(at, later)) <= heard.after(min(at, later))


def test_what_is_remembered_is_bounded():
    """A worker runs for months."""
    heard = heard_of(range(1_000, 5_000_000, 1_000))
    assert 4_999_000 == heard.last_ms
    assert 100_000 == heard.after(4_899_000)
    assert 400_000 <= heard.after(0) < 5_000_000
