"""`yibao connector status` in words: whatever ends it with 1 is told, with what to do."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connector.contract import Drift, Look
from streams.lanes.marks import DeliverMark
from tests.unit.yibao.test_status_lines import NOW, SET_ASIDE, SITE, STOPPED, capture, hangs, marks, plan
from yibao.captures.shown import show_states
from yibao.lag.stages import stage_lags
from yibao.options import Output

HERE = datetime.fromtimestamp(NOW / 1000, UTC)
CHANGED = Look(drifts=(Drift(where="publication", what="lacks a table", tables=("his.a",)),), facts={}, adds=False)


@pytest.mark.parametrize(
    ("shown", "says", "mend"),
    [
        (capture(beat_s=300.0), "silent: its last heartbeat came 5 min ago, and none may be older than 60 s", "yibao status"),
        (capture(beat_s=None), "silent: no heartbeat of it has come yet", "yibao connector plan --source his"),
        (capture(state="STOPPED"), "somebody has stopped it", "yibao connector resume his"),
        (capture(state="PAUSED", task="PAUSED"), "somebody has paused it", "yibao connector resume his"),
        (capture(task="UNASSIGNED"), "no worker of Connect runs it", "yibao connector restart his --all"),
        (capture(task="FAILED", trace="cannot log in"), "capture has failed: cannot log in", "yibao connector restart his"),
        (capture(control=STOPPED), "its rows are not placed", "yibao resume his"),
        (capture(found=CHANGED), "not what its capture was applied against", "his"),
    ],
)
def test_a_capture_that_is_not_well_says_why_and_what_to_do(capsys, shown, says, mend):
    """An exit code alone sends whoever is on call through all other screens."""
    assert not shown.is_well
    show_states([shown], output=Output.TABLE)
    told = " ".join(capsys.readouterr().out.split())
    assert (True, True) == (says in told, mend in told), told


def test_a_capture_that_is_absent_and_one_that_is_well():
    """Of the second there is nothing to say."""
    absent = replace(capture(asked=False), asked=True)
    assert (False, True) == (absent.is_well, "yibao connector apply" in " ".join(absent.lines))
    assert (True, []) == (capture().is_well, capture().lines)


@pytest.mark.parametrize(
    "found",
    [
        marks(workers=("place", "join")),
        marks(delivered=DeliverMark(seq=40, plan=plan(quiet=True, opened_at=NOW // 1000 - 1))),
        marks(delivered=DeliverMark(seq=40, plan=plan(opened_at=NOW // 1000 - 1), why="flood_guard")),
        marks(delivered=SET_ASIDE),
    ],
)
def test_a_stage_that_is_not_well_says_why(found):
    """A plan that is held is, from its first second, what a person is called for."""
    bad = [lag for lag in stage_lags(SITE, found) if not lag.is_well]
    assert bad
    assert all(lag.lines(HERE) for lag in bad)


def test_a_worker_that_hangs_is_not_called_missing(capsys):
    """Who starts another one has two of a name."""
    lags = stage_lags(SITE, marks(workers=("place", "join")))
    show_states([capture()], lags, heard=[hangs("deliver-0")], output=Output.TABLE)
    told = capsys.readouterr().out
    assert ("deliver-0: stuck: process 4711" in told, "kill -9 4711" in told, "start it" in told) == (True, True, False)
