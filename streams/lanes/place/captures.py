"""What Kafka Connect says of the captures of this process's sources, for metrics and health. Who knows it asks in a thread."""

import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from streams.telemetry.board import Board
from streams.telemetry.conditions import Reason

_ABSENT: Final = "absent"
_FAILED: Final = "failed"
_STATES: Final = frozenset({"running", "paused", "stopped", _FAILED, "unassigned", "restarting", _ABSENT})


class Capture(NamedTuple):
    """One source's connector as Connect has it."""

    source: str
    """Whose it is."""
    state: str | None
    """In Connect's word; None where there is no such connector."""
    tasks: Sequence[tuple[int, str]]
    """Number and state of each task."""


class Captures:
    """What was heard last of each source. Told in a thread, looked at in the event loop."""

    def __init__(self, *, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._heard: dict[str, tuple[Capture, float]] = {}

    def tell(self, capture: Capture) -> None:
        """Connect has answered."""
        self._heard = {**self._heard, capture.source: (capture, self._wall())}

    def look_of(self, sources: Callable[[], Sequence[str]]) -> Callable[[Board], None]:
        """A look at the sources that this process places now: what another one places it knows too late."""
        return lambda board: self._look(board, sources())

    def _look(self, board: Board, sources: Sequence[str]) -> None:
        for capture, at in (self._heard[source] for source in sources if source in self._heard):
            state, source = _state(capture.state), capture.source
            board.put("cdc_capture_asked_timestamp_seconds", at, source)
            board.put("cdc_capture_state", 1, source, state)
            tasks = [(number, _state(told)) for number, told in capture.tasks]
            for number, told in tasks:
                board.put("cdc_capture_task_state", 1, source, f"{number}", told)
            if _FAILED in (state, *(told for _, told in tasks)):
                board.say(Reason.CAPTURE_FAILED, source)


def _state(told: str | None) -> str:
    state = _ABSENT if told is None else told.lower()
    return state if state in _STATES else "other"
