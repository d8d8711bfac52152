"""How far other lanes are is learned from their marks: what their joins had done when what they numbered then is delivered."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from streams.domain.join.indexed import Index
from streams.domain.join.passing import Joined
from streams.domain.trail import Trail
from streams.errors import Fatal
from streams.lanes.deliver.aside import Aside
from streams.lanes.join.passage import Following, Passage
from streams.lanes.join.state import State
from streams.lanes.marks import DeliverMark, JoinMark
from streams.lanes.passed_marks import MOST_LEFT, Delivered, left_of
from streams.lanes.ports import Committed, TopicPartition
from tests.unit.streams.lanes.lane_rig import TOPICS, NoLookups, Rig

SERIES = "his/b"
CHANGES, READY = TopicPartition(TOPICS.changes, 3), TopicPartition(TOPICS.ready, 3)


def due_of(view, at):
    return {(visit, *sorted(keys)) for visit, keys in view.due(at, NoLookups())}


class Others:
    """The lanes of partition 3, and who looks at them, on a clock that is set."""

    def __init__(self):
        self.rig, self.now, self.waiting, self.ticks = Rig(), 0.0, Counter({3: 2}), 0
        context = replace(self.rig.context("join"), clock=lambda: self.now)
        self.silent_s = context.settings.silent_s
        self.passage = Passage(topics=TOPICS, context=context, every_s=1.0, awaited=lambda: self.waiting, on_news=self.tick)

    async def tick(self):
        self.ticks += 1

    def joined(self, number, *, seq, left=None):
        mark = JoinMark(seq=seq, taken={SERIES: number}, **left_of({} if left is None else {SERIES: left}))
        self.rig.log.committed_offsets[TOPICS.group("join"), CHANGES] = Committed(offset=number, metadata=mark.text())

    def delivered(self, seq, **aside):
        mark = DeliverMark(seq=seq, aside={name: Aside(number=number, offset=0, since=0) for name, number in aside.items()})
        self.rig.log.committed_offsets[TOPICS.group("deliver"), READY] = Committed(offset=seq, metadata=mark.text())

    async def look(self, *, after_s=0.0):
        self.now += after_s
        with capture_logs() as logs:
            await self.passage.look()
        return [(entry["event"], entry["awaited"], entry.get("rows")) for entry in logs]

    def has(self, number, institution="A"):
        return self.passage.passed.has(Trail(SERIES, 3, number, institution))


async def test_a_leave_is_passed_when_what_was_joined_with_it_is_delivered():
    """The older version of the row may be the last record that its join numbered."""
    others = Others()
    others.joined(7, seq=5)
    others.delivered(5)
    await others.look()
    assert (True, False, 1) == (others.has(6), others.has(7), others.ticks)
    others.joined(8, seq=6)
    await others.look()
    assert (False, 1) == (others.has(7), others.ticks)
    others.joined(20, seq=90)
    others.delivered(6)
    await others.look()
    assert (True, False, 2) == (others.has(7), others.has(8), others.ticks)


async def test_an_open_leave_holds_whoever_follows_it():
    """The row that left there waits for a third lane itself."""
    others = Others()
    others.joined(9, seq=5, left={"": 8})
    others.delivered(5)
    await others.look()
    assert (True, False) == (others.has(7), others.has(8))


async def test_what_is_set_aside_there_holds_rows_of_its_institution_alone():
    """Those of the others go on, however long it is held; one whose institution is not known waits for all."""
    others = Others()
    others.joined(8, seq=6)
    others.delivered(6)
    await others.look()
    others.joined(10, seq=8)
    others.delivered(8, B=7)
    await others.look()
    assert [True, False, False] == [others.has(9, one) for one in ("A", "B", "")]
    assert [True, True] == [others.has(7, one) for one in ("B", "")]
    others.joined(200, seq=90)
    others.delivered(90, B=8)
    await others.look()
    assert [True, True, False] == [others.has(9, "B"), others.has(199, "A"), others.has(199, "B")]
    others.delivered(90)
    await others.look()
    assert [True, True] == [others.has(199, one) for one in ("B", "")]


async def test_an_open_leave_holds_whoever_follows_it_as_its_own_institution():
    """And all, where it is not known whose record it is."""
    others = Others()
    others.joined(9, seq=5, left={"B": 6, "": 8})
    others.delivered(5)
    await others.look()
    assert [(True, False), (False, False), (False, False)] == [(others.has(7, one), others.has(8, one)) for one in ("A", "B", "")]
    assert others.has(5, "B")
    others.joined(9, seq=5, left={f"{number}": 6 for number in range(MOST_LEFT + 1)})
    await others.look()
    assert not others.has(7, "A")


async def test_rows_that_wait_long_are_told_with_the_partition_that_they_wait_for():
    """Nothing else shows them: their own lane goes on, and they are no dead letters."""
    others = Others()
    assert [] == await others.look()
    assert [("moves_awaited", 3, 2)] == await others.look(after_s=others.silent_s + 1)
    assert [] == await others.look(after_s=others.silent_s + 1)
    others.waiting = Counter()
    assert [("moves_resumed", 3, None)] == await others.look()


async def test_where_nothing_waits_no_broker_is_asked():
    """Sites with one partition, and those whose rows stay where they are, pay nothing."""
    others = Others()
    others.waiting = Counter()

    async def asked(name):
        raise AssertionError(name)

    others.rig.log.on_step = asked
    await others.look()


async def test_brokers_that_are_away_and_marks_of_others_are_no_news():
    """A lane that goes on by what it cannot know would let the row pass."""
    others = Others()
    await others.look()
    others.joined(9, seq=5)
    others.rig.log.committed_offsets[TOPICS.group("deliver"), READY] = Committed(offset=1, metadata="somebody's")
    await others.look()

    async def fails(_name):
        raise Fatal("away")

    others.rig.log.on_step = fails
    await others.look()
    assert (False, 0) == (others.has(0), others.ticks)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=400))
def test_what_is_forgotten_of_many_looks_makes_it_late_and_never_early(course):
    """A lane that stands for hours is looked at thousands of times. Each leave here is a record of its own."""
    following, joined, delivered, waits = Following(), 1, 1, 1
    for step, done, late, looks in course:
        joined += step
        delivered = min(joined, delivered + done)
        waits = min(delivered, waits + late)
        aside = {"B": waits} if waits < delivered else {}
        if looks:
            following.saw(Joined({SERIES: joined}), seq=joined, delivered=Delivered(delivered, aside))
        told = [following.passing.upto(SERIES, one) for one in ("A", "B", "")]
        assert all(upto <= most for upto, most in zip(told, (delivered, waits, waits), strict=True))
    following.saw(Joined({SERIES: joined}), seq=joined, delivered=Delivered(joined))
    assert [joined] * 3 == [following.passing.upto(SERIES, one) for one in ("A", "B", "")]


def test_whoever_takes_over_knows_again_who_waits_for_which_lane():
    """All that is known of it stands in the state."""
    first = State(TopicPartition(TOPICS.state, 0))
    entries = {b"V1\x1ff\x1fhis\x1fh.charge\x1fC1": b"w9000000000003-[]", b"\x1fm\x1fhis/b\x1f0000000000004": b"w9000000000002-[]"}
    first.apply(entries, position=2)
    store = first._store
    second = State(TopicPartition(TOPICS.state, 0), store)
    second._open(store.open("", Index()))
    for state in (first, second):
        assert ({3: 1, 2: 1}, True, set()) == (dict(state.awaited), state.waits, due_of(state, 10**13 - 1))
    second.apply(dict.fromkeys(entries), position=4)
    assert ({}, False, {}) == (dict(second.awaited), second.waits, dict(store.deadlines()))
