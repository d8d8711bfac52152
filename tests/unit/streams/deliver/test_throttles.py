"""A platform that takes no more of one hospital stands that one; one that takes no more of any stands all, and is asked seldom."""

import asyncio

import pytest

from streams.deliver import throttles
from streams.deliver.throttle import Whose
from streams.deliver.throttles import OTHERS_AFTER_S, Stand, Throttles, Turn

A, B, C, D = "H36110200001", "P36110200002", "H36110200003", "P36110200004"


class Course:
    """Requests of one process on a clock that is set. `throttled` are those of whom the platform takes no more."""

    def __init__(self, *throttled, others=True, after_s=600.0, named=True):
        self.now = 1000.0
        self.throttles = Throttles(others=others, now=lambda: self.now)
        self.throttled = set(throttled)
        self.after_s, self.named = after_s, named
        self.requests = []

    def begin(self, institution):
        turn = self.throttles.admit(institution)
        if isinstance(turn, Stand):
            return turn
        self.requests.append((institution, self.now))
        return turn, self.now

    def end(self, begun):
        turn, began = begun
        if turn.institution in self.throttled:
            self.throttles.throttled(turn.institution, after_s=self.after_s, named=self.named, began=began)
        else:
            self.throttles.answered(turn.institution, began=began)
        self.throttles.leave(turn)

    def ask(self, institution):
        """One request and its answer, 50 ms later; why there was none."""
        begun = self.begin(institution)
        if isinstance(begun, Stand):
            return begun
        self.now += 0.05
        self.end(begun)
        return None

    def all_ask(self, seconds, *, of=(A, B, C, D), step_s=0.5):
        """Lanes of each of them ask as often as they may; which requests went."""
        before, until = len(self.requests), self.now + seconds
        while self.now < until:
            for one in of:
                self.ask(one)
            self.now += step_s
        return [one for one, _at in self.requests[before:]]


def test_where_two_of_four_are_throttled_the_others_go_on_after_half_a_minute():
    """The platform asked for ten minutes of two hospitals. Nobody asked anything of the others."""
    course = Course(A, C)
    asked = course.all_ask(590.0)
    first = next(at for one, at in course.requests if one == B)
    assert OTHERS_AFTER_S <= first - 1000.0 <= OTHERS_AFTER_S + 2.0
    assert {A: 1, C: 1} == {one: asked.count(one) for one in (A, C)}
    assert min(asked.count(B), asked.count(D)) > 400
    course.throttled.clear()
    assert {A, B, C, D} == set(course.all_ask(60.0))


def test_while_nobody_knows_whose_it_is_all_stand_and_one_request_finds_out():
    """A gateway before the platform means all of them, as a rule."""
    course = Course(A)
    assert course.ask(A) is None
    assert Stand(after_s=30.0, whose=Whose.ALL) == course.ask(B)
    assert Stand(after_s=600.0, whose=Whose.INSTITUTION) == course.ask(A)
    course.now += 30.0
    finding_out = course.begin(B)
    assert Stand(after_s=0.1, whose=Whose.ALL) == course.ask(C)
    course.end(finding_out)
    assert (None, None) == (course.ask(C), course.ask(D))


def test_a_throttle_of_the_whole_platform_is_asked_about_once_of_each_and_not_more():
    """Coming back too early prolongs it."""
    course = Course(A, B, C, D)
    asked = course.all_ask(600.0)
    assert [A, B, C, D] == asked
    gaps = [later - at for (_, at), (_, later) in zip(course.requests, course.requests[1:], strict=False)]
    assert min(gaps) >= OTHERS_AFTER_S
    course.throttled.clear()
    assert {A, B, C, D} == set(course.all_ask(130.0))


@pytest.mark.parametrize(("after_s", "named"), [(1.0, False), (5.0, False), (2.0, True)])
def test_a_short_throttle_of_all_is_one_request_at_a_time(after_s, named):
    """What names no wait, or none worth it, is left alone for longer each time; twelve lanes must not find that out each."""
    course = Course(A, B, C, D, after_s=after_s, named=named)
    course.all_ask(60.0, step_s=0.05)
    gaps = [later - at for (_, at), (_, later) in zip(course.requests, course.requests[1:], strict=False)]
    assert min(gaps[named:]) >= after_s  # of a short one that is named, the first two requests found out
    assert named or len(course.requests) < 12


def test_after_what_one_was_asked_for_all_go_on_as_soon_as_another_was_answered():
    """It costs what is asked for, and one answer; the throttled one is not last by a second."""
    course = Course(A, after_s=8.0)
    course.ask(A)
    course.throttled.clear()
    course.all_ask(9.0, step_s=0.01)
    first = {one: next(at for asked, at in course.requests[1:] if asked == one) - course.requests[0][1] for one in (A, B, C, D)}
    assert min(first.values()) >= 8.0
    assert max(first.values()) < 8.4


def test_a_short_one_stands_nobody_else_until_another_one_is_throttled_too():
    """A gateway that says 429 to one request in a hundred, for a second, must not quiet a group of hospitals each time."""
    course = Course(A, after_s=1.0)
    course.ask(A)
    assert Stand(after_s=1.0, whose=Whose.INSTITUTION) == course.ask(A)
    assert (None, None) == (course.ask(B), course.ask(C))
    of_all = Course(A, B, C, D, after_s=1.0)
    assert (None, None) == (of_all.ask(A), of_all.ask(B))
    assert {Whose.ALL} == {of_all.ask(one).whose for one in (C, D)}


def test_where_no_other_one_asks_the_throttled_one_goes_a_second_later():
    """The others may have nothing to send."""
    course = Course(A, after_s=8.0)
    course.ask(A)
    course.all_ask(10.0, of=(A,), step_s=0.05)
    assert 9.0 == pytest.approx(course.requests[1][1] - course.requests[0][1], abs=0.15)


async def test_who_waits_for_the_answer_of_another_goes_as_soon_as_it_is_there():
    """Not after a second of looking."""
    course = Course(A, after_s=8.0)
    course.ask(A)
    course.now += 8.0
    finding_out = course.begin(B)
    waiting = [asyncio.ensure_future(course.throttles.settled(one)) for one in (A, C, D)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting)
    course.end(finding_out)
    async with asyncio.timeout(0.5):
        assert [None, None, None] == await asyncio.gather(*waiting)


async def test_an_answer_that_does_not_come_is_not_waited_for_without_an_end(monkeypatch):
    """The lane hears of a pause, of keys and of its own end meanwhile."""
    monkeypatch.setattr(throttles, "LOOK_S", 0.01)
    course = Course(A, after_s=8.0)
    course.ask(A)
    course.now += 8.0
    course.begin(B)
    assert Stand(after_s=0.1, whose=Whose.ALL) == await course.throttles.settled(C)


def test_one_that_is_known_to_be_throttled_alone_stands_nobody_when_it_is_told_again():
    """Else each of its probes would cost the others half a minute."""
    course = Course(A, after_s=10.0)
    course.all_ask(60.0)
    asked = course.all_ask(300.0)
    assert asked.count(A) in range(25, 32)
    assert min(asked.count(one) for one in (B, C, D)) > 400


def test_no_two_requests_of_a_throttled_one_are_under_way_at_a_time():
    """All its lanes wait for the same word."""
    course = Course(A, after_s=10.0)
    course.all_ask(45.0)
    course.now += 20.0
    probe = course.begin(A)
    assert Stand(after_s=0.1, whose=Whose.INSTITUTION) == course.begin(A)
    assert isinstance(course.begin(B)[0], Turn)
    course.throttled.clear()
    course.end(probe)
    assert isinstance(course.begin(A)[0], Turn)
    assert isinstance(course.begin(A)[0], Turn)


def test_a_second_one_of_a_platform_that_throttles_one_by_one_stands_the_others_for_seconds():
    """Half a minute for each of a hundred hospitals would be an hour."""
    course = Course(A)
    course.all_ask(60.0)
    course.throttled |= {C}
    course.all_ask(0.6, of=(C,))
    at = course.requests[-1][1]
    assert C == course.requests[-1][0]
    course.all_ask(10.0)
    first = next(later for one, later in course.requests if one == B and later > at)
    assert 5.0 <= first - at <= 6.0


def test_an_answer_to_what_was_under_way_before_says_nothing_of_the_throttle():
    """It may have taken the last place that the gateway gave away."""
    course = Course(A)
    early = course.begin(B)
    course.ask(A)
    course.end(early)
    assert Whose.ALL is course.ask(B).whose
    course.now += 30.0
    assert (None, None) == (course.ask(B), course.ask(D))


def test_after_an_ordinary_answer_a_new_throttle_is_one_that_nobody_knows():
    """Whose it was the last time says nothing."""
    course = Course(A, after_s=10.0)
    course.all_ask(60.0)
    course.throttled.clear()
    course.all_ask(15.0)
    course.throttled |= {A}
    assert course.ask(A) is None
    assert Whose.ALL is course.ask(B).whose


def test_a_probe_that_is_given_up_does_not_stand_the_others():
    """It is cancelled with its lane."""
    course = Course(A)
    course.ask(A)
    course.now += 31.0
    turn, _began = course.begin(B)
    course.throttles.leave(turn)
    assert isinstance(course.begin(C)[0], Turn)


def test_a_lone_institution_waits_as_long_as_it_is_asked_to():
    """There are no others who could ask first."""
    course = Course(A, others=False, after_s=8.0)
    course.ask(A)
    assert 8.0 == course.ask(A).after_s
