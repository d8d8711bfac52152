"""A capture that has failed gives no rows, which looks like a quiet hospital; whoever reads the workers' log is told."""

from structlog.testing import capture_logs

from streams.lanes.place.failures import CapturePorts, Failure, FailureWatch
from streams.lanes.place.restarts import RestartSettings

LOST = Failure(cause="the slot is gone", remedy="yibao connector forget his")
TAKEN = Failure(cause="the slot is active", remedy="stop the other")


async def told(*answers):
    """The events about a source, when Connect answers so, one time after the other; an exception is raised."""
    given = iter(answers)

    def failure_of(_source):
        answer = next(given)
        if isinstance(answer, Exception):
            raise answer
        return answer

    ports = CapturePorts(failure_of=failure_of, restart=None)
    watch = FailureWatch(ports, settings=RestartSettings(), clock=lambda: 0.0)
    with capture_logs() as logs:
        for _ in answers:
            await watch.ask("his")
    return logs


async def test_a_capture_that_failed_is_told_once_for_each_cause_and_when_it_is_over():
    """A line every 15 s would be switched off; no line at all, and nobody looks before the hospital asks."""
    logs = await told(None, LOST, LOST, TAKEN, None, None, LOST)
    assert ["capture_failed", "capture_failed", "capture_recovered", "capture_failed"] == [one["event"] for one in logs]
    assert ("error", "his", LOST.cause, LOST.remedy) == tuple(logs[0][name] for name in ("log_level", "source", "cause", "remedy"))


async def test_a_connect_that_is_not_reached_says_nothing_of_the_capture():
    """Neither that it failed nor that it runs again; that nobody watches is told once."""
    logs = await told(LOST, OSError("no way"), OSError("no way"), LOST, None)
    assert ["capture_failed", "connect_unwatched", "connect_watched", "capture_recovered"] == [one["event"] for one in logs]
