"""What probes and monitoring see of real workers while their surroundings fail: brokers away, the platform away, a worker killed.

An outage must be told, and must end no worker: `/live` says yes all the time, and the processes are the same at the end.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.monitoring import program
from sandbox.hospital import create_schema
from sandbox.hospital import run as commit
from sandbox.hospital.tables import PATIENTS
from sandbox.stack import Stack
from sandbox.stack.service import CHECKOUT
from streams.mapping.monitoring import WorkerHttp
from tests.e2e.bad_rows import Copies, add_prescriptions, transaction
from tests.e2e.bad_site import NAME, SAMPLE, running, superuser, write_site, yibao
from tests.operations.failed import Failed

_WITHIN_S = 240.0
_RULES = CHECKOUT / "deploy" / "prometheus" / "rules_test.yaml"
_WORKERS = ("place-0", "join-0", "deliver-0")


def prove(folder: Path, say: Callable[[str], None]) -> str:
    """Start a stack, a hospital, a platform and the workers; let each fail in turn."""
    stack = Stack(folder / "stack", durable=False, bound=True)
    stack.up()
    try:
        with site_on(folder, stack) as (site, connection, platform):
            return _prove(folder, stack, site, connection, platform, say)
    finally:
        stack.erase()


@contextmanager
def site_on(folder: Path, stack: Stack) -> Iterator[tuple[Path, Any, Any]]:
    """A hospital, a platform, and the site between them, on a stack."""
    (stack.secrets / NAME).write_text("the-capture-password")
    with superuser(stack.endpoints, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
    serve = ("platform", "serve", "--institutions", SAMPLE / "site.yaml", "--keys", folder / "keys", "-o", "json")
    with superuser(stack.endpoints, NAME) as connection, running(*serve, log=folder / "platform.log") as platform:
        create_schema(connection, password="the-capture-password", role=NAME)
        add_prescriptions(connection, role=NAME)
        url = json.loads(platform.stdout.readline())["url"]
        site = write_site(folder, stack.endpoints, platform_url=url, keys=folder / "keys")
        yibao("topics", "apply", "-c", site)
        yibao("connector", "apply", "-c", site)
        yield site, connection, platform


def _prove(  # noqa: PLR0917 - all that fails in turn
    folder: Path, stack: Stack, site: Path, connection: Any, platform: Any, say: Callable[[str], None]
) -> str:
    copies = Copies()
    with running("worker", "all", "-c", site, log=folder / "worker.log"):
        until(lambda: exit_code(site) == 0, "all workers well")
        before = {worker: (url, _started(url)) for worker, url in addresses(site).items()}
        commit(connection, [transaction((PATIENTS, copies.patient)), copies.visit().transaction()])
        until(lambda: total(before["deliver-0"][0], "cdc_records_accepted_total") > 0, "records that are accepted and counted")
        say("all workers are well, and count what they report")
        checked = _checked_by_promtool(url for url, _ in before.values())
        stack.stop("kafka")
        for worker, (url, _) in before.items():
            until(lambda url=url: _status(url, "ready") == 503 and "no_broker" in _reasons(url), f"{worker} without brokers")
            demand(_status(url, "live") == 200, f"{worker} is not live while brokers are away")
        say("no broker: none is ready, all are live")
        stack.start("kafka")
        for worker, (url, _) in before.items():
            until(lambda url=url: _status(url, "ready") == 200, f"{worker} ready again")
        platform.terminate()
        platform.wait(_WITHIN_S)
        commit(connection, [copies.visit().transaction()])
        url = before["deliver-0"][0]
        until(lambda: "platform_away" in _reasons(url), "the platform's absence in /health")
        demand((_status(url, "health"), _status(url, "ready"), _status(url, "live")) == (200, 200, 200), "an outage is no restart")
        demand(total(url, "cdc_oldest_unfinished_record_timestamp_seconds") > 0, "what waits has no age")
        say("no platform: deliver is degraded, ready and live")
        demand({worker: (url, _started(url)) for worker, url in addresses(site).items()} == before, "a worker was restarted")
        killed = _killed(before["join-0"][0], site)
        say("a worker that was killed was silent, and is served again")
        stopped = _stopped(before["deliver-0"][0], site, folder / "worker.log")
        say("a worker that was stopped is stuck with its pid, and its supervisor ended it and started it again")
    again = f"a killed one served again after {killed:.0f} s, a stopped one after {stopped:.0f} s"
    return f"3 workers, {checked}; brokers and platform away, none restarted; {again}"


def _stopped(url: str, site: Path, log: Path) -> float:
    """SIGSTOP: `yibao status` names the process, and the supervisor needs nobody."""
    pid, began = int(_process_of(site, "deliver-0")), time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: _stuck(site) == f"kill -9 {pid}", "the process that hangs, in `yibao status`")
    until(lambda: addresses(site)["deliver-0"] != url and _status(addresses(site)["deliver-0"], "ready") == 200, "the next one")
    lasted = time.monotonic() - began
    events = [json.loads(line) for line in log.read_text("utf-8").splitlines() if '"worker_stalled"' in line]
    demand([("deliver-0", pid)] == [(one["worker"], one["pid"]) for one in events], f"the supervisor said {events}")
    demand(lasted > WorkerHttp().silent_s, f"it was ended after {lasted:.0f} s")
    return lasted


def _stuck(site: Path) -> str:
    """The command that `yibao status` gives for the deliver stage, where that is stuck; else `""`."""
    asked = [sys.executable, "-m", "yibao", "status", "-c", f"{site}", "-o", "json"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=_WITHIN_S)
    (line,) = (one for one in json.loads(told.stdout)["parts"] if one["part"] == "deliver")
    return line["mend"].partition(":")[0] if line["reason"] == "worker_stuck" else ""


def _killed(url: str, site: Path) -> float:
    began = time.monotonic()
    os.kill(int(_process_of(site, "join-0")), signal.SIGKILL)
    until(lambda: exit_code(site) != 0 or addresses(site)["join-0"] != url, "the silence of who was killed")
    until(lambda: addresses(site)["join-0"] != url and _status(addresses(site)["join-0"], "ready") == 200, "the next one")
    return time.monotonic() - began


def _process_of(site: Path, worker: str) -> str:
    stage, index = worker.split("-")
    asked = ["pgrep", "-f", f"worker {stage} --config {site} --index {index}"]
    listed = subprocess.run(asked, capture_output=True, text=True, check=True)
    return listed.stdout.split()[0]


def addresses(site: Path) -> dict[str, str]:
    """Where each worker is served."""
    return {worker: (site.parent / "workers" / worker / "http.address").read_text(encoding="utf-8") for worker in _WORKERS}


def exit_code(site: Path) -> int:
    """Of `yibao worker health`."""
    asked = [sys.executable, "-m", "yibao", "worker", "health", "-c", f"{site}"]
    return subprocess.run(asked, capture_output=True, check=False, timeout=_WITHIN_S).returncode


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=_WITHIN_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def _status(url: str, path: str) -> int:
    return _get(f"{url}/{path}")[0]


def _reasons(url: str) -> set[str]:
    return {one["reason"] for one in json.loads(_get(f"{url}/health")[1])["reasons"]}


def total(url: str, name: str) -> float:
    """The sum of a metric's samples."""
    lines = _get(f"{url}/metrics")[1].splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


def _started(url: str) -> float:
    return total(url, "process_start_time_seconds")


def _checked_by_promtool(urls: Iterator[str]) -> str:
    """What Prometheus's own tool says of what is served. It is no package of Python's: without it nothing is said of that."""
    if (promtool := program("promtool")) is None:
        return "promtool is not installed"
    for url in urls:
        text = _get(f"{url}/metrics")[1]
        said = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        demand(said.returncode == 0, f"promtool check metrics: {said.stdout}{said.stderr}")
    rules = subprocess.run([promtool, "test", "rules", _RULES], capture_output=True, text=True, check=False)
    demand(rules.returncode == 0, f"promtool test rules: {rules.stdout}{rules.stderr}")
    return "promtool finds nothing against what is served, and every alert fires and is silent where it should"


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for it. Raises Failed."""
    deadline = time.monotonic() + _WITHIN_S
    while True:
        try:
            if condition():
                return
        except (OSError, ValueError, KeyError):  # a worker that is just started or ended
            pass
        if time.monotonic() > deadline:
            raise Failed(f"not within {_WITHIN_S:.0f} s: {what}")
        time.sleep(0.5)


def demand(holds: bool, what: str) -> None:  # noqa: FBT001 - a sentence
    """Raises Failed where it is not so."""
    if not holds:
        raise Failed(what)
