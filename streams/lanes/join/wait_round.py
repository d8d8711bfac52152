"""How many rows wait, for what, and since when: counted in rounds, with a bounded share of the process's time.

Which rows wait is known in memory; for what, stands in their entries. To keep that in memory, too, would cost every change; to read
all of them at once would hold the lanes. A round over a million rows takes half an hour, one over a thousand a few seconds.
"""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Final

from streams.domain.join.entries import load
from streams.domain.join.parts import Part
from streams.lanes.assignment import Assignment
from streams.lanes.join.lane import JoinLane
from streams.lanes.join.state import State
from streams.telemetry.board import Board

_EVERY_S: Final = 15.0
_SHARE: Final = 0.005
"""Of the time, so much is spent on counting at most."""
_AT_ONCE: Final = 50
_WORD: Final = re.compile(r"[a-z_]*")
_PARTS: Final = frozenset(part.value for part in Part)
_OTHER: Final = "other"


class WaitRound:
    """lanes: of the process. wall: seconds since the epoch."""

    def __init__(self, lanes: Assignment, *, share: float = _SHARE, wall: Callable[[], float] = time.time) -> None:
        self._lanes = lanes
        self._share = share
        self._wall = wall
        self._counts: dict[str, int] = {}
        self._oldest: dict[str, int] = {}
        self._counted_at: float | None = None

    async def run(self) -> None:
        """Count for ever."""
        while True:
            await self.count()
            await asyncio.sleep(_EVERY_S)

    async def count(self) -> None:
        """Count once. Partitions that go meanwhile are left out, those that come are counted next time."""
        counts, oldest = dict.fromkeys(sorted(_PARTS), 0), dict[str, int]()
        for lane in list(self._lanes.lanes.values()):
            if isinstance(lane, JoinLane):
                await self._count(lane, counts, oldest)
        self._counts, self._oldest, self._counted_at = counts, oldest, self._wall()

    async def _count(self, lane: JoinLane, counts: dict[str, int], oldest: dict[str, int]) -> None:
        began, in_hand = time.perf_counter(), 0
        for key in lane.state.waiting():
            if lane.closed:
                return
            part, since = _wait(lane.state, key)
            if part:
                counts[part] = counts.get(part, 0) + 1
                oldest[part] = min(oldest.get(part, since), since)
            in_hand += 1
            if in_hand == _AT_ONCE:
                await asyncio.sleep((time.perf_counter() - began) / self._share)
                began, in_hand = time.perf_counter(), 0

    def __call__(self, board: Board) -> None:
        """Put down the last whole round."""
        for part, count in self._counts.items():
            board.put("cdc_join_waiting_rows", count, part)
        for part, since in self._oldest.items():
            board.put("cdc_join_oldest_wait_timestamp_seconds", since / 1000, part)
        if self._counted_at is not None:
            board.put("cdc_join_waits_counted_timestamp_seconds", self._counted_at)


def _wait(state: State, key: bytes) -> tuple[str, int]:
    """What the row of an entry waits for, in a word that says nothing of the row, and since when (ms); `""`: no more."""
    value = state.stored(key)
    row = None if value is None else load(key, value)
    if row is None or not row.waits_for:
        return "", 0
    word = _WORD.match(row.waits_for)
    part = word.group() if word else ""
    return part if part in _PARTS else _OTHER, row.since
