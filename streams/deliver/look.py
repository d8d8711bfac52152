"""How the platform looks from this process: the breaker before it, and when it last took something."""

from streams.deliver.breaker import Phase
from streams.deliver.gateway import Gateway
from streams.telemetry.board import Board
from streams.telemetry.conditions import Reason


class PlatformLook:
    """What a gateway knows."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def __call__(self, board: Board) -> None:
        """Put it down."""
        now = self._gateway.phase
        for phase in Phase:
            board.put("cdc_platform_breaker_state", int(phase is now), phase.value)
        if now is not Phase.CLOSED:
            board.say(Reason.PLATFORM_AWAY, now.value)
        if (accepted_at := self._gateway.accepted_at) is not None:
            board.put("cdc_platform_last_accepted_timestamp_seconds", accepted_at)
