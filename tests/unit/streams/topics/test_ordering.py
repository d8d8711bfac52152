"""Two people at three in the morning, each with a runbook: what one orders is not lost under the other's order, nor unheard."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import Unreachable
from streams.topics.ordering import settle
from streams.topics.steering import LIMITS, LimitOrder, Pause, Paused
from tests.patience import PATIENCE_S


class Turns:
    """Who may look at the log, or write, next: as drawn, and any order once that is used up."""

    def __init__(self, drawn, people):
        self.drawn, self.there = list(drawn), set(people)
        self.changed = threading.Condition()

    def take(self, who, step):
        with self.changed:
            assert self.changed.wait_for(lambda: self._next() in (who, None), PATIENCE_S)
            if self.drawn:
                self.drawn.pop(0)
            found = step()
            self.changed.notify_all()
        return found

    def leave(self, who):
        with self.changed:
            self.there.discard(who)
            self.changed.notify_all()

    def _next(self):
        while self.drawn and self.drawn[0] not in self.there:
            self.drawn.pop(0)
        return self.drawn[0] if self.drawn else None


class Log:
    """The log as one person has it, who takes turns with others."""

    def __init__(self, messages, turns, who):
        self.messages, self.turns, self.who = messages, turns, who

    def read(self):
        return self.turns.take(self.who, lambda: list(enumerate(self.messages)))

    def write(self, order):
        return self.turns.take(self.who, lambda: self._append(order))

    def _append(self, order):
        self.messages.append(order.dump())
        return len(self.messages) - 1


def limit(field, value):
    def made(last):
        return LimitOrder(at="", by=field, why="", changes=frozenset({field}), **{field: value}).upon(last)

    return made


def upon(before, order):
    return order.upon(before)


def of_the_site(orders):
    return orders.limits.get("")


def all_order(makes, pick, drawn):
    """What each heard, by name, and what stands in the log at the end."""
    messages, turns = [], Turns(drawn, makes)

    def one(who):
        try:
            return settle(Log(messages, turns, who), pick=pick, make=makes[who], note=lambda _order: None, upon=upon)
        finally:
            turns.leave(who)

    with ThreadPoolExecutor(len(makes)) as people:
        return dict(zip(makes, people.map(one, makes), strict=True)), messages


@settings(max_examples=60)
@given(st.lists(st.sampled_from(LIMITS), max_size=20))
def test_of_limits_that_several_set_at_once_none_is_lost(drawn):
    """Each takes over what the others set; before, the last order took the place of all of them as it had seen them."""
    makes = {field: limit(field, 1 + number) for number, field in enumerate(LIMITS)}
    _, messages = all_order(makes, of_the_site, drawn)
    last = json.loads(messages[-1])
    assert {field: 1 + number for number, field in enumerate(LIMITS)} == {field: last[field] for field in LIMITS}


@settings(max_examples=60)
@given(st.lists(st.sampled_from("ab"), max_size=8))
def test_of_two_who_looked_before_either_wrote_one_hears_of_the_other(drawn):
    """And whoever is told that the own order counts is right: it is the last of the log."""
    makes = {who: limit("in_flight", number) for number, who in enumerate("ab", start=1)}
    settled, messages = all_order(makes, of_the_site, ["a", "b", *drawn])
    heard = {who: [one.by and other for one in found.beside] for other, (who, found) in zip("ba", settled.items(), strict=True)}
    assert any(heard.values())
    last = [who for who, found in settled.items() if messages[-1] == found.order.dump() and not found.overtaken]
    assert last


def test_a_pause_and_a_resume_of_the_same_moment_know_of_each_other():
    """The one who resumes ends a pause of which they have not heard, unless they are told."""
    at = "2026-12-01T03:00:00+08:00"
    order = Pause(of=Paused.STAGE, name="deliver", paused=True, since=at, at=at, by="first", why="the platform asked")
    makes = {"pauses": lambda _last: replace(order, by="second"), "resumes": lambda last: last and replace(last, paused=False)}
    messages, turns = [order.dump()], Turns(["pauses", "resumes", "pauses", "resumes", "pauses", "resumes"], makes)
    with ThreadPoolExecutor(2) as people:
        told = {
            who: people.submit(
                settle,
                Log(messages, turns, who),
                pick=lambda orders: orders.pauses.get((Paused.STAGE, "deliver")),
                make=make,
                note=lambda _order: None,
            )
            for who, make in makes.items()
        }
        paused, resumed = (told[who].result(PATIENCE_S) for who in ("pauses", "resumes"))
    assert ([False], True) == ([one.paused for one in paused.beside], paused.overtaken)
    assert (["second"], False) == ([one.by for one in resumed.beside], resumed.overtaken)


def test_what_is_not_to_be_ordered_is_neither_noted_nor_written():
    """An order that says nothing would stand in the audit log as one that did."""
    messages, noted = [], []
    log = Log(messages, Turns([], ["one"]), "one")
    assert settle(log, pick=of_the_site, make=lambda _last: None, note=noted.append) is None
    assert ([], []) == (messages, noted)


def test_an_order_that_never_comes_to_rest_gives_up_and_says_so():
    """A program that writes without end must not keep a person waiting without end."""

    class Busy(Log):
        def write(self, order):
            self._append(replace(order, in_flight=len(self.messages) + 1))
            return super().write(order)

    with pytest.raises(Unreachable, match="at the same time, 20 times"):
        settle(
            Busy([], Turns([], ["one"]), "one"),
            pick=of_the_site,
            make=limit("requests_per_s", 1.0),
            note=lambda _order: None,
        )
