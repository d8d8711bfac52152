"""A run of tests that is broken off, as `make test` runs them: what it has started ends with it."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from tests.patience import PATIENCE_S

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
BEGUN = "BEGUN"
WAITING = f"""
import os, pathlib, signal, subprocess

def test_that_waits_for_ever(postgres, embedded):
    subprocess.Popen(["sleep", "3600"], start_new_session=True)
    pathlib.Path(os.environ["{BEGUN}"]).symlink_to(embedded.home)
    signal.pause()
"""
"""It has a server of the run's stack, and a program that nobody looks after."""


def started_in(room):
    """Every process that has inherited the place of its beginning."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(BEGUN) == room:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def wait_for(condition):
    until = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < until:
        time.sleep(0.1)
    return condition()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_a_run_ends_all_that_it_has_started(tmp_path, number):
    """Servers that go on hold ports and memory, and the next run on the machine fails for them."""
    file, begun = tmp_path / "test_waiting.py", tmp_path / f"begun-{uuid.uuid4().hex}"
    file.write_text(WAITING)
    words = ["-c", ROOT / "pyproject.toml", "-p", "tests.conftest", "-p", "no:cacheprovider", "-n", "1", file]
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT,
        env={**os.environ, BEGUN: str(begun)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert wait_for(begun.exists)
    home = begun.resolve()
    assert {"postgres", "sleep"} <= {Path(words.split()[0]).name for words in started_in(str(begun))}
    run.send_signal(number)
    run.wait(PATIENCE_S)
    assert wait_for(lambda: not started_in(str(begun))), started_in(str(begun))
    assert not home.exists()
