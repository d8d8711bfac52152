"""How the lanes of a process look from outside: what every stage tells of them."""

from collections.abc import Callable
from datetime import datetime

from streams.domain.records import ReadyRecord
from streams.lanes.assignment import Assignment
from streams.lanes.roll_call import RollCall
from streams.lanes.steering import Steering
from streams.lanes.watch import Watch
from streams.telemetry.board import Board
from streams.telemetry.conditions import Reason


class LanesLook:
    """tells_held: whether a lane that waits is told as such; the place stage tells of its sources. ending: whether the process was
    asked to end.
    """

    def __init__(
        self, lanes: Assignment, watch: Watch, *, tells_held: bool = True, ending: Callable[[], bool] = lambda: False
    ) -> None:
        self._lanes = lanes
        self._watch = watch
        self._tells_held = tells_held
        self._ending = ending

    def __call__(self, board: Board) -> None:
        """Put it down."""
        lanes = self._lanes.lanes
        restoring = sorted(f"{at.topic}-{at.partition}" for at, lane in lanes.items() if lane.buffer is None)
        board.put("cdc_assigned_partitions", len(lanes))
        board.put("cdc_restored_partitions", len(lanes) - len(restoring))
        board.put("cdc_rebalances_total", self._lanes.times)
        if self._ending():
            board.say(Reason.ENDING)
        elif not self._lanes.is_given:
            board.say(Reason.NOT_ASSIGNED)
        elif restoring:
            board.say(Reason.RESTORING, ", ".join(restoring))
        for at, lane in lanes.items():
            labels, held = (at.topic, f"{at.partition}"), lane.held
            board.put("cdc_lag_records", self._watch.behind(at, lane), *labels)
            board.put("cdc_lane_held", int(bool(held)), *labels)
            if (oldest := lane.oldest) is not None:
                at_ms = oldest.committed_at if isinstance(oldest, ReadyRecord) else oldest.timestamp_ms
                board.put("cdc_oldest_unfinished_record_timestamp_seconds", at_ms / 1000, *labels)
            if held and self._tells_held:
                board.say(Reason.LANE_HELD, f"{at.topic}-{at.partition}: {held}")


class PausesLook:
    """What a person paused. Who, and why, stands in the log and in `visit.control`: that is not for a metric."""

    def __init__(self, steering: Steering) -> None:
        self._steering = steering

    def __call__(self, board: Board) -> None:
        """Put it down."""
        for pause in self._steering.in_force:
            board.put("cdc_paused", 1, pause.of.value, pause.name)
            since = datetime.fromisoformat(pause.since).timestamp()
            board.put("cdc_paused_since_timestamp_seconds", since, pause.of.value, pause.name)
            board.say(Reason.PAUSED, f"{pause.of.value} {pause.name}")
        if self._steering.is_of_platform:
            window = self._steering.maintenance
            board.put("cdc_maintenance", int(window is not None and window.inside), "inside")
            board.put("cdc_maintenance", int(window is not None and not window.inside), "after")
            if window is not None and window.inside:
                board.say(Reason.MAINTENANCE, f"until {window.ends.isoformat(timespec='seconds')}")


class BrokersLook:
    """What the roll call knows."""

    def __init__(self, roll_call: RollCall) -> None:
        self._roll_call = roll_call

    def __call__(self, board: Board) -> None:
        """Put it down."""
        answers, lost = self._roll_call.answers, self._roll_call.lost
        board.put("cdc_broker_reachable", int(answers))
        board.put("cdc_brokers_lost", len(lost))
        if not answers:
            board.say(Reason.NO_BROKER, ", ".join(lost))
        elif lost:
            board.say(Reason.BROKERS_LOST, ", ".join(lost))
