"""What a worker and its supervisor say when they cannot begin."""

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest

from tests.bench.bench_site import write_site
from tests.patience import PATIENCE_S

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def ended(tmp_path):
    """`yibao worker all` with one worker of place, at the first start of a site whose brokers are away."""
    site = write_site(tmp_path, prefix="", bootstrap_servers="127.0.0.1:1", platform_url="http://127.0.0.1:9")
    counts = ["--join", "0", "--deliver", "0"]
    command = [sys.executable, "-m", "yibao", "worker", "all", *counts, "--home", tmp_path / "home", "-c", site]
    return subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, timeout=PATIENCE_S, check=False, env={**os.environ, "TZ": "UTC"}
    )


def test_every_line_of_workers_and_supervisor_names_the_site_and_who_speaks(ended):
    """The logs of ten sites stand in one place; a line that names none is of nobody."""
    lines = [orjson.loads(line) for line in ended.stderr.splitlines()]
    told = [(line["event"], line["worker"], line.get("stage"), line.get("index")) for line in lines if "library" not in line]
    assert [
        ("worker_started", "place-0", None, None),
        ("worker_died", "place-0", "place", 0),
        ("worker_start_failed", "place-0", None, None),
        ("supervisor_stopped", "supervisor", None, None),
    ] == told
    assert {"sample"} == {line["site"] for line in lines}
    assert {timedelta(hours=8)} == {datetime.fromisoformat(line["timestamp"]).utcoffset() for line in lines}
    assert 3 == ended.returncode
    assert all("kafka.bootstrap_servers" in line["reason"] for line in lines if "reason" in line)
