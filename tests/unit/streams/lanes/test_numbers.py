"""By their numbers the join knows that nothing of its input is missing, whichever source it is of."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.changes import Incoming
from streams.domain.series import FROM, NUMBER, number_of
from streams.lanes.numbers import STRANGER, SeriesBuffer, taken


def message(offset, series="", number=0):
    headers = ((FROM, series.encode()), (NUMBER, b"%d" % number)) if series else ()
    return Incoming("visit.changes", 0, offset, None, b"{}", headers, 1)


def buffer(wanted=None, offset=0):
    return SeriesBuffer(wanted or {}, offset=offset, clock=time.monotonic)


@given(st.lists(st.sampled_from("abc"), max_size=40), st.data())
def test_what_is_taken_of_each_source_has_no_gap_and_what_is_missing_shows(course, data):
    """However often the partition is read from an earlier place, and whatever is lost on the way. What is lost shows at the next
    number of its series or, if none comes, by what the place stage says that it has written (`next_of_changes`).
    """
    counts, written, offset = {}, [], 0
    for series in course:
        counts[series] = counts.get(series, 0) + 1
        written.append(message(offset, series, counts[series]))
        offset += data.draw(st.integers(1, 3))  # the marks of transactions take offsets, too
    subject, position = buffer(), 0
    while position < len(written):
        start, lost = max(0, position - data.draw(st.integers(0, 4))), data.draw(st.booleans())
        some = written[start : start + data.draw(st.integers(1, 8))]
        position = max(position, start + len(some))
        subject.put(some[1:] if lost else some)
    got = subject.first(len(written))
    for series in counts:
        numbers = [number for name, number in map(number_of, got) if name == series]
        assert list(range(1, len(numbers) + 1)) == numbers
    assert subject.wanted == taken({}, got)
    assert (got == written) == all(subject.wanted.get(series, 1) == count + 1 for series, count in counts.items())


@given(st.integers(1, 30), st.data())
def test_of_one_source_nothing_is_taken_behind_what_is_missing(count, data):
    """An offset that is committed with what was taken passes nothing that was not: the next start reads it again."""
    written, subject = [message(2 * number, "a", number) for number in range(1, count + 1)], buffer()
    for at in data.draw(st.lists(st.integers(0, count), max_size=12)):
        subject.put(written[at : at + data.draw(st.integers(0, 9))])
        got = subject.first(count)
        assert written[: len(got)] == got


def test_behind_a_missing_number_nothing_of_another_source_is_taken():
    """Their numbers are right, but the offset that is committed with them would pass what is missing, for ever."""
    subject = buffer()
    subject.put([message(0, "a", 1), message(2, "a", 3), message(3, "b", 1)])
    assert [0] == [one.offset for one in subject.first(9)]
    assert subject.hole_since is not None
    subject.put([message(1, "a", 2), message(2, "a", 3), message(3, "b", 1)])
    assert [0, 1, 2, 3] == [one.offset for one in subject.first(9)]
    assert subject.hole_since is None


def test_what_a_later_fetch_brings_is_not_taken_behind_a_missing_number_either():
    """The hole is seen in one fetch, and the other source's messages come with the next: it is the same partition all the time."""
    subject = buffer()
    subject.put([message(0, "a", 1), message(2, "a", 3)])
    for later in ([message(3, "b", 1)], [message(4)], [message(5, "b", 2), message(6, "a", 4)]):
        subject.put(later)
    assert ([0], True) == ([one.offset for one in subject.first(9)], subject.hole_since is not None)
    subject.put([message(1, "a", 2), message(2, "a", 3), message(3, "b", 1), message(4), message(5, "b", 2), message(6, "a", 4)])
    assert ([0, 1, 2, 3, 4, 5, 6], None) == ([one.offset for one in subject.first(9)], subject.hole_since)


@pytest.mark.parametrize("number", [b"", b"x", b"-1", None])
def test_headers_that_hold_no_number_are_a_strangers(number):
    """One such message must not end every worker that is given the partition."""
    assert ("", 7) == number_of(message(7)._replace(headers=((FROM, b"his/a"), (NUMBER, number))))


def test_a_number_that_came_before_at_a_new_offset_is_not_taken():
    """Two writers of one series: whatever it is, it is not the next one."""
    subject = buffer({"a": 5}, offset=20)
    subject.put([message(20, "a", 4), message(21, "a", 5)])
    assert ([], True) == (subject.first(9), subject.hole_since is not None)


def test_what_capture_wrote_before_there_was_a_place_stage_is_taken_by_its_offsets():
    """A site is upgraded with rows in the topic that nobody has joined yet."""
    subject = buffer(offset=3)
    subject.put([message(2), message(3), message(4), message(7, "his/a", 1), message(9, "his/a", 2)])
    assert [3, 4, 7, 9] == [one.offset for one in subject.first(9)]
    assert {"his/a": 3} == subject.wanted


def test_a_strangers_message_waits_for_the_next_numbered_one_and_is_marked():
    """Only then is it known that nothing is missing before it; and the fold must not take it for a row."""
    subject = buffer({"his/a": 3}, offset=8)
    subject.put([message(9), message(10)])
    assert [] == subject.first(9)
    subject.put([message(9), message(12, "his/a", 3)])
    assert [(9, STRANGER), (10, STRANGER), (12, FROM)] == [(one.offset, one.headers[0][0]) for one in subject.first(9)]
    assert {"his/a": 4} == taken({"his/a": 3}, subject.first(9))


def test_other_headers_are_no_number():
    """Connect may add headers to what it captures."""
    plain = message(7)._replace(headers=(("__debezium.newkey", b"x"), ("other", b"1")))
    assert ("", 7) == number_of(plain)
