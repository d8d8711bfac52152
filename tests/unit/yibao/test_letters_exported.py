"""Letters and their messages, put together in the order of the topic."""

import sqlite3
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from streams.topics.offsets import Reach
from yibao.letters.exported import _GAP, _TABLES, _beside, _spans


def at(*offsets):
    return [SimpleNamespace(offset=offset) for offset in offsets]


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_each_letter_gets_its_own_message_or_none(letters, messages):
    """One that stands beside the wrong message would show one patient's data as another's."""
    told = [(letter.offset, message and message.offset) for letter, message in _beside(at(*sorted(letters)), at(*sorted(messages)))]
    assert [(one, one if one in messages else None) for one in sorted(letters)] == told


def test_what_lies_far_between_two_letters_is_not_read():
    """A hundred letters of a million messages are found without reading the million."""
    scratch = sqlite3.connect(":memory:")
    scratch.executescript(_TABLES)
    offsets = [3, 10, 11 + _GAP, 12 + 3 * _GAP, 2]
    scratch.executemany("INSERT INTO letters VALUES (1, ?, '')", [(one,) for one in offsets])
    spans = _spans(scratch, 1, Reach(begin=3, end=9 * _GAP))
    assert [(3, 12 + _GAP), (12 + 3 * _GAP, 13 + 3 * _GAP)] == spans
