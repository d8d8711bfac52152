"""What a supervisor does after a worker ended: how long to wait, and whether to call a person. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from streams.lanes.exits import PAGE_AT_ONCE, Exit

_FIRST_DELAY_S: Final = 3.0
_LONGEST_DELAY_S: Final = 60.0
_HELD_DELAY_S: Final = 300.0
_WINDOW_S: Final = 600.0
_MANY: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One end of a worker."""

    exit_code: int
    at: float
    """Seconds, on the supervisor's clock."""
    reason: str = ""
    """The worker's last word; `""` when it had none (killed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The recent ends of one worker, oldest first."""

    ends: tuple[Ended, ...] = ()

    def after(self, end: Ended) -> "History":
        """The history with one end more. Ends that are older than ten minutes are forgotten, except the last hole."""
        kept = tuple(one for one in self.ends if end.at - one.at < _WINDOW_S or one is self._last_hole())
        return replace(self, ends=(*kept, end))

    def _last_hole(self) -> Ended | None:
        return next((end for end in reversed(self.ends) if end.exit_code == Exit.HOLE), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """What to do after a worker ended: start it again."""

    delay_s: float
    """Wait so long before."""
    page: str = ""
    """Why a person is needed; `""` if nobody is."""


def decide(history: History) -> Restart:
    """What follows the last end of `history`."""
    last, recent = history.ends[-1], _recent(history)
    delay_s = min(_FIRST_DELAY_S * 2.0 ** (recent - 1), _LONGEST_DELAY_S)
    if last.exit_code in PAGE_AT_ONCE:
        return Restart(delay_s=_HELD_DELAY_S, page=f"exit {last.exit_code}: {last.reason}")
    if last.exit_code == Exit.HOLE and any(end.reason == last.reason for end in history.ends[:-1] if end.exit_code == Exit.HOLE):
        return Restart(delay_s=_HELD_DELAY_S, page=f"the same records are missing again: {last.reason}")
    if recent > _MANY:
        return Restart(delay_s=delay_s, page=f"{recent} ends in {_WINDOW_S / 60:.0f} minutes, the last with exit {last.exit_code}")
    return Restart(delay_s=delay_s)


def _recent(history: History) -> int:
    last = history.ends[-1]
    return sum(last.at - end.at < _WINDOW_S for end in history.ends)
