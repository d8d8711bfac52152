"""The index of `visit.state`: at any time what reading all of the topic would say."""

import random
import sqlite3
from dataclasses import dataclass

import pytest

from connector.contract import TableRole
from streams.domain.join.entries import dump, key_of, load, reported_as_in, visit_key_of
from streams.domain.join.parts import MOVED_FROM, Part
from streams.domain.join.stored import StoredRow
from streams.domain.join.tallies import TOLD, Tally, head_of
from streams.domain.join.tallies import dump as dump_tally
from streams.domain.join.tallies import key_of as tally_key
from streams.domain.ready import encode
from streams.explain.places import READY, Place, places
from streams.explain.remembered import Institutions, called, differing, of_visit, state_shape
from streams.indexes.shape import BOOKKEEPING
from tests.unit.streams.explain.in_memory import STATE, index_of
from tests.unit.streams.lanes.lane_rig import emission

SINCE, DEADLINE = 1_764_000_000_000, 1_764_000_600_000


@dataclass(frozen=True)
class Said:
    """A message."""

    key: bytes
    value: bytes | None
    offset: int
    partition: int = 0
    headers: tuple = ()


def row(number="F1", role=TableRole.FEE, **more):
    return StoredRow(role, "his", "his.charge", (number,), {"a": "1"}, (7,), SINCE, **more)


def said(one, offset=0, visit=b"V1", partition=0):
    return Said(key_of(visit, one.role, one.source, one.table, one.key), dump(one), offset, partition)


@pytest.fixture
def index():
    made = sqlite3.connect(":memory:")
    made.executescript(BOOKKEEPING + STATE.tables + STATE.indexes)
    return made


def take(index, *messages):
    STATE.writing(index).take(messages)


def test_a_row_is_found_by_its_visit_its_key_and_its_record(index):
    """These three numbers are what a person has in hand."""
    take(index, said(row(reported_as="H1/R1"), 5), said(row("F2"), 6, b"V2"))
    assert [5] == [one.offset for one in of_visit(index, b"V1")]
    assert [[5], [5], [6], []] == [[one.offset for one in called(index, key)] for key in ("F1", "R1", "F2", "F9")]


def test_of_each_row_only_the_latest_message_counts_and_a_row_that_left_is_gone(index):
    """The topic is compacted: what stands at an earlier place may not be there any more."""
    take(index, said(row(), 1), said(row(), 2))
    take(index, said(row(), 3), said(row("F2"), 4))
    assert [Place(0, 3)] == [one.place for one in called(index, "F1")]
    take(index, Said(said(row()).key, None, 5))
    assert [4] == [one.offset for one in of_visit(index, b"V1")]


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        (row().waiting("settlement", since=SINCE, deadline=DEADLINE), ("settlement", SINCE, DEADLINE, 0)),
        (row().waiting(Part.PARENT_REFUSED, since=SINCE, deadline=SINCE + 10**12), ("parent_refused", SINCE, 0, 0)),
        (row().waiting(Part.MOVED, since=SINCE, deadline=MOVED_FROM + 3), ("moved", SINCE, 0, 0)),
        (row().waiting("lookup ward", since=SINCE, deadline=DEADLINE)._replace(refused="x"), ("lookup ward", SINCE, DEADLINE, 1)),
        (row(), ("", 0, 0, 0)),
    ],
)
def test_it_is_known_what_a_row_waits_for_and_until_when(index, waiting, expected):
    """A deadline that stands for none is not one."""
    take(index, said(waiting))
    assert expected == of_visit(index, b"V1")[0][8:12]


@pytest.mark.parametrize(
    ("one", "institution"),
    [
        (row()._replace(columns={"org": "H2"}).waiting("settlement", since=SINCE, deadline=DEADLINE), "H2"),
        (row(reported_as="H1/R1")._replace(columns={"org": "H2"}).waiting("settlement", since=SINCE, deadline=DEADLINE), "H1"),
        (row().waiting("settlement", since=SINCE, deadline=DEADLINE), ""),
        (row(reported_as="H1/R1"), ""),
    ],
)
def test_it_is_known_whose_a_row_is_that_waits(index, one, institution):
    """A hospital is called about its own rows. The record counts before what the row says now: that is what was reported."""
    take(index, said(one))
    assert institution == of_visit(index, b"V1")[0].institution


def test_an_index_whose_institutions_another_mapping_told_is_made_anew(index):
    """A hospital that was registered today would be counted as nobody's until its rows change."""
    filling = STATE.filling(index)
    filling.take([said(row())])
    filling.finish()
    assert STATE.objection(index) == ""
    assert "otherwise" in state_shape(Institutions(lambda *_: "", "by another")).objection(index)


def test_the_index_says_what_all_of_the_topic_says(index):
    """Read in portions of any size, with rows that come, change and go."""
    chance, there, history = random.Random(7), {}, []
    for offset in range(400):
        one = said(row(f"F{chance.randrange(9)}"), offset, b"V%d" % chance.randrange(3))
        one = one if chance.random() < 0.8 else Said(one.key, None, offset)
        history.append(one)
        there = {**there, one.key: one} if one.value else {key: other for key, other in there.items() if key != one.key}
    while history:
        portion, history = history[: (size := chance.randrange(1, 40))], history[size:]
        take(index, *portion)
    for visit in (b"V0", b"V1", b"V2"):
        expected = sorted(one.offset for key, one in there.items() if visit_key_of(key) == visit)
        assert expected == [one.offset for one in of_visit(index, visit)]


def test_messages_are_found_by_visit_and_by_record_and_forgotten_with_the_topic():
    """What retention dropped must not be looked for."""
    messages = []
    for offset, (visit, key) in enumerate([(b"V1", 3), (b"V1", 6), (b"V2", 3)]):
        ready_key, value, headers = encode(emission(key, visit=visit), offset + 1)
        messages.append(Said(ready_key, value, offset, headers=tuple(headers)))
    index = index_of(READY, messages)
    assert [[0, 1], [0, 2], []] == [[one.offset for one in places(index, [key], most=9)] for key in (b"V1", b"3", b"9")]
    assert [1] == [one.offset for one in places(index, [b"V1"], most=1)]
    READY.writing(index).forget({0: 1})
    assert [1] == [one.offset for one in places(index, [b"V1"], most=9)]


@pytest.mark.parametrize("record", ["", "H1/R1", 'H1/"', "H1/\\", 'H1/a"b', 'H1/\\"]', "H1/医保,[", 'H1/x","y'])
@pytest.mark.parametrize("letter", ["", "ab" * 16])
def test_what_a_row_was_reported_as_is_told_from_its_end_as_from_the_whole(record, letter):
    """The fast way must never say something else."""
    one = said(row(reported_as=record, letter=letter))
    assert record == reported_as_in(one.key, one.value) == load(one.key, one.value).reported_as


def test_settlements_whose_lines_do_not_add_up_are_counted_while_they_do_not(index):
    """Rule R2: in `status`. Of those that differ for a moment nothing is said, and they are no rows of their visit."""
    key, head = tally_key(head_of(b"V1", "his"), "S1"), head_of(b"V1", "his")
    differs = Tally(lines_cents=1, lines=1, stated_cents=2, settlements=1)
    take(index, said(row()), Said(head, b'r[11,"1 his"]', 1), Said(key, dump_tally(differs._replace(deadline=SINCE)), 2))
    assert {} == differing(index)
    take(index, Said(key, dump_tally(differs._replace(deadline=TOLD)), 3))
    assert ({"his": 1}, 1) == (differing(index), len(of_visit(index, b"V1")))
    take(index, Said(key, dump_tally(differs._replace(stated_cents=1)), 4))
    assert {} == differing(index)
