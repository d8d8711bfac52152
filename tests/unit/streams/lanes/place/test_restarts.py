"""A capture that failed is started again with a growing wait and a cap, and never where a restart cannot help."""

import pytest
from structlog.testing import capture_logs

from streams.lanes.place.failures import CapturePorts, Cure, Failure, FailureWatch
from streams.lanes.place.restarts import Restarts, RestartSettings, Step

SETTINGS = RestartSettings(most=3, first_s=15, longest_s=40, well_s=1800)
BROKE = Failure(cause="connection reset", remedy="yibao connector restart his")
LOST = Failure(cause="the slot is gone", remedy="yibao connector forget his", cure=Cure.PERSON, at_risk="changes of his.sf_fymx")
AWAY = Failure(cause="connection refused", remedy="start the database", cure=Cure.WAIT)


def restarted_at(restarts, moments):
    """The moments at which it is started again, of those at which it is seen to fail."""
    return [now for now in moments if restarts.failed(now) is Step.RESTART]


def test_each_wait_is_twice_the_one_before_up_to_the_longest():
    """A database that is restarted takes a minute; a storm of logins would not help it."""
    restarts = Restarts(SETTINGS)
    assert [15, 46, 87] == restarted_at(restarts, range(2000))
    assert Step.EXHAUSTED is restarts.failed(2000)


def test_one_that_ran_well_for_long_is_counted_anew_and_one_that_ran_shortly_is_not():
    """Six restarts in a year are no reason to call a person at night; a task that fails after a minute each time is."""
    restarts = Restarts(SETTINGS)
    restarted_at(restarts, range(100))
    restarts.running(200)
    restarts.running(1999)
    assert Step.EXHAUSTED is restarts.failed(2000)
    restarts.running(2100)
    restarts.running(3901)
    assert [4015] == restarted_at(restarts, range(4000, 4020))


class Capture:
    """What Connect says of one source, and a clock that is set."""

    def __init__(self, *, allowed=True):
        self.failure, self.now, self.ordered, self.refuses = None, 0.0, [], False
        ports = CapturePorts(failure_of=lambda _source: self.failure, restart=self._restart if allowed else None)
        self.watch = FailureWatch(ports, settings=SETTINGS, clock=lambda: self.now)

    def _restart(self, source):
        if self.refuses:
            raise OSError("Connect is away")
        self.ordered.append((source, self.now))

    async def seen(self, failure, moments):
        """The events while it is looked at in these moments."""
        self.failure = failure
        with capture_logs() as logs:
            for self.now in moments:
                await self.watch.ask("his")
        return [one["event"] for one in logs]


async def test_a_failed_capture_is_started_again_and_a_person_called_when_that_did_not_help():
    """At night a broken connection mends itself; what does not is told, with what to do."""
    capture = Capture()
    assert ["capture_failed", "capture_restarted"] == await capture.seen(BROKE, range(0, 30, 5))
    assert [("his", 15)] == capture.ordered
    assert ["capture_recovered"] == await capture.seen(None, range(30, 60, 5))
    told = await capture.seen(BROKE, range(60, 1000, 5))
    assert ["capture_failed", "capture_restarted", "capture_restarted", "capture_restarts_exhausted"] == told


@pytest.mark.parametrize("failure", [LOST, AWAY], ids=["a lost slot", "a database that is away"])
async def test_what_a_restart_cannot_mend_is_not_restarted(failure):
    """A restart without the slot would begin elsewhere; one against a database that is away is an attempt wasted."""
    capture = Capture()
    assert ["capture_failed"] == await capture.seen(failure, range(0, 2000, 15))
    assert [] == capture.ordered


async def test_a_database_that_was_away_has_all_attempts_left_when_it_is_back():
    """An outage of hours must not end with a person who types one restart."""
    capture = Capture()
    await capture.seen(AWAY, range(0, 7200, 15))
    told = await capture.seen(BROKE, range(7200, 7260, 15))
    assert ["capture_failed", "capture_restarted"] == told
    assert [("his", 7215)] == capture.ordered


async def test_where_somebody_else_gives_the_orders_nothing_is_ordered():
    """Strimzi would take it back, or give its own at the same time."""
    capture = Capture(allowed=False)
    assert ["capture_failed"] == await capture.seen(BROKE, range(0, 2000, 15))


async def test_an_order_that_connect_did_not_take_is_told_and_given_again():
    """It counts as an attempt: a Connect that refuses for ever needs a person, too."""
    capture = Capture()
    capture.refuses = True
    told = await capture.seen(BROKE, range(0, 2000, 5))
    assert ["capture_failed", *["capture_restart_failed"] * 3, "capture_restarts_exhausted"] == told
