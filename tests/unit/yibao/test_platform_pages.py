"""`yibao platform stats` and `faults` at an address where no simulator is: one error, and never numbers of something else."""

import sys

import pytest

from tests.unit.connector.odd_answers import ODD, SLOW, http, serving
from yibao.main import run
from yibao.verbs import simulator as platform

ALMOST = {
    "counts of another form": lambda _: http(200, {"accepted_records": 1, "accepted": {"mdtrt_d": {"H1": {"records": "1"}}}}),
    "no counts": lambda _: http(200, {"accepted_records": 1, "accepted": []}),
    "faults that are no list": lambda _: http(200, {"faults": 7}),
    "an error that is no text": lambda _: http(400, {"error": [1]}),
}


@pytest.fixture(scope="module")
def server():
    with serving() as opened:
        yield opened


@pytest.fixture
def yibao(monkeypatch, capsys):
    """`yibao platform …`: exit code, standard output, and the one line of standard error."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["yibao", "platform", *words])
        with pytest.raises(SystemExit) as stopped:
            run()
        out, err = capsys.readouterr()
        (line,) = err.splitlines()
        assert line.startswith("error: ")
        assert line.isprintable()
        assert "hunter2" not in line
        return stopped.value.code, out, line

    return call


@pytest.mark.parametrize("verb", [("stats",), ("stats", "-o", "json"), ("faults", "--clear")], ids=" ".join)
@pytest.mark.parametrize("odd", ODD | ALMOST)
def test_what_is_no_simulator_is_told_with_exit_code_3(server, yibao, monkeypatch, odd, verb):
    """A redirect was followed, a list ended in a traceback, and an object of another service was printed as a count."""
    if odd in SLOW:
        monkeypatch.setattr(platform, "_WITHIN_S", 0.05)
    server.answer, server.requests[:] = (ODD | ALMOST)[odd], []
    code, out, line = yibao(*verb, "--url", server.url)
    assert (3, "") == (code, out)
    assert f"{server.url}/_sim/{verb[0]}: no simulator answers there" in line
    assert "yibao platform serve" in line
    assert len(server.requests) <= (2 if odd == "a closed connection" else 1), "nothing is followed"


@pytest.mark.parametrize(
    "url", ["http://ops:hunter2@127.0.0.1:1", "127.0.0.1:28080", "ftp://x", "http://", "http://h:x", "http://[", ""]
)
def test_what_is_no_address_of_a_simulator_is_a_mistake_in_the_command(yibao, url):
    """Exit code 2; a password would stand in the shell's history, and the simulator wants none."""
    code, _, line = yibao("stats", "--url", url)
    assert (2, True) == (code, "--url" in line)
