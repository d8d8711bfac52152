"""What an index notes of itself: of which topic it is, and how far that was read."""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from streams.indexes.shape import Shape
from streams.topics.offsets import Reach

_READ_AT: Final = "read at "
"""Begin of the names in `meta` under which stands when (ms) a partition was read last; its number follows."""


def objection(index: sqlite3.Connection, reach: Mapping[int, Reach], topic_id: str) -> str:
    """Why what stands in it cannot be what the topic says; `""` where it can."""
    stands, was = positions(index), meta(index, "topic_id")
    began = dict(index.execute("SELECT partition, begin FROM positions"))
    if was != topic_id or stands.keys() != reach.keys():
        return "the topic is another one"
    if any(stands[number] > one.end for number, one in reach.items()):
        return "the topic ends before what was read of it"
    if any(began[number] < stands[number] < one.begin for number, one in reach.items()):
        return "the topic begins behind what was read of it"
    return ""


def begins_later(index: sqlite3.Connection, reach: Mapping[int, Reach]) -> dict[int, int]:
    """Where the topic dropped what is in the index."""
    began = dict(index.execute("SELECT partition, begin FROM positions"))
    return {number: one.begin for number, one in reach.items() if one.begin > began[number]}


def stale(index: sqlite3.Connection, shape: Shape, reach: Mapping[int, Reach]) -> list[int]:
    """The partitions in which something may have gone without a trace since they were read."""
    pause, stands = shape.longest_pause_ms, positions(index)
    read = {number: int(meta(index, f"{_READ_AT}{number}") or 0) for number in reach} if pause else {}
    return [number for number, at in read.items() if _now_ms() - at > pause and stands[number] < reach[number].end]


def forget(index: sqlite3.Connection, shape: Shape, reach: Mapping[int, Reach]) -> None:
    """Take out what the topic does not hold any more, and what may not be true any more: that is read again."""
    writing = shape.writing(index)
    if begins := begins_later(index, reach):
        writing.forget(begins)
        moved = [(at, at, one) for one, at in begins.items()]
        index.executemany("UPDATE positions SET begin = ?, offset = max(offset, ?) WHERE partition = ?", moved)
    if again := stale(index, shape, reach):
        writing.forget({number: reach[number].end for number in again})
        index.executemany("UPDATE positions SET offset = begin WHERE partition = ?", [(number,) for number in again])


def note(index: sqlite3.Connection, shape: Shape, numbers: Iterable[int]) -> None:
    """Note when these partitions were read, where that is asked for later."""
    if shape.longest_pause_ms:
        read = [(f"{_READ_AT}{number}", f"{_now_ms()}") for number in numbers]
        index.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", read)


def begin_with(index: sqlite3.Connection, reach: Mapping[int, Reach]) -> None:
    """Note that nothing of these partitions was read yet."""
    rows: Sequence[tuple[int, int, int]] = [(number, one.begin, one.begin) for number, one in reach.items()]
    index.executemany("INSERT INTO positions VALUES (?, ?, ?)", rows)


def positions(index: sqlite3.Connection) -> dict[int, int]:
    """By partition: the offset to go on from."""
    return dict(index.execute("SELECT partition, offset FROM positions"))


def foreign(index: sqlite3.Connection) -> int:
    """Messages that are none of ours."""
    return int(meta(index, "foreign"))


def meta(index: sqlite3.Connection, name: str) -> str:
    """What stands under a name; `""` where nothing does."""
    found = index.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return f"{found[0]}" if found else ""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
