"""Tells now and then what was counted, as a sign of life; never twice the same."""

import asyncio

import structlog

from streams.telemetry.outcomes import Outcomes

log = structlog.get_logger()


class Progress:
    """Writes the event `progress` when more than ticks moved."""

    def __init__(self, outcomes: Outcomes, *, every_s: float = 10.0) -> None:
        self._outcomes = outcomes
        self._every_s = every_s
        self._told: dict[str, int] = {}

    async def run(self) -> None:
        """Tell for ever."""
        while True:
            await asyncio.sleep(self._every_s)
            self.tell()

    def tell(self) -> None:
        """Tell once, if there is anything new."""
        moved = self._outcomes.beside_ticks()
        if moved != self._told:
            self._told = moved
            log.info("progress", stage=self._outcomes.stage, **self._outcomes.snapshot())
