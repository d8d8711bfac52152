"""Which parts of a partition are read for some letters of it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.topics.at_places import ranges


@given(st.sets(st.integers(0, 100_000), max_size=30))
def test_the_parts_hold_every_letter_and_leave_out_what_is_far_from_all(offsets):
    """A letter that is not read would be called unknown; a topic that is read whole takes minutes."""
    parts = ranges(offsets)
    assert all(any(begin <= one < end for begin, end in parts) for one in offsets)
    assert all(end < begin for (_, end), (begin, _) in pairwise(parts))
    assert sum(end - begin for begin, end in parts) <= len(offsets) * 5_001
