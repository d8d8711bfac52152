"""A lane that is held: why, since when, what waits in it, and how often that is told."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from streams.deliver.remedies import REMEDIES
from streams.deliver.verdict import Held
from streams.domain.batch.cut import Batch
from streams.lanes.buffer import Clock

_ON_ITS_OWN: Final = "; the lane probes by itself and goes on then, nothing is lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What waits in a lane."""

    in_hand: int
    """Records that were fetched and are not committed."""
    plan: str = ""
    """The id of the plan under way."""
    of_plan: int = 0
    """Its records."""
    institutions: tuple[str, ...] = ()
    """Of the plan's records."""
    oldest_at: int | None = None
    """Milliseconds since the epoch: the first commit in the database among the plan's records."""


class Hold:
    """Whether one lane is held, why and since when.

    behind: asked for what waits, whenever it is told. again_s: how often the same is told again; another reason is told at once.
    log: of the lane.
    """

    def __init__(self, behind: Callable[[], Behind], *, again_s: float, clock: Clock, wall_ms: Callable[[], int], log: Any) -> None:
        self.why = ""
        self._behind = behind
        self._again_s = again_s
        self._clock = clock
        self._wall_ms = wall_ms
        self._log = log
        self._reason: tuple[str, str, str] | None = None
        self._told_at = 0.0
        self._began = 0.0
        self._since = datetime.fromtimestamp(0, UTC)

    def wait(self, held: Held, batch: Batch, msgid: str) -> None:
        """The platform's or our configuration is at fault. The lane goes on by itself when that is mended."""
        self._begin(f"{held.cause.value}: {held.message}")
        reason = held.cause.value, held.code, batch.institution
        if reason == self._reason and self._clock() - self._told_at < self._again_s:
            return
        self._reason, self._told_at = reason, self._clock()
        behind = self._behind()
        self._log.error(
            "lane_held",
            cause=held.cause.value,
            code=held.code,
            http_status=held.http_status,
            platform_says=held.message,
            key=held.key,
            remedy=(held.remedy or REMEDIES[held.cause]) + _ON_ITS_OWN,
            institution=batch.institution,
            service=batch.service.value,
            msgid=msgid,
            plan=behind.plan,
            records_in_hand=behind.in_hand,
            records_of_plan=behind.of_plan,
            oldest_committed_at=_moment(behind.oldest_at),
            since=self._since,
            held_s=self._held_s,
        )

    def stand(self, why: str, *, remedy: str) -> None:
        """The lane goes on only after a restart, with another setting. Tells it every time."""
        self._begin(why)
        behind = self._behind()
        self._log.error(
            "lane_stopped",
            why=why,
            remedy=remedy,
            institution=", ".join(behind.institutions),
            plan=behind.plan,
            records_in_hand=behind.in_hand,
            records_of_plan=behind.of_plan,
            oldest_committed_at=_moment(behind.oldest_at),
            since=self._since,
            held_s=self._held_s,
        )

    def release(self) -> None:
        """What was at fault is mended: the lane goes on."""
        if self.why:
            self._log.info("lane_released", since=self._since, held_s=self._held_s)
        self.why, self._reason = "", None

    def _begin(self, why: str) -> None:
        if not self.why:
            self._began, self._since = self._clock(), datetime.fromtimestamp(self._wall_ms() / 1000, UTC)
        self.why = why

    @property
    def _held_s(self) -> float:
        return round(self._clock() - self._began, 1)


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)
