"""How the deliver lanes of a process look from outside: institutions held or set aside, what waits for refused parents."""

from datetime import UTC, datetime, timedelta

from streams.deliver.causes import HoldCause
from streams.lanes.assignment import Assignment
from streams.lanes.deliver.health import Health
from streams.lanes.deliver.lane import DeliverLane
from streams.telemetry.board import Board
from streams.telemetry.conditions import PROBED, Reason


class DeliverLook:
    """lanes: of the process. health: of its institutions."""

    def __init__(self, lanes: Assignment, health: Health) -> None:
        self._lanes = lanes
        self._health = health

    def __call__(self, board: Board) -> None:
        """Put it down."""
        for name, held in self._health.at_fault.items():
            cause = "not_known" if held is None else held.cause.value
            board.put("cdc_institution_held", 1, name, cause)
            probed = datetime.now(UTC) + timedelta(seconds=self._health.wait_s(name))
            reason = Reason.INSTITUTION_THROTTLED if cause == HoldCause.THROTTLED else Reason.INSTITUTION_HELD
            board.say(reason, f"{name}: {cause}{PROBED}{probed.isoformat(timespec='seconds')}")
        waiting, aside, since = 0, dict[str, int](), dict[str, int]()
        for lane in self._lanes.lanes.values():
            if not isinstance(lane, DeliverLane):
                continue
            waiting += lane.mark.orphans[1]
            for name, entry in lane.mark.aside.items():
                aside[name] = aside.get(name, 0) + max(0, entry.waiting)
                if not entry.is_paused:  # that is told as a pause
                    since[name] = min(since.get(name, entry.since), entry.since)
        board.put("cdc_orphans_waiting_records", waiting)
        for name, count in aside.items():
            board.put("cdc_institution_aside_records", count, name)
            if name not in since:
                continue
            board.put("cdc_institution_aside_since_timestamp_seconds", since[name], name)
            began = datetime.fromtimestamp(since[name], UTC).isoformat(timespec="seconds")
            board.say(Reason.INSTITUTION_ASIDE, f"{name}: {count} of its records wait, since {began}")
