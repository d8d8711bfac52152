"""How the sources of a place process look from outside: whether they stand, how late their rows are, what their databases say."""

from collections.abc import Mapping

from streams.lanes.assignment import Assignment
from streams.lanes.place.lane import PlaceLane
from streams.lanes.place.lookout import Lookout
from streams.telemetry.board import Board
from streams.telemetry.conditions import Reason


class PlaceLook:
    """lanes: of the process. sources: by topic. lookout: None where nobody looks at databases."""

    def __init__(self, lanes: Assignment, sources: Mapping[str, str], lookout: Lookout | None) -> None:
        self._lanes = lanes
        self._sources = sources
        self._lookout = lookout

    def __call__(self, board: Board) -> None:
        """Put it down."""
        for at, lane in self._lanes.lanes.items():
            source = self._sources[at.topic]
            if isinstance(lane, PlaceLane) and lane.last_commit is not None:
                committed_ms, captured_ms = lane.last_commit
                board.put("cdc_source_last_commit_timestamp_seconds", committed_ms / 1000, source)
                board.put("cdc_source_lag_seconds", (captured_ms - committed_ms) / 1000, source)
            board.put("cdc_source_stopped", int(bool(lane.held)), source)
            if lane.held:
                board.say(Reason.SOURCE_STOPPED, f"{source}: {lane.held}")
            if self._lookout is not None:
                _database(board, source, self._lookout)


def _database(board: Board, source: str, lookout: Lookout) -> None:
    if (seen := lookout.seen.get(source)) is None:
        return
    board.put("cdc_source_looked_timestamp_seconds", seen.at, source)
    board.put("cdc_catalogue_drifts", len(seen.look.drifts), source)
    if (slot := seen.look.slot) is not None:
        board.put("cdc_slot_active", int(slot.active), source)
        board.put("cdc_slot_retained_bytes", slot.retained_bytes, source)
        if slot.safe_bytes is not None:
            board.put("cdc_slot_safe_bytes", slot.safe_bytes, source)
