"""`yibao platform` as a process: how demonstrations and chaos tests run it."""

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.patience import PATIENCE_S
from yibao.main import run

HOSPITAL = "H36110200001"


@contextmanager
def serving(folder):
    institutions = folder / "institutions.yaml"
    institutions.write_text(f"{HOSPITAL}: 第一人民医院\n")
    words = ["platform", "serve", "--institutions", institutions, "--keys", folder / "keys", "--faults", "demo", "-o", "json"]
    command = [sys.executable, "-c", "from yibao.main import run; run()", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture
def yibao(monkeypatch, capsys):
    """The command line in this process: exit code, standard output, standard error."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["yibao", "platform", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            run()
        return stopped.value.code or 0, *capsys.readouterr()

    return call


@pytest.mark.parametrize(("number", "code", "says"), [(signal.SIGTERM, 0, ""), (signal.SIGINT, 130, "the keys stay in")])
def test_it_says_where_it_is_and_stops_cleanly(tmp_path, number, code, says):
    """A supervisor starts it, reads one line, and ends it with SIGTERM: exit 0. A person who ends it is told what is left."""
    with serving(tmp_path) as (process, place):
        with urlopen(f"{place['url']}/_sim/stats") as response:
            assert json.load(response)["posts"] == 0
        assert len(Path(place["keys"], f"{HOSPITAL}.pub").read_text().strip()) == 130
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE_S) == code
        told = process.stderr.read()
        assert "Traceback" not in told
        assert says in told
        assert all("event" in json.loads(line) for line in told.splitlines()), "a log is one to its last line"


def test_statistics_and_faults_are_one_command_each(tmp_path, yibao):
    """What a person types while it runs."""
    with serving(tmp_path) as (_, place):
        assert json.loads(yibao("stats", "--url", place["url"], "-o", "json")[1])["accepted_records"] == 0
        assert "accepted_records" in yibao("stats", "--url", place["url"])[1]
        _, changed, _ = yibao("faults", "--url", place["url"], "--clear", "--add", '{"kind":"outage","for_s":2}')
        assert json.loads(changed) == {"faults": [{"kind": "outage", "for_s": 2.0}]}


def test_mistakes_end_with_the_code_of_their_kind(tmp_path, yibao):
    """2 for what a person must mend, 3 for what cannot be reached."""
    code, _, says = yibao("serve", "--institutions", tmp_path / "none.yaml", "--keys", tmp_path)
    assert (code, "none.yaml" in says) == (2, True)
    code, _, says = yibao("faults", "--url", "http://127.0.0.1:9", "--add", '{"kind":"hmtl"}')
    assert (code, "did you mean `html`?" in says) == (2, True)
    code, _, says = yibao("stats", "--url", "http://127.0.0.1:9")
    assert (code, "platform serve" in says) == (3, True)
