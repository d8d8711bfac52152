"""Whether capture has failed, as Connect tells it. A source whose capture failed gives no rows, and to the stages that looks like a
quiet hospital.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why the capture of a source has failed."""

    cause: str
    """In Connect's words, without secrets."""
    remedy: str
    """What a person does about it."""


FailureOf: TypeAlias = Callable[[str], Failure | None]
"""Asks Connect about the capture of a source; None where it has not failed. Called in a thread; raises where it cannot."""

_EVERY_S: Final = 15.0
_WITHIN_S: Final = 20.0


class FailureWatch:
    """Tells once that the capture of a source has failed, again where the cause is another one, and once that it is over."""

    def __init__(self, failure_of: FailureOf) -> None:
        self._failure_of = failure_of
        self._told: dict[str, Failure] = {}
        self._blind = False

    async def run(self, sources: Callable[[], Iterable[str]]) -> None:
        """Ask for ever about the sources that this process places now."""
        while True:
            await asyncio.sleep(_EVERY_S)
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

    def _tell(self, source: str, failure: Failure | None) -> None:
        before = self._told.pop(source, None)
        if failure is not None:
            self._told[source] = failure
            if before is None or before.cause != failure.cause:
                log.error("capture_failed", source=source, cause=failure.cause, remedy=failure.remedy)
        elif before is not None:
            log.info("capture_recovered", source=source)
