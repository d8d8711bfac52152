"""A list held against the letters: what is closed by whose word, what waits for a number, what was decided too late."""

from dataclasses import replace

import pytest

from streams.deadletter.index.pages import Letter
from streams.deadletter.sheet.decisions import Decision
from streams.deadletter.sheet.taken_in import Decided, Row
from streams.replay.plan import Depth
from streams.topics.audit import AuditEntry
from yibao.letters.taken_in import Sheet, ToClose, first_taken, held_against

EMPTY = {
    name: 0 if name in ("first", "last", "closed", "partition", "offset", "replays", "attempts") else "" for name in Letter._fields
}
ONE = Letter(**EMPTY | {"id": "1" * 32, "dead_class": "VALIDATION", "rule": "R7", "last": 100})
GONE = ONE._replace(id="2" * 32, dead_class="WITHDRAWN", rule="DELETED_AFTER_REPORT")
NOTHING = Sheet(digest="d", decided={}, faults=(), rows=0, pending=0)


def held(decision, letter=ONE, *, note="", confirmation="", reason="", before=0, there=True):
    one = Decided(Row("医保办", 7, ()), letter.id, decision, note, confirmation)
    sheet = replace(NOTHING, decided={letter.id: one})
    return held_against({letter.id: letter} if there else {}, sheet, reason=reason, before=before)


@pytest.mark.parametrize(("note", "reason", "why"), [("测试", "", "测试"), ("", "清单", "清单"), ("测试", "清单", "测试")])
def test_a_letter_is_closed_with_its_own_reason_else_with_the_lists(note, reason, why):
    """Whoever asks a year later reads the nearest one."""
    assert [ToClose(ONE, "", why)] == held(Decision.CLOSE, note=note, reason=reason).close


def test_nothing_is_closed_without_a_reason():
    """As `yibao dlq close` demands one."""
    work = held(Decision.CLOSE)
    assert ([], ["备注"], 7) == (work.close, [one.column for one in work.faults], work.faults[0].row)


def test_what_the_platform_still_has_needs_its_number():
    """A clerk's word does not take a record back."""
    assert ["平台确认号"] == [one.column for one in held(Decision.CLOSE, GONE, note="已处理").faults]
    assert [ToClose(GONE, "WX-1", "已处理")] == held(Decision.CLOSE, GONE, note="已处理", confirmation="WX-1").close


@pytest.mark.parametrize(
    ("decision", "depth"),
    [
        (Decision.REMAKE, Depth.RENORMALISE),
        (Decision.RESEND, Depth.RESEND),
        (Decision.REREAD, Depth.RECAPTURE),
    ],
)
def test_what_is_to_be_tried_again_is_planned(decision, depth):
    """By its depth, and nothing is closed for it."""
    work = held(decision)
    assert ([ONE], [], True) == (work.replay[depth], work.close, work.does_something)


def test_what_was_mended_in_the_hospitals_system_is_counted():
    """Its row comes by itself."""
    work = held(Decision.MENDED)
    assert (1, False) == (work.mended, work.does_something)


def test_a_letter_that_nobody_has_is_told():
    """An id that was mistyped, or is of another site."""
    assert ["编号"] == [one.column for one in held(Decision.CLOSE, note="x", there=False).faults]


@pytest.mark.parametrize("decision", [one for one in Decision if one is not Decision.PENDING])
def test_a_letter_that_was_closed_meanwhile_is_left(decision):
    """Whatever was decided about it: it is told, and is no fault."""
    work = held(decision, ONE._replace(closed=5), note="x")
    assert ([7], [], False) == ([one.row.number for one in work.closed_before], list(work.faults), work.does_something)


@pytest.mark.parametrize("decision", [Decision.CLOSE, Decision.REMAKE])
def test_what_failed_since_the_same_file_was_taken_in_is_left(decision):
    """It was decided about the failure before that one."""
    assert not held(decision, note="x", before=99).does_something
    assert held(decision, note="x", before=100).does_something


def test_a_list_decides_about_what_it_was_first_taken_in_for():
    """A list of which a part was done, then taken in again for the rest, and then once more: what failed after the first time is
    not closed by the third.
    """
    entries = [
        entry("2024-05-06T08:00:00+08:00"),
        entry("2024-05-06T09:00:00+08:00", file="other"),
        entry("2024-05-07T08:00:00+08:00"),
    ]
    assert 1714953600000 == first_taken(entries, "d")
    assert 0 == first_taken(entries, "never")


def entry(at, *, file="d"):
    return AuditEntry(id="", at=at, by="", action="dlq import", why="", facts={"file": file})
