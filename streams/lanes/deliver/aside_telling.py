"""Who is told that an institution is set aside, how long, and what of it waits: as loud as a lane that is held."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from streams.deliver.causes import HoldCause
from streams.deliver.remedies import REMEDIES
from streams.deliver.verdict import Held
from streams.lanes.buffer import Clock
from streams.lanes.deliver.aside import Aside
from streams.lanes.deliver.health import Health
from streams.telemetry.outcomes import Outcomes


class AsideTelling:
    """again_s: how often the same is told again."""

    def __init__(self, *, again_s: float, clock: Clock, outcomes: Outcomes, log: Any) -> None:
        self._again_s = again_s
        self._clock = clock
        self._outcomes = outcomes
        self._log = log
        self._told_at: dict[str, float] = {}
        self._why: dict[str, tuple[str, str]] = {}

    def look(self, aside: Mapping[str, Aside], health: Health) -> None:
        """After a transaction: tell what changed."""
        for name in aside.keys() - self._told_at.keys():
            self._outcomes.count("aside", label="begun")
            self.still(name, aside[name], health)
        for name in self._told_at.keys() - aside.keys():
            del self._told_at[name]
            self._why.pop(name, None)
            self._outcomes.count("aside", label="ended")
            self._log.info("institution_released", institution=name)

    def still(self, name: str, entry: Aside, health: Health) -> None:
        """It is aside. Where an earlier owner set it aside, nobody knows why before it is probed. A pause is told once."""
        if entry.is_paused:
            if name not in self._told_at:
                self._log.info("institution_paused", institution=name, waiting=entry.waiting, since=_moment(entry))
            self._told_at.setdefault(name, -self._again_s)
            return
        if self._clock() - self._told_at.get(name, -self._again_s) < self._again_s:
            return
        if name in self._why:
            self.stand(name, entry, why=self._why[name][0], remedy=self._why[name][1])
        elif not health.is_at_fault(name):
            self.held(name, entry, None)
        elif (held := health.why(name)) is not None:
            self.held(name, entry, held)
        else:
            self._told_at.setdefault(name, -self._again_s)

    def held(self, name: str, entry: Aside, held: Held | None) -> None:
        """It probes by itself. Tells it now, if it was not told just now."""
        if self._clock() - self._told_at.get(name, -self._again_s) < self._again_s:
            return
        self._told_at[name] = self._clock()
        if held is None:
            self._log.warning("institution_resumed", institution=name, waiting=entry.waiting, since=_moment(entry))
            return
        if held.cause is HoldCause.THROTTLED:  # the platform itself says when that ends
            self._log.warning(
                "institution_throttled",
                institution=name,
                http_status=held.http_status,
                remedy=REMEDIES[held.cause],
                waiting=entry.waiting,
                since=_moment(entry),
            )
            return
        self._log.error(
            "institution_held",
            institution=name,
            cause=held.cause.value,
            code=held.code,
            http_status=held.http_status,
            platform_says=held.message,
            key=held.key,
            remedy=held.remedy or REMEDIES[held.cause],
            waiting=entry.waiting,
            since=_moment(entry),
        )

    def stand(self, name: str, entry: Aside, *, why: str, remedy: str) -> None:
        """It goes on only after a restart."""
        self._told_at[name], self._why[name] = self._clock(), (why, remedy)
        self._log.error(
            "institution_stopped", institution=name, why=why, remedy=remedy, waiting=entry.waiting, since=_moment(entry)
        )


def _moment(entry: Aside) -> datetime:
    return datetime.fromtimestamp(entry.since, UTC)
