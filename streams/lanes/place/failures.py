"""Whether capture has failed, as Connect tells it, and whether it is started again. A source whose capture failed gives no
rows, and to the stages that looks like a quiet hospital.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import structlog

from streams.lanes.buffer import Clock
from streams.lanes.place.restarts import Restarts, RestartSettings, Step

log = structlog.get_logger()


class Cure(StrEnum):
    """What may help. RESTART: a restart. WAIT: the database is away, and comes back or not. PERSON: nothing but a person, for what
    stands against capture stands there after a restart, too.
    """

    RESTART = "restart"
    WAIT = "wait"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why the capture of a source has failed."""

    cause: str
    """In Connect's words, without secrets."""
    remedy: str
    """What a person does about it."""
    cure: Cure = Cure.RESTART
    """What may help."""
    at_risk: str = ""
    """Which changes are lost, or may be; `""` where that is not known."""


FailureOf: TypeAlias = Callable[[str], Failure | None]
"""Asks Connect about the capture of a source; None where it has not failed. Called in a thread; raises where it cannot."""

Restart: TypeAlias = Callable[[str], None]
"""Orders Connect to start what failed of a source's capture again. Called in a thread; raises where it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturePorts:
    """What the watch over captures asks and orders."""

    failure_of: FailureOf
    """See `FailureOf`."""
    restart: Restart | None
    """See `Restart`; None: nobody but a person starts anything."""


_EVERY_S: Final = 15.0
_WITHIN_S: Final = 20.0


class FailureWatch:
    """Tells once that the capture of a source has failed, again where the cause is another one, and once that it is over; starts it
    again where that may help.
    """

    def __init__(self, ports: CapturePorts, *, settings: RestartSettings, clock: Clock) -> None:
        self._failure_of = ports.failure_of
        self._restart = ports.restart
        self._settings = settings
        self._clock = clock
        self._told: dict[str, Failure] = {}
        self._restarts: dict[str, Restarts] = {}
        self._exhausted: set[str] = set()
        self._blind = False

    async def run(self, sources: Callable[[], Iterable[str]]) -> None:
        """Ask for ever about the sources that this process places now."""
        while True:
            await asyncio.sleep(min(_EVERY_S, self._settings.first_s))
            for source in sources():
                await self.ask(source)

    async def ask(self, source: str) -> None:
        """Ask once. A Connect that is not reached says nothing, which is told once, too."""
        try:
            failure = await asyncio.wait_for(asyncio.to_thread(self._failure_of, source), _WITHIN_S)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it says nothing of the capture
            if not self._blind:
                log.warning("connect_unwatched", error=type(exc).__name__, reason=f"{exc}"[:500])
            self._blind = True
            return
        if self._blind:
            self._blind = False
            log.info("connect_watched")
        self._tell(source, failure)
        await self._help(source, failure)

    def _tell(self, source: str, failure: Failure | None) -> None:
        before = self._told.pop(source, None)
        if failure is not None:
            self._told[source] = failure
            if before is None or (before.cause, before.cure) != (failure.cause, failure.cure):
                cure, at_risk = (failure.cure if self._restart is not None else Cure.PERSON), failure.at_risk
                log.error(
                    "capture_failed", source=source, cause=failure.cause, remedy=failure.remedy, cure=cure.value, at_risk=at_risk
                )
        elif before is not None:
            log.info("capture_recovered", source=source)

    async def _help(self, source: str, failure: Failure | None) -> None:
        restarts = self._restarts.setdefault(source, Restarts(self._settings))
        if failure is None:
            restarts.running(self._clock())
            if not restarts.attempts:
                self._exhausted.discard(source)
            return
        if self._restart is None or failure.cure is not Cure.RESTART:
            restarts.put_off()
            return
        match restarts.failed(self._clock()):
            case Step.RESTART:
                await self._start_again(source, failure, restarts.attempts, self._restart)
            case Step.EXHAUSTED if source not in self._exhausted:
                self._exhausted.add(source)
                attempts, remedy = restarts.attempts, failure.remedy
                log.error("capture_restarts_exhausted", source=source, attempts=attempts, cause=failure.cause, remedy=remedy)
            case _:
                pass

    async def _start_again(self, source: str, failure: Failure, attempt: int, restart: Restart) -> None:
        try:
            await asyncio.wait_for(asyncio.to_thread(restart, source), _WITHIN_S)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is tried again
            log.warning("capture_restart_failed", source=source, attempt=attempt, error=type(exc).__name__, reason=f"{exc}"[:500])
            return
        log.warning("capture_restarted", source=source, attempt=attempt, most=self._settings.most, cause=failure.cause)
