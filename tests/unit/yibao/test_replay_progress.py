"""How far a run is, as the file beside its plan says it."""

import pytest

from streams.errors import Refused
from yibao.replaying.progress import Progress


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b'{"a": 1}', b"[1, 2]", b'["5f', b"null", b'{"sent": 7, "under_way": "5f"}'])
def test_a_damaged_file_says_that_nothing_was_sent(tmp_path, content):
    """A full disk, or an editor. An order that comes twice does no harm; a run that ends with a traceback helps nobody."""
    plan = tmp_path / "night.plan"
    plan.with_name("night.plan.progress").write_bytes(content)
    progress = Progress.of(plan)
    assert (set(), set()) == (progress.sent, progress.under_way)


def test_what_was_sent_is_found_again(tmp_path):
    """After kill -9."""
    progress = Progress.of(tmp_path / "night.plan")
    progress.sent |= {"5f", "a0"}
    progress.save()
    assert {"5f", "a0"} == Progress.of(tmp_path / "night.plan").sent


def test_what_an_earlier_version_wrote_is_found(tmp_path):
    """A run goes on after an update: it knew a list of letters."""
    (tmp_path / "night.plan.progress").write_bytes(b'["5f","a0"]')
    assert {"5f", "a0"} == Progress.of(tmp_path / "night.plan").sent


def test_whoever_cancels_sees_the_portion_that_has_begun(tmp_path):
    """It was told that nothing was handed on, while Debezium read five hundred rows."""
    plan = tmp_path / "night.plan"
    running = Progress.of(plan)
    with running.portion(["5f", "a0"]):
        Progress.of(plan).cancel()
        seen = Progress.of(plan)
        assert (set(), {"5f", "a0"}, True) == (seen.sent, seen.under_way, seen.cancelled)
    seen = Progress.of(plan)
    assert ({"5f", "a0"}, set()) == (seen.sent, seen.under_way)


def test_no_portion_begins_once_the_plan_is_cancelled(tmp_path):
    """The two look at each other's file: one of them sees the other."""
    plan = tmp_path / "night.plan"
    running = Progress.of(plan)
    Progress.of(plan).cancel()
    with pytest.raises(Refused, match="cancelled; 0"), running.portion(["5f"]):
        pytest.fail("it began")
    assert set() == Progress.of(plan).under_way


def test_a_portion_that_was_killed_stays_under_way(tmp_path):
    """Nobody knows how much of it was written."""
    running = Progress.of(tmp_path / "night.plan")
    with pytest.raises(KeyboardInterrupt), running.portion(["5f"]):
        raise KeyboardInterrupt
    seen = Progress.of(tmp_path / "night.plan")
    assert (set(), {"5f"}) == (seen.sent, seen.under_way)


def test_a_plan_runs_once_at_a_time(tmp_path):
    """Two people typed the same command: it went at twice the rate, and each wrote over how far the other was."""
    plan = tmp_path / "night.plan"
    with Progress.of(plan).alone(), pytest.raises(Refused, match="runs already"), Progress.of(plan).alone():
        pytest.fail("both run")
    with Progress.of(plan).alone():
        pass
