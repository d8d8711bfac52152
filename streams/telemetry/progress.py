"""A sign of life: what was counted, now and then, and never twice the same."""

import asyncio

import structlog

from streams.telemetry.outcomes import Outcomes

log = structlog.get_logger()


class Progress:
    """Writes the event `progress` whenever the counts moved."""

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
        counts = self._outcomes.snapshot()
        if counts != self._told:
            self._told = counts
            log.info("progress", stage=self._outcomes.stage, **counts)
