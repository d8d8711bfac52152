"""The log that a hospital's server keeps because its capture stands: how fast it grows, and when the disk's room for it is full.
Pure.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

_OVER_S: Final = 3600.0
"""The rate of growth is that of so long."""
_AT_LEAST_S: Final = 120.0
"""Of less than that no rate is told."""
_SMALL: Final = 0.05
"""Of the room: less than that is a day's coming and going."""
ALL: Final = 0.95
"""Of the room: from here on it is full."""
_MUCH, _TOO_MUCH = 0.5, 0.8
_UNBOUNDED: Final = 10 << 30
"""So much is told where nobody said how much may be kept."""
_SOON_S, _VERY_SOON_S = 86_400.0, 7_200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLog:
    """What a server keeps for one capture, at one moment."""

    bytes: int
    """So much."""
    room: int | None
    """So much may be kept; None: nobody said, and nothing bounds it."""


class Danger(IntEnum):
    """How near the end is. GROWING: it fills the room within a day, or half of it is full;
    without a bound: 10 GiB. NEAR: within two hours, or four fifths.
    FULL: no room is left.
    """

    NONE = 0
    GROWING = 1
    NEAR = 2
    FULL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How long it goes on so."""

    kept: KeptLog
    """What is kept now."""
    growth_bytes_s: float
    """How fast it grows; 0 where it does not, or that is not known yet."""
    full_in_s: float | None
    """When the room is full at this rate; None where it is not getting full, or has no end."""

    @property
    def danger(self) -> Danger:
        """How near the end is."""
        room = self.kept.room
        if room is None:
            return Danger.GROWING if self.kept.bytes >= _UNBOUNDED else Danger.NONE
        if self.kept.bytes < _SMALL * room:
            return Danger.NONE
        share = self.kept.bytes / room
        soon = self.full_in_s
        if share >= ALL:
            return Danger.FULL
        if share >= _TOO_MUCH or (soon is not None and soon < _VERY_SOON_S):
            return Danger.NEAR
        return Danger.GROWING if share >= _MUCH or (soon is not None and soon < _SOON_S) else Danger.NONE


@dataclass(slots=True)
class Growth:
    """What was kept in the last hour."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def saw(self, kept: KeptLog, now: float) -> Outlook:
        """Take one more look, at `now` in seconds of a clock that never goes back. What shrinks begins anew: capture goes on."""
        if self._seen and kept.bytes < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, kept.bytes))
        while now - self._seen[0][0] > _OVER_S:
            self._seen.popleft()
        rate = max(self._rates(), default=0.0)
        left = None if kept.room is None else max(0, kept.room - kept.bytes)
        return Outlook(kept=kept, growth_bytes_s=rate, full_in_s=None if left is None or rate <= 0 else left / rate)

    def _rates(self) -> Iterator[float]:
        """Over all that was seen, and over its younger half: a disk that begins to fill faster is told by that."""
        last_at, last = self._seen[-1]
        for at, size in (self._seen[0], self._seen[len(self._seen) // 2]):
            if last_at - at >= _AT_LEAST_S:
                yield (last - size) / (last_at - at)
