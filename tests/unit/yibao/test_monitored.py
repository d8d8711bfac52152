"""Where a worker is served, and how who asks finds it."""

import json
import signal
import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.mapping.monitoring import WorkerHttp
from streams.telemetry.outcomes import Outcomes
from tests.bench.bench_site import write_site
from yibao.main import run
from yibao.monitored import ADDRESS, monitored, seen
from yibao.status.heard import Heard, heard_of


@pytest.fixture
def site(tmp_path):
    return load_site(write_site(tmp_path, prefix="", bootstrap_servers="127.0.0.1:1", platform_url="http://127.0.0.1:9"))


@pytest.fixture
def asked(monkeypatch, capsys, site):
    """`yibao worker health`: exit code, standard output, standard error."""

    def ask(*words):
        monkeypatch.setattr(sys, "argv", ["yibao", "worker", "health", "-c", f"{site.file}", *words])
        with pytest.raises(SystemExit) as ended:
            run()
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return ask


def test_several_workers_of_one_machine_are_found_by_what_they_wrote_down(site, asked):
    """With free ports nobody has to plan anything; `worker all` runs a dozen of them."""
    with capture_logs() as logs, monitored(site, "join", 0, home=None, outcomes=Outcomes("join")) as pulse:
        with monitored(site, "deliver", 1, home=None, outcomes=Outcomes("deliver")):
            pulse.watch()
            pulse.look()
            code, told, _ = asked("-o", "json")
            assert 1 == code, "one of them only begins"
            states = {one["worker"]: (one["state"], [reason["reason"] for reason in one["reasons"]]) for one in json.loads(told)}
            assert {"join-0": ("ok", []), "deliver-1": ("unready", ["starting"])} == states
            code, told, _ = asked()
            assert "deliver-1: starting" in told
        assert 0 == asked()[0]
        address = (site.workers.home / "join-0" / ADDRESS).read_text(encoding="utf-8")
    assert [address, *[entry["address"] for entry in logs if entry["address"] != address]] == [entry["address"] for entry in logs]
    assert (3, "") == asked()[:2]
    assert "no worker is served here" in asked()[2]


def test_a_second_worker_of_one_name_leaves_the_first_one_listed(site):
    """Somebody starts one because the first one hangs: it ends at once, and the first one was not found any more."""
    address = site.workers.home / "join-0" / ADDRESS
    with capture_logs(), monitored(site, "join", 0, home=None, outcomes=Outcomes("join")):
        listed = address.read_text(encoding="utf-8")
        with monitored(site, "join", 0, home=None, outcomes=Outcomes("join")):
            assert listed == address.read_text(encoding="utf-8")
        assert listed == address.read_text(encoding="utf-8")
    assert not address.exists()


def test_a_worker_that_was_killed_does_not_pass_for_one_that_is_well(site, asked):
    """Its note stays behind; another program may listen there meanwhile."""
    with capture_logs(), monitored(site, "join", 0, home=None, outcomes=Outcomes("join")):
        note = site.workers.home / "join-0" / ADDRESS
        left = note.read_text(encoding="utf-8")
    note.write_text(left, encoding="utf-8")
    code, told, _ = asked("-o", "json")
    assert (3, ["silent"]) == (code, [one["state"] for one in json.loads(told)])


def test_nothing_is_served_where_the_site_says_so(tmp_path, site, asked):
    """A machine on which no further port may be open."""
    closed = site.model_copy(update={"workers": site.workers.model_copy(update={"http": WorkerHttp(serve=False)})})
    with monitored(closed, "join", 0, home=None, outcomes=Outcomes("join")):
        assert 3 == asked()[0]


def test_a_port_is_each_workers_own():
    """Workers of one machine must not take each other's; those of a cluster must be where the file says."""
    http = WorkerHttp(port=9464)
    ports = [http.port_of(stage, index) for index in range(3) for stage in ("place", "join", "deliver")]
    assert [*range(9464, 9473)] == ports
    assert 0 == WorkerHttp().port_of("deliver", 4)
    with pytest.raises(ValueError, match="too high"):
        WorkerHttp(port=65_533).port_of("place", 1)


def test_an_index_without_a_port_is_told_before_the_worker_begins(site):
    """It would take a port by chance, which no scrape knows."""
    high = site.model_copy(update={"workers": site.workers.model_copy(update={"http": WorkerHttp(port=65_533)})})
    with (
        pytest.raises(Misconfigured, match=r"workers\.http\.port"),
        monitored(high, "join", 9, home=None, outcomes=Outcomes("join")),
    ):
        pass


@pytest.mark.parametrize(("host", "insecure"), [("0.0.0.0", False), ("10.1.2.3", False), ("::", False), ("here", True)])
def test_an_address_that_others_reach_is_written_twice(host, insecure):
    """There is no login: what is open to a network is meant, and seen in the file."""
    with pytest.raises(ValueError, match="insecure: true"):
        WorkerHttp(host=host, insecure=insecure)
    assert "127.0.0.1" == WorkerHttp().host
    assert "0.0.0.0" == WorkerHttp(host="0.0.0.0", insecure=True).host


SERVED = """
import sys, time
from pathlib import Path
from streams.mapping import load_site
from streams.telemetry.outcomes import Outcomes
from yibao.monitored import monitored
with monitored(load_site(Path(sys.argv[1])), "join", 0, home=None, outcomes=Outcomes("join")) as pulse:
    pulse.watch()
    pulse.look()
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(site):
    """A worker's address, served by a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", SERVED, f"{site.file}"], stdout=subprocess.PIPE, text=True)
    try:
        assert any(line.endswith("up\n") for line in iter(process.stdout.readline, ""))
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.timeout(120)
def test_a_process_that_was_stopped_is_stuck_and_one_that_was_killed_is_gone(site, asked, other):
    """Both are silent. Who starts a second worker for one that only hangs has two of a name, and its partitions still stand."""
    assert 0 == asked()[0]
    other.send_signal(signal.SIGSTOP)
    code, told, _ = asked("-o", "json")
    (found,) = json.loads(told)
    assert (3, "silent", True, other.pid) == (code, found["state"], found["stuck"], found["pid"])
    _, told, _ = asked()
    assert f"join-0: stuck: process {other.pid} is stopped by a signal" in told
    assert f"kill -9 {other.pid}" in told
    (line,) = (heard_of(seen(site.workers.home), "join"),)
    assert (other.pid,) == line.pids
    other.kill()
    other.wait()
    code, told, _ = asked("-o", "json")
    (found,) = json.loads(told)
    assert (3, "silent", False, None) == (code, found["state"], found["stuck"], found["pid"])
    assert Heard() == heard_of(seen(site.workers.home), "join")
