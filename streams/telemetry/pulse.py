"""The pulse of a worker: a timer of its event loop, by which it is seen that the loop moves, and at which the worker is looked at.

What was seen last stays readable by other threads when the loop stands still; that it is old shows.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from streams.telemetry.board import Board, Look
from streams.telemetry.conditions import Condition, Reason

log = structlog.get_logger()

BEAT_S: Final = 0.5
_LOOK_EVERY: Final = 2
"""Beats from one look to the next."""
_KEPT: Final = 30
"""So many beats, 15 s of them, are looked back at for how late the loop was."""


class Pulse:
    """stuck_s: after so long without a beat the loop counts as stuck. clock: seconds that never go back, and that stand still while
    the machine is suspended, or every worker would be ended after it.
    """

    def __init__(
        self,
        *,
        stuck_s: float,
        beat_s: float = BEAT_S,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._stuck_s = stuck_s
        self._beat_s = beat_s
        self._clock = clock
        self._wall = wall
        self._looks: list[Look] = [_starting]
        self._beats = 0
        self._last: float | None = None
        self._late: deque[float] = deque(maxlen=_KEPT)
        self._failing = False
        self._board = self._looked_at()

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Beat for the life of a loop."""
        self._last = self._clock()
        loop.call_later(self._beat_s, self._beat, loop)

    def watch(self, *looks: Look) -> None:
        """The worker could begin: look at it this way from now on."""
        self._looks = list(looks)

    def stand_by(self, others: str) -> None:
        """Of a worker that could begin and waits for others with another mapping to go; `""`: they have gone."""
        self._looks = [partial(_standing_by, others)] if others else [_starting]

    @property
    def late_s(self) -> float:
        """How late the loop came to its work, at most of late; what it is late now is in it."""
        now = 0.0 if self._last is None else self._clock() - self._last - self._beat_s
        return max(0.0, now, *tuple(self._late))

    @property
    def board(self) -> Board:
        """What was seen last."""
        return self._board

    @property
    def conditions(self) -> list[Condition]:
        """What speaks against the worker, as of now."""
        found = list(self._board.conditions)
        if self._last is not None and (still_s := self._clock() - self._last) > self._stuck_s:
            found.insert(0, Condition(Reason.LOOP_STUCK, f"no beat for {still_s:.1f} s"))
        return found

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self._clock()
        if self._last is not None:
            self._late.append(now - self._last - self._beat_s)
        self._last = now
        self._beats += 1
        if self._beats % _LOOK_EVERY == 0:
            self.look()
        loop.call_later(self._beat_s, self._beat, loop)

    def look(self) -> None:
        """Look once. Who fails tells nothing: what a worker does must not end because of who looks at it."""
        try:
            self._board = self._looked_at()
        except Exception as exc:  # noqa: BLE001 - whatever it is, the work goes on
            if not self._failing:
                log.warning("look_failed", error=type(exc).__name__)
            self._failing = True
        else:
            self._failing = False

    def _looked_at(self) -> Board:
        board = Board()
        for look in self._looks:
            look(board)
        board.put("cdc_looked_timestamp_seconds", self._wall())
        return board


def _starting(board: Board) -> None:
    board.say(Reason.STARTING)


def _standing_by(others: str, board: Board) -> None:
    board.say(Reason.MAPPING_AWAITED, others)
