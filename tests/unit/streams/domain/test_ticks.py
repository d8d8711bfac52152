"""Ticks stand among rows, and are told from them by who counts without reading."""

import pytest

from streams.domain.changes import decode
from streams.domain.ticks import Tick, is_tick, placed_tick_value, tick_value

TICKS = [tick_value(7), tick_value(7, [0, 3]), placed_tick_value(7, "his", ""), placed_tick_value(7, "his", "9")]
OTHERS = [(None, None), (None, b'{"op":"t"}'), (b"V1", tick_value(7)), (None, b'{"yibao":"release"}')]


@pytest.mark.parametrize("value", TICKS)
def test_every_tick_is_known_by_how_it_begins(value):
    """One that is not known is counted as a row that waits, and somebody looks for it."""
    assert isinstance(decode(value), Tick)
    assert is_tick(None, value)


@pytest.mark.parametrize(("key", "value"), OTHERS)
def test_nothing_else_is_one(key, value):
    """A table that was emptied has no key either, and the join owes it something."""
    assert not is_tick(key, value)
