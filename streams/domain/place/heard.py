"""How long a source's capture was heard: a transaction is over when nothing of it came for a while in which something could come.

Silence proves nothing while capture is away: the rest of a transaction comes when it is back. So the time between two signs of life
counts no further than they lie apart as a rule, however long capture was gone between them.
"""

from bisect import bisect_right
from typing import Final

_SLACK: Final = 1.5
"""Two signs of life may lie so many intervals apart before the time between them is doubted."""
_MOST: Final = 1_024
"""Signs of life that are remembered: longer than any transaction is waited for."""


class Heard:
    """interval_ms: how far apart the signs of life of this capture lie."""

    def __init__(self, interval_ms: int) -> None:
        self._longest_ms = round(interval_ms * _SLACK)
        self._beats: list[int] = []

    def note(self, beat_ms: int) -> None:
        """Capture gave a sign of life, by its own clock (ms); one that is not later than the last one tells nothing."""
        if self._beats and beat_ms <= self._beats[-1]:
            return
        self._beats.append(beat_ms)
        if len(self._beats) > _MOST:
            del self._beats[: _MOST // 2]

    @property
    def last_ms(self) -> int | None:
        """The last sign of life; None: none is known."""
        return self._beats[-1] if self._beats else None

    def after(self, at_ms: int) -> int | None:
        """For how long (ms) it was heard since then; None: no sign of life is known, and silence cannot be told from absence."""
        if not self._beats:
            return None
        first = bisect_right(self._beats, at_ms)
        heard = 0
        for number in range(max(first, 1), len(self._beats)):
            heard += min(self._beats[number] - max(self._beats[number - 1], at_ms), self._longest_ms)
        return heard
