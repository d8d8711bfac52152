"""Orders to a capture, and whether they were carried out: the connector's state says what is wanted, its tasks say what is done."""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from connector.answers import ConnectorStatus
from connector.connect import Connect
from connector.errors import Refused

_WITHIN_S: Final = 90.0
_LASTS_S: Final = 2.0
"""So long a state must last before it counts: just after an order Connect still reports the one before."""
_POLL_S: Final = 0.3


class Wish(StrEnum):
    """What a capture is to be."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


def is_so(status: ConnectorStatus, wish: Wish) -> bool:
    """Whether connector and tasks are what is wished. One whose connector says PAUSED while a task runs is not paused."""
    states = {task.state for task in status.tasks}
    match wish:
        case Wish.RUNNING:
            return status.running
        case Wish.PAUSED:
            return status.state == "PAUSED" and states <= {"PAUSED"}
        case Wish.STOPPED:
            return status.state == "STOPPED" and not states


def carried_out(
    connect: Connect, connector: str, wish: Wish, *, reader: Callable[[], str | None] = lambda: None, within_s: float = _WITHIN_S
) -> None:
    """Wait until it is so, and stays so. reader: who still reads the database's log for it, None for nobody: a stopped capture may
    have a task that runs on, and Connect does not know of it. Raises Refused where it is not so in time, or no longer; Unreachable.
    """
    began, since, was = time.monotonic(), None, ""
    while True:
        status, now = connect.status(connector), time.monotonic()
        if status is None:
            raise Refused(f"connector {connector} does not exist; yibao connector apply makes it")
        reads = reader() if wish is Wish.STOPPED and is_so(status, wish) else None
        if is_so(status, wish) and reads is None:
            since = now if since is None else since
            if now - since >= _LASTS_S:
                return
        else:
            since, was = None, _told(status, reads)
            if status.failure is not None and wish is Wish.RUNNING and now - began >= _LASTS_S:
                raise Refused(f"connector {connector} is not running: {was}: {status.failure}")
        if now - began > within_s:
            raise Refused(f"connector {connector} is not {wish.value} after {within_s:.0f} s: {was or _told(status, reads)}")
        time.sleep(_POLL_S)


def _told(status: ConnectorStatus, reads: str | None) -> str:
    tasks = ", ".join(f"{task.number}: {task.state} at {task.worker}" for task in status.tasks) or "none"
    still = f"; its database's log is still read ({reads})" if reads is not None else ""
    return f"its state is {status.state}, its tasks {tasks}{still}"
