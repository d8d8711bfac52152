"""What a chunk sees of the state: its own changes over what is committed, also of what it asked for before."""

from connector.contract import TableRole
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.state import State
from streams.lanes.ports import TopicPartition

AT = TopicPartition("visit.state", 0)
FIRST, SECOND = b"V1\x1ff\x1fhis\x1fh.charge\x1fC1", b"V1\x1ff\x1fhis\x1fh.charge\x1fC2"


def test_what_was_asked_for_before_it_changed_is_seen_as_it_is_now():
    """An entry that a chunk remembers as it was would be folded as a change of something that is gone."""
    state = State(AT)
    state.apply({FIRST: b"r1"}, position=1)
    overlay = Overlay(state)
    assert (overlay.get(FIRST), overlay.get(SECOND)) == (b"r1", None)
    overlay.apply({FIRST: b"r2", SECOND: b"r1"})
    assert (overlay.get(FIRST), overlay.get(SECOND)) == (b"r2", b"r1")
    overlay.apply({FIRST: None})
    assert (overlay.get(FIRST), [*overlay.of_role(b"V1", TableRole.FEE)]) == (None, [SECOND])
    assert state.get(FIRST) == b"r1"


def test_the_next_chunk_sees_what_was_committed_meanwhile():
    """What a chunk remembers ends with it."""
    state = State(AT)
    assert Overlay(state).get(FIRST) is None
    state.apply({FIRST: b"r1"}, position=1)
    assert Overlay(state).get(FIRST) == b"r1"


def test_lines_that_a_chunk_adds_count_though_it_asked_before():
    """From how many lines on a visit has sums is decided by it."""
    state = State(AT)
    state.apply({FIRST: b"r1"}, position=1)
    overlay = Overlay(state)
    assert overlay.lines_known(b"V1") == 1
    overlay.apply({SECOND: b"r1"})
    assert overlay.lines_known(b"V1") == 2
