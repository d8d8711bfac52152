"""How much libraries may say: in an outage aiokafka alone writes 200 lines a second, all of them the same few."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_PER_MINUTE: Final = 5
_WINDOW_S: Final = 60.0
_AGAIN_S: Final = 300.0
_MOST_SAYINGS: Final = 500


@dataclass(slots=True)
class _Window:
    """What one library said in the last minute, and how much of it was kept back since a line of its went out."""

    since: float
    lines: int = 0
    kept_back: int = 0


class RateLimit(logging.Filter):
    """Lets each message of a library through once in five minutes, and few different ones of it in a minute.

    A line that goes out carries how many of its library's were kept back before it (`kept_back`). Two lines are the same message
    when they differ only in what was filled in.
    """

    def __init__(
        self, *, per_minute: int = _PER_MINUTE, again_s: float = _AGAIN_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._per_minute = per_minute
        self._again_s = again_s
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self._told: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()  # Faust fetches in a thread of its own, and logs there

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line goes out."""
        with self._lock:
            return self._passes(record)

    def _passes(self, record: logging.LogRecord) -> bool:
        now, saying = self._clock(), (record.name, f"{record.msg}")
        window = self._windows.setdefault(record.name.partition(".")[0], _Window(now))
        if now - window.since >= _WINDOW_S:
            window.since, window.lines = now, 0
        told = self._told.get(saying)
        if window.lines >= self._per_minute or (told is not None and now - told < self._again_s):
            window.kept_back += 1
            return False
        if window.kept_back:
            record.kept_back = window.kept_back
        window.lines, window.kept_back = window.lines + 1, 0
        self._note(saying, now)
        return True

    def _note(self, saying: tuple[str, str], now: float) -> None:
        self._told.pop(saying, None)
        self._told[saying] = now
        if len(self._told) > _MOST_SAYINGS:
            del self._told[next(iter(self._told))]
