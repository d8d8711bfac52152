"""When a capture that failed is started again: with a growing wait, so often and no oftener. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum


class Step(StrEnum):
    """What is done now. EXHAUSTED: it was started again as often as allowed, and failed each time."""

    WAIT = "wait"
    RESTART = "restart"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartSettings:
    """How often and when, in seconds."""

    most: int = 6
    """Restarts in a row."""
    first_s: float = 15.0
    """Wait before the first one; each next one waits twice as long."""
    longest_s: float = 600.0
    """Longest wait between two."""
    well_s: float = 1800.0
    """After it ran for so long, it is counted anew."""

    def wait_s(self, attempt: int) -> float:
        """Before the restart with this number, from 1."""
        return min(self.first_s * 2.0 ** min(attempt - 1, 60), self.longest_s)


@dataclass(slots=True)
class Restarts:
    """The restarts of one capture."""

    settings: RestartSettings
    attempts: int = 0
    """Restarts since it ran well last."""
    due: float | None = None
    """When the next one is; None while it does not fail."""
    _well_since: float | None = field(default=None)

    def failed(self, now: float) -> Step:
        """It has failed, as is seen at `now`. RESTART counts as ordered."""
        self._well_since = None
        if self.due is None:
            self.due = now + self.settings.wait_s(self.attempts + 1)
        if self.attempts >= self.settings.most:
            return Step.EXHAUSTED
        if now < self.due:
            return Step.WAIT
        self.attempts += 1
        self.due = None
        return Step.RESTART

    def running(self, now: float) -> None:
        """It runs, as is seen at `now`."""
        self.due = None
        if self._well_since is None:
            self._well_since = now
        if now - self._well_since >= self.settings.well_s:
            self.attempts = 0

    def put_off(self) -> None:
        """What it waits for is not its own: that is no attempt."""
        self.due = None
        self._well_since = None
