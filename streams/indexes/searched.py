"""Ask an index of what it has not read: what is looked for is searched in the topic, behind where the index stands."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final, NamedTuple

from streams.indexes.bookkeeping import begin_with, forget, positions
from streams.indexes.shape import BOOKKEEPING, Shape, Writing
from streams.topics.batches import Sought
from streams.topics.offsets import Reach
from streams.topics.searching import Search
from streams.topics.whole import OnProgress

SEARCHED: Final = range(5_001, 2_000_001)
"""Messages that an index has not: of so many, what is looked for is searched for. Fewer are soon read on; to search more takes
longer than anybody waits for each answer.
"""
_AT_ONCE: Final = 500
"""Found messages that are written together."""


class Searched(NamedTuple):
    """How far a search came."""

    messages: int
    """Among so many it was searched."""
    complete: bool
    """Whether those are all. False when the time was up."""


@contextmanager
def lent(index: sqlite3.Connection | None, shape: Shape, reach: Mapping[int, Reach]) -> Iterator[sqlite3.Connection]:
    """The index, or an empty one in memory, for as long as this is open: whatever is written into it is gone then."""
    if index is None:
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
            empty.executescript(BOOKKEEPING + shape.tables + shape.indexes)
            begin_with(empty, reach)
            yield empty
        return
    index.execute("BEGIN IMMEDIATE")
    try:
        yield index
    finally:
        index.rollback()


def unread(index: sqlite3.Connection, shape: Shape, reach: Mapping[int, Reach]) -> dict[int, int]:
    """By partition that is not read to its end: the offset from which on it is not. index: one that is lent."""
    forget(index, shape, reach)
    stands = positions(index)
    return {number: stands[number] for number, one in reach.items() if stands[number] < one.end}


def take_found(  # noqa: PLR0913 - what is searched, and how long
    writing: Writing, topic: Search, starts: Mapping[int, int], sought: Sought, *, deadline_s: float, on_progress: OnProgress
) -> Searched:
    """Write into an index that is lent what is found in the topic from `starts` on. Raises as `Search.find`."""
    ends = {number: one.end for number, one in topic.reach().items()}
    total = left = sum(max(0, ends[number] - start) for number, start in starts.items())
    waiting: list[Any] = []
    for messages, stands in topic.find(starts, {number: ends[number] for number in starts}, sought, deadline_s=deadline_s):
        waiting += messages
        if len(waiting) >= _AT_ONCE:
            writing.take(waiting)
            waiting.clear()
        left = sum(max(0, ends[number] - at) for number, at in stands.items())
        on_progress(total - left, total)
    writing.take(waiting)
    return Searched(total - left, complete=not left)


def is_searched(starts: Mapping[int, int], reach: Mapping[int, Reach]) -> bool:
    """Whether what is not read is searched, instead of being read on."""
    return sum(reach[number].end - start for number, start in starts.items()) in SEARCHED
