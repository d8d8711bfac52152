"""What waits in the join: counted by the index, listed from the topic, the oldest first."""

import pytest

from streams.domain.changes import Incoming
from streams.domain.join.entries import dump, key_of
from streams.domain.join.parts import Part
from streams.domain.keys import SEPARATOR
from streams.explain.pending import Awaited, Wanted, awaited, pending
from streams.explain.remembered import state_shape
from streams.explain.subject import Keys
from tests.unit.streams.domain.join.join_rig import HOSPITAL, PHARMACY, mappings
from tests.unit.streams.explain.in_memory import index_of
from tests.unit.streams.explain.test_remembered import SINCE, row

NEVER = 10**12


class State:
    """A partition of `visit.state`, as `Logs` reads it."""

    class topics:  # noqa: N801 - as the attribute is named
        state = "visit.state"

    def __init__(self, *rows):
        self.messages = [
            Incoming("visit.state", 0, at, key_of(b"V1", one.role, one.source, one.table, one.key), dump(one), (), SINCE)
            for at, one in enumerate(rows)
        ]
        self.index = index_of(state_shape(Keys(mappings()).institutions), self.messages)

    def state(self, question):
        return question(self.index)

    def at(self, _topic, places):
        return [one for one in self.messages if (one.partition, one.offset) in places]


def waiting(number, part, after, *, lasts=60_000, org="H", **more):
    since = SINCE + after
    one = row(number, **more)._replace(table="h.charge", columns={"charge_id": number, "org": org})
    return one.waiting(f"{part}", since=since, deadline=since + lasts)


ROWS = (
    waiting("F1", Part.SETTLEMENT, 30),
    waiting("F2", Part.SETTLEMENT, 10),
    waiting("F3", "lookup ward", 20)._replace(refused="told"),
    waiting("F4", Part.PARENT_REFUSED, 40, lasts=NEVER),
    waiting("F5", "collision 17", 50),
    waiting("F6", "collision 18", 60),
    row("F7"),
)


def asked(*wanted, most=9):
    return pending(State(*ROWS), Keys(mappings()), Wanted(*wanted), most=most)


def test_what_waits_is_counted_by_what_it_waits_for():
    """A collision names its transaction: that is no kind of its own."""
    assert [
        ("collision", "fee_list_d", 2, 0, SINCE + 50),
        ("settlement", "fee_list_d", 2, 0, SINCE + 10),
        ("lookup ward", "fee_list_d", 1, 1, SINCE + 20),
        ("parent_refused", "fee_list_d", 1, 0, SINCE + 40),
    ] == [(one.kind, one.service, *one[3:]) for one in asked().kinds]


def test_the_oldest_are_listed_with_their_end():
    """What no time ends says so by having none."""
    found = asked(most=4).oldest
    assert ["h.charge/F2", "h.charge/F3", "h.charge/F1", "h.charge/F4"] == [one.row for one in found]
    assert [SINCE + 60_010, SINCE + 60_020, SINCE + 60_030, 0] == [one.until for one in found]
    assert ([False, True, False, False], {HOSPITAL}) == ([one.told for one in found], {one.institution for one in found})


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        (("his",), 6),
        (("other",), 0),
        (("", "", "settlement"), 2),
        (("", HOSPITAL), 6),
        (("", PHARMACY), 0),
        (("his", HOSPITAL, "collision"), 2),
    ],
)
def test_what_is_not_asked_for_is_neither_counted_nor_listed(wanted, rows):
    """The sum of what is shown is what is said."""
    found = asked(*wanted)
    assert (rows, rows) == (found.total, len(found.oldest))


def test_what_waits_is_counted_by_source_institution_and_part_the_longest_first():
    """Who is called at night wants to know whose it is, before any row of it is read."""
    more = (waiting("F8", Part.SETTLEMENT, 5, org="P"), waiting("F9", Part.VISIT, 70, org="nobody's"))
    found = State(*ROWS, *more).state(awaited)
    assert [
        Awaited("his", PHARMACY, "settlement", 1, 0, SINCE + 5),
        Awaited("his", HOSPITAL, "settlement", 2, 0, SINCE + 10),
        Awaited("his", HOSPITAL, "lookup ward", 1, 1, SINCE + 20),
        Awaited("his", HOSPITAL, "parent_refused", 1, 0, SINCE + 40),
        Awaited("his", HOSPITAL, "collision", 2, 0, SINCE + 50),
        Awaited("his", "", "visit", 1, 0, SINCE + 70),
    ] == found


def test_what_was_written_anew_since_the_index_was_asked_is_left_out():
    """It is compacted away, or waits no more."""
    state = State(*ROWS)
    state.messages = [one for one in state.messages if SEPARATOR.encode() + b"F2" not in one.key]
    assert "h.charge/F2" not in {one.row for one in pending(state, Keys(mappings()), Wanted(), most=9).oldest}
