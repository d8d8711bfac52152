"""How the platform looks from this process: the breaker before it, what lets requests wait, and when it last took something."""

import time
from collections.abc import Callable
from typing import Final

from streams.deliver.breaker import Phase
from streams.deliver.gateway import Gateway
from streams.telemetry.board import Board
from streams.telemetry.conditions import Reason

_LINGERS_S: Final = 10.0
"""So long after its time a platform that took no more is thought to do so still: whoever asks it again has its answer by then."""


class PlatformLook:
    """What a gateway knows. now: its clock."""

    def __init__(self, gateway: Gateway, *, now: Callable[[], float] = time.monotonic) -> None:
        self._gateway = gateway
        self._now = now

    def __call__(self, board: Board) -> None:
        """Put it down."""
        now = self._gateway.phase
        for phase in Phase:
            board.put("cdc_platform_breaker_state", int(phase is now), phase.value)
        if now is not Phase.CLOSED:
            board.say(Reason.PLATFORM_AWAY, now.value)
        throttle = self._gateway.throttles.all
        if throttle.times and self._now() < throttle.until + _LINGERS_S:
            board.say(Reason.PLATFORM_THROTTLES, f"{throttle.times} times in a row")
        if holding := self._gateway.limits.holding_back:
            board.say(Reason.LIMITED, ", ".join(holding))
        if (accepted_at := self._gateway.accepted_at) is not None:
            board.put("cdc_platform_last_accepted_timestamp_seconds", accepted_at)
