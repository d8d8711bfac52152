"""Records of started programs: they must find ours again, and never somebody else's."""

import dataclasses
import os
import signal
import subprocess
import sys

import pytest

from sandbox.stack import process
from tests.patience import PATIENCE_S


@pytest.fixture
def sleeper(tmp_path):
    """A recorded program that does nothing for a minute."""
    identity = process.spawn(["sleep", "60"], record=tmp_path / "run", log=tmp_path / "log", env=dict(os.environ))
    yield identity
    process.kill(identity)


def test_a_record_names_the_program_that_runs(sleeper, tmp_path):
    """The starter may be gone: the record is all that is left."""
    assert (sleeper, True) == (process.recorded(tmp_path / "run"), sleeper.is_alive)


def test_a_reused_process_id_is_not_ours(sleeper):
    """After a restart of the machine or a container the id belongs to somebody whom we must not stop."""
    stranger = dataclasses.replace(sleeper, started=sleeper.started + 1)
    process.kill(stranger)

    assert (False, True) == (stranger.is_alive, sleeper.is_alive)


def test_the_children_of_who_has_the_id_now_are_left_alone(sleeper, tmp_path):
    """The id of a server that died may be that of a test runner, whose children are everything."""
    script = "sleep 62 & echo $!; wait"
    log = tmp_path / "parent.log"
    parent = process.spawn(["/bin/sh", "-c", script], record=tmp_path / "parent", log=log, env=dict(os.environ))
    while not log.read_text().strip():
        assert parent.is_alive
    child = int(log.read_text())

    process.kill(dataclasses.replace(parent, started=parent.started + 1))
    alive = process.working_directory(child) is not None
    process.kill(parent)

    assert (True, None) == (alive, process.working_directory(child))


def test_a_process_of_an_earlier_boot_is_not_ours(sleeper):
    """Ticks since boot repeat with every boot."""
    assert not dataclasses.replace(sleeper, boot="another").is_alive


def test_a_program_that_hears_the_signal_ends_without_force(sleeper):
    """An orderly stop is the rule, the kill the exception."""
    assert (True, False) == (process.end(sleeper, by=signal.SIGTERM, within_s=PATIENCE_S), sleeper.is_alive)


def test_a_program_that_will_not_end_is_killed_with_its_children(tmp_path):
    """What survives a stop holds the port and the data of the next start."""
    script = "trap '' TERM; setsid sleep 61 & echo $!; while :; do wait; sleep 1; done"
    log = tmp_path / "log"
    stubborn = process.spawn(["/bin/sh", "-c", script], record=tmp_path / "run", log=log, env=dict(os.environ))
    while not log.read_text().strip():
        assert stubborn.is_alive

    orderly = process.end(stubborn, by=signal.SIGTERM, within_s=0.3)

    assert (False, None) == (orderly, process.working_directory(int(log.read_text())))


def test_a_torn_record_is_no_record(tmp_path):
    """A disk that filled up while the record was written must not stop the stack from starting."""
    (tmp_path / "run").write_text("12")

    assert process.recorded(tmp_path / "run") is None


def test_a_program_that_does_not_exist_ends_at_once_with_its_reason(tmp_path):
    """The shell's word about it is in the log, where the error looks for it."""
    identity = process.spawn(["/no/such/program"], record=tmp_path / "run", log=tmp_path / "log", env=dict(os.environ))
    process.wait_gone([identity], within_s=PATIENCE_S)

    assert (127, True) == (identity.exit_code, "/no/such/program" in (tmp_path / "log").read_text())


def test_a_program_outlives_its_starter(tmp_path):
    """`yibao stack up` returns; the services stay."""
    code = (
        "import os, sys; from pathlib import Path; from sandbox.stack import process\n"
        "at = Path(sys.argv[1]); process.spawn(['sleep', '60'], record=at / 'run', log=at / 'log', env=dict(os.environ))"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
    left = process.recorded(tmp_path / "run")

    assert left is not None
    assert left.is_alive
    process.kill(left)
