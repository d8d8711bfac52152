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
from yibao.main import run

CHECKOUT = Path(__file__).parents[3]
AWAY = "Kafka does not answer (127.0.0.1:1: Connection refused); check kafka.bootstrap_servers and that the brokers run"


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
        ("core_loaded", "place-0", "place", 0),
        ("http_opened", "place-0", "place", 0),
        ("worker_died", "place-0", "place", 0),
        ("worker_start_failed", "place-0", None, None),
        ("supervisor_stopped", "supervisor", None, None),
    ] == told
    assert {"sample"} == {line["site"] for line in lines}
    assert {timedelta(hours=8)} == {datetime.fromisoformat(line["timestamp"]).utcoffset() for line in lines}
    assert 3 == ended.returncode
    assert {AWAY} == {line["reason"] for line in lines if "reason" in line}


@pytest.mark.parametrize("words", ["topics plan", "topics apply", "dlq summary", "dlq list", "dlq show 1"])
def test_every_verb_says_the_same_of_brokers_that_are_away(monkeypatch, capsys, tmp_path, words):
    """One of them said `KafkaTimeoutError` after ten seconds: whoever reads that looks for another fault."""
    site = write_site(tmp_path, prefix="", bootstrap_servers="127.0.0.1:1", platform_url="http://127.0.0.1:9")
    monkeypatch.setattr(sys, "argv", ["yibao", *words.split(), "-c", f"{site}"])
    with pytest.raises(SystemExit) as ended:
        run()
    assert (3, f"error: {AWAY}\n") == (ended.value.code, capsys.readouterr().err)
