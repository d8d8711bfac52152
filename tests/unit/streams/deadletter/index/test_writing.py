"""What messages of the topic do to a letter: told, told again, closed, opened again; and to the counts of its group."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.deadletter.closing import Closing, encode_closing
from streams.deadletter.index.fates import fates
from streams.deadletter.index.writing import Writing
from streams.deadletter.record import letter_id
from streams.domain.changes import Incoming
from streams.domain.closings import ClosedBy
from streams.domain.violations import DeadClass
from tests.unit.streams.deadletter.index.in_memory import NOW_MS, InMemory, indexed, message
from tests.unit.streams.deadletter.test_record import LETTER

HOUR_MS = 3_600_000
ID = letter_id(LETTER)
CLOSING = replace(LETTER, closed=True, value=None)


def test_the_summary_counts_what_has_the_asked_parts_in_common():
    """What to mend first: the most frequent; how urgent: the oldest; whether it goes on: the last day beside the one before."""
    letters = [
        replace(LETTER, identity=f"{at}", failed_at=NOW_MS - at * HOUR_MS, message="平台拒收：金额 12 不平") for at in range(40)
    ]
    other = replace(LETTER, identity="x", rule="40000", message="平台拒收：MED_TYPE 不在值域", failed_at=NOW_MS)
    index = indexed([message(letter, offset=at) for at, letter in enumerate([*letters, other])])
    index.take(message(replace(letters[3], closed=True, failed_at=NOW_MS), offset=99))
    first, second = index.summed("", "rule", "field", "cause")
    assert (("40003", "", "金额 # 不平"), "clerk", 39, 1) == (first.parts, first.owners, first.open, first.closed)
    assert (NOW_MS - 39 * HOUR_MS, 24, 16) == (first.oldest, first.today, first.before)
    assert ("40000", "MED_TYPE", "MED_TYPE 不在值域") == second.parts
    [line] = index.summed("", "institution")
    assert ((LETTER.institution,), 40) == (line.parts, line.open)


@pytest.mark.parametrize(("rows", "causes"), [(20, 20), (21, 1)])
def test_a_lookup_that_lacks_many_rows_is_one_cause(rows, causes):
    """A table that was never read is one thing to mend, and not forty thousand."""
    lacks = replace(LETTER, dead_class=DeadClass.JOIN_INCOMPLETE, rule="MISSING_LOOKUP", stage="join")
    letters = [
        replace(lacks, identity=f"{at}", message=f"等待超时，缺少关联表中的行（R24）：his.ward.code=W/{at}") for at in range(rows)
    ]
    index = indexed([message(letter, offset=at) for at, letter in enumerate(letters)])
    lines = index.summed("", "rule", "cause")
    assert (causes, rows) == (len(lines), sum(line.open for line in lines))
    assert {"his.ward.code"} == {line.parts[1].partition("=")[0] for line in lines}
    assert rows == index.paged('text:"his.ward.code="', 5, "").total
    assert ["his.ward.code=W/7"] == [letter.cause for letter in index.listed("cause:his.ward.code=W/7")]


def test_what_came_last_in_a_partition_counts_whatever_its_clock_says():
    """A person closes a letter by the clock on the wall; a lane tells of an event by the time of that event."""
    index = indexed([message(LETTER), message(replace(CLOSING, failed_at=LETTER.failed_at + 9), offset=1)])
    assert [] == index.listed("open")
    index.take(message(replace(LETTER, failed_at=LETTER.failed_at + 5), offset=2))
    assert [(ID, 2)] == [(letter.id, letter.offset) for letter in index.listed("open")]
    assert ["mended", ""] == [event.closed for event in sorted(index.history(ID), key=lambda event: -event.at)]


def test_a_closing_of_a_letter_that_nobody_has_closes_nothing():
    """Its letter is gone from the topic; the closing may name nothing but the id."""
    headers = (("x-dlq-id", ID.encode()), ("x-dlq-closed-at", b"5"))
    bare = message(LETTER)._replace(headers=headers, value=None)
    assert [] == indexed([bare]).listed("any")


def test_what_is_no_letter_of_ours_is_counted_and_nothing_else():
    """Another program's message must not stop a verb, nor pass unseen."""
    index = indexed([])
    writing = Writing(index.index)
    ours = message(LETTER)
    writing.take([ours._replace(headers=()), ours._replace(headers=(("x-dlq-id", b"short"),)), ours])
    assert (2, 1) == (writing.foreign, len(index.listed("any")))


COURSES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2), st.booleans(), st.integers(0, 3)), max_size=8
)  # partition, letter, closes, time


@settings(max_examples=200, deadline=None)
@given(COURSES, st.data())
def test_counts_are_those_of_the_letters_and_portions_do_not_matter(course, data):
    """A topic is read in portions of any size, its partitions as they come; the index must be the same, and its counts its own."""
    offsets, messages = [0, 0], []
    for partition, which, closes, at in course:
        letter = replace(LETTER, identity=f"{which}", failed_at=100 + at, closed=closes, rule=f"r{which}")
        messages.append(message(letter, partition=partition, offset=offsets[partition]))
        offsets[partition] += 1
    by_partition = [[one for one in messages if one.partition == number] for number in (0, 1)]
    whole, parts, portions = indexed([*by_partition[0], *by_partition[1]]), indexed([]), []
    while any(by_partition):
        queue = by_partition[data.draw(st.sampled_from([at for at, queue in enumerate(by_partition) if queue]))]
        size = data.draw(st.integers(1, len(queue)))
        portions.append(queue[:size])
        del queue[:size]
    for portion in portions:
        parts.take(*portion)
    filled = InMemory.filled(*portions, most_wait=data.draw(st.integers(0, 3)))
    seen = [sorted((one.id, one.first, one.last, bool(one.closed)) for one in index.listed("any")) for index in (whole, parts)]
    assert seen[0] == seen[1]
    assert parts.listed("any") == filled.listed("any")
    assert [parts.history(one.id) for one in parts.listed("any")] == [filled.history(one.id) for one in parts.listed("any")]
    for index in (whole, parts, filled):
        letters = index.listed("any")
        counted = {line.parts[0]: (line.open, line.closed) for line in index.summed("", "rule")}
        for rule in {letter.rule for letter in letters}:
            mine = [letter for letter in letters if letter.rule == rule]
            assert counted[rule] == (sum(not one.closed for one in mine), sum(bool(one.closed) for one in mine))


@pytest.mark.parametrize(("begin", "left"), [(0, 3), (2, 1), (9, 0)])
def test_what_the_topic_dropped_is_dropped_with_its_counts(begin, left):
    """What retention took can be mended by nobody."""
    index = indexed([message(replace(LETTER, identity=f"{at}"), offset=at) for at in range(3)])
    Writing(index.index).forget({0: begin, 1: 100})
    assert (left, left) == (len(index.listed("any")), sum(line.open for line in index.summed("", "rule")))


def test_of_several_closings_that_the_platform_took_the_record_says_most():
    """A row that was read twice for its letter: the second time it was as it had been sent, and had been taken by then."""
    ends = [(ClosedBy.ACCEPTED, "msgid-1", 5), (ClosedBy.MENDED, "", 9)]
    messages = [message(LETTER)]
    for offset, (by, evidence, after) in enumerate(ends):
        closing = Closing(id=ID, at=LETTER.failed_at + after, by=by, who="join", evidence=evidence)
        key, value, headers = encode_closing(closing)
        messages.append(Incoming("visit.dead", 1, offset, key, value, tuple(headers), LETTER.failed_at + after))
    (fate,) = fates(indexed(messages).index, [ID]).values()
    assert ("accepted", "msgid-1") == (fate.how, fate.evidence)


@pytest.mark.parametrize(
    ("end", "how"),
    [((ClosedBy.ACCEPTED, "msgid-9"), "accepted"), ((ClosedBy.GONE, ""), "gone"), (None, "superseded")],
    ids=["accepted", "gone", "open"],
)
def test_a_letter_in_whose_place_later_ones_came_ends_as_the_last_of_them(end, how):
    """Refused again, mended and accepted: the plan that sent it first has nothing left to do."""
    letters = [replace(LETTER, identity=f"{number}") for number in range(3)]
    names = [letter_id(letter) for letter in letters]
    ends = [(ClosedBy.SUPERSEDED, names[1]), (ClosedBy.SUPERSEDED, names[2]), *([end] if end else [])]
    messages = [message(letter, offset=offset) for offset, letter in enumerate(letters)]
    for offset, (name, (by, evidence)) in enumerate(zip(names, ends, strict=False), start=len(letters)):
        key, value, headers = encode_closing(Closing(id=name, at=LETTER.failed_at + offset, by=by, who="join", evidence=evidence))
        messages.append(Incoming("visit.dead", 1, offset, key, value, tuple(headers), LETTER.failed_at + offset))
    fate = fates(indexed(messages).index, names[:1])[names[0]]
    assert (how, end[1] if end else names[1]) == (fate.how, fate.evidence)


def test_letters_that_take_each_others_place_in_a_circle_end():
    """Nothing of ours writes that; a reader of the topic must not hang on it."""
    letters = [replace(LETTER, identity=f"{number}") for number in range(2)]
    names = [letter_id(letter) for letter in letters]
    messages = [message(letter, offset=offset) for offset, letter in enumerate(letters)]
    for offset, (name, other) in enumerate([names, names[::-1]], start=2):
        closing = Closing(id=name, at=LETTER.failed_at + offset, by=ClosedBy.SUPERSEDED, who="join", evidence=other)
        key, value, headers = encode_closing(closing)
        messages.append(Incoming("visit.dead", 1, offset, key, value, tuple(headers), LETTER.failed_at + offset))
    assert {"superseded"} == {fate.how for fate in fates(indexed(messages).index, names).values()}
