"""A real Prometheus and a real Alertmanager on real workers, with the rules that are shipped: an outage of the platform is told to
whoever is called, a maintenance window silences it, and that it is over is told, too. An hour of the rules is a minute here.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from deploy.monitoring import FOLDER, program
from sandbox.hospital import run as commit
from sandbox.hospital.tables import PATIENTS
from sandbox.stack import Stack
from sandbox.stack.ports import free_port
from sandbox.stack.service import CHECKOUT
from tests.e2e.bad_rows import Copies, transaction
from tests.e2e.bad_site import SAMPLE, running, yibao
from tests.operations.failed import Failed
from tests.operations.monitored import addresses, demand, exit_code, site_on, total, until

_RULES = CHECKOUT / "deploy" / "prometheus" / "rules.yaml"
_AWAY = "YibaoPlatformUnavailable"
_UNITS = {"m": "s", "h": "m"}


def prove(folder: Path, say: Callable[[str], None]) -> str:
    """Start a stack, a hospital, a platform, the workers, Prometheus and Alertmanager; let the platform go and come."""
    stack = Stack(folder / "stack", durable=False, bound=True)
    stack.up()
    try:
        with site_on(folder, stack) as (site, connection, platform):
            copies = Copies()
            with running("worker", "all", "-c", site, log=folder / "worker.log"):
                until(lambda: exit_code(site) == 0, "all workers well")
                workers = addresses(site)
                commit(connection, [transaction((PATIENTS, copies.patient)), copies.visit().transaction()])
                until(lambda: total(workers["deliver-0"], "cdc_records_accepted_total") > 0, "records that are accepted")

                def write_visit() -> None:
                    commit(connection, [copies.visit().transaction()])

                with _receiver() as told, _monitoring(folder, list(workers.values()), told) as prometheus:
                    return _prove(folder, site, platform, prometheus, told, say, write_visit)
    finally:
        stack.erase()


def _prove(  # noqa: PLR0917 - all that takes part
    folder: Path,
    site: Path,
    platform: Any,
    prometheus: str,
    told: "Told",
    say: Callable[[str], None],
    write_visit: Callable[[], None],
) -> str:
    until(lambda: _healthy(prometheus), "all workers scraped and all rules evaluated")
    url = yaml.safe_load(site.read_text("utf-8"))["platform"]["url"]
    demand(told.state(_AWAY) == "", "the platform's outage is told before it begins")
    say("three workers are scraped, and every rule is evaluated without an error")
    platform.terminate()
    platform.wait()
    write_visit()
    until(lambda: told.state(_AWAY) == "firing", f"{_AWAY} at Alertmanager's webhook")
    until(lambda: told.state("YibaoBreakerOpen") == "firing", "YibaoBreakerOpen at Alertmanager's webhook")
    demand(told.labels[_AWAY].get("severity") == "critical", "who is called is called for a warning")
    say("the platform is away: who is called is told")
    yibao("maintenance", "set", "--until", "1h", "--why", "the platform's notice", "-c", site)
    until(lambda: told.state(_AWAY) == "resolved" and told.state("YibaoBreakerOpen") == "resolved", "silence in a window")
    demand("maintenance" in yibao("maintenance", "show", "-c", site), "the window is not shown")
    yibao("maintenance", "end", "--why", "to see that it is told again", "-c", site)
    until(lambda: told.state(_AWAY) == "firing", f"{_AWAY} after the window")
    say("a maintenance window silences it although the platform is still away, and after it it is told again")
    port = url.rsplit(":", 1)[1].split("/")[0]
    serve = ("platform", "serve", "--institutions", SAMPLE / "site.yaml", "--keys", folder / "keys", "--port", port, "-o", "json")
    with running(*serve, log=folder / "platform-again.log"):
        until(lambda: told.state(_AWAY) == "resolved" and told.state("YibaoBreakerOpen") == "resolved", "the end at the webhook")
    say("the platform is back: that it is over is told")
    return f"{len(told.labels)} alerts reached the webhook; the outage fired, was silent in a window, fired again, and resolved"


class Told:
    """What Alertmanager told."""

    def __init__(self) -> None:
        self.labels: dict[str, dict[str, str]] = {}
        self._states: dict[str, str] = {}
        self.url = ""

    def take(self, message: Any) -> None:
        """One webhook."""
        for alert in message["alerts"]:
            name = alert["labels"]["alertname"]
            self.labels[name], self._states[name] = alert["labels"], alert["status"]

    def state(self, name: str) -> str:
        """`firing`, `resolved`, or `""`: never told."""
        return self._states.get(name, "")


@contextmanager
def _receiver() -> Iterator[Told]:
    told = Told()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """The proof says what it sees."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    told.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _monitoring(folder: Path, workers: Sequence[str], told: Told) -> Iterator[str]:
    """Prometheus's address, while it and Alertmanager run."""
    one, two = free_port(set()), free_port(set())
    ports = (one, two) if one != two else (one, free_port({one}))
    (folder / "rules.yaml").write_text(quick(_RULES.read_text("utf-8")), "utf-8")
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(_scraping(workers, ports[1])))
    (folder / "alertmanager.yaml").write_text(yaml.safe_dump(_routing(told.url)))
    alertmanager = (*_options(folder, "alertmanager", "storage.path", ports[1]), "--cluster.listen-address=")
    with (
        _program(folder, "prometheus-alertmanager", *alertmanager),
        _program(folder, "prometheus", *_options(folder, "prometheus", "storage.tsdb.path", ports[0])),
    ):
        yield f"http://127.0.0.1:{ports[0]}"


def _options(folder: Path, name: str, data: str, port: int) -> tuple[str, ...]:
    kept = folder / f"{name}-data"
    return (f"--config.file={folder / name}.yaml", f"--{data}={kept}", f"--web.listen-address=127.0.0.1:{port}")


def _scraping(workers: Sequence[str], alertmanager: int) -> dict[str, Any]:
    targets = [url.removeprefix("http://") for url in workers]
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "yibao", "static_configs": [{"targets": targets, "labels": {"site": "proof"}}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
    }


def _routing(url: str) -> dict[str, Any]:
    times = {"group_wait": "1s", "group_interval": "1s", "repeat_interval": "1h"}
    return {
        "route": {"receiver": "called", "group_by": ["alertname"], **times},
        "receivers": [{"name": "called", "webhook_configs": [{"url": url, "send_resolved": True}]}],
    }


def quick(rules: str) -> str:
    """The shipped rules with minutes for hours and seconds for minutes; also what an age is held against."""
    document = yaml.safe_load(rules)
    for rule in (rule for group in document["groups"] for rule in group["rules"]):
        rule["expr"] = re.sub(r"(?<=[\[:\d])m(?=[\]:])", "s", rule["expr"])
        if "time()" in rule["expr"]:
            rule["expr"] = re.sub(r"(?<=[<>] )\d{3,}\b", lambda found: f"{float(found[0]) / 60:g}", rule["expr"])
        for name in ("for", "keep_firing_for"):
            if name in rule:
                rule[name] = rule[name][:-1] + _UNITS[rule[name][-1]]
    return yaml.safe_dump(document, allow_unicode=True)


@contextmanager
def _program(folder: Path, name: str, *options: str) -> Iterator[None]:
    found = program(name)
    if found is None:
        raise Failed(f"{name} is not here: make setup fetches it where there is apt-get; or: apt-get install {name}")
    command = _in_a_root(folder, found) if name == "prometheus-alertmanager" and FOLDER in found.parents else [f"{found}"]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log, cwd=folder)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _in_a_root(folder: Path, found: Path) -> list[str]:
    """The command of Debian's Alertmanager where it is not installed: it reads templates under /usr/share and nowhere else, so it
    is given a root of its own, with `folder` as it stands in it.
    """
    root = folder / "root"
    templates = Path("usr/share/prometheus/alertmanager")
    shutil.copytree(FOLDER / templates, root / templates)
    listed = subprocess.run(["ldd", found], capture_output=True, text=True, check=True).stdout
    for file in (*map(Path, re.findall(r"(/\S+) \(", listed)), found):
        inside = root / file.relative_to("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, inside)
    inside = root / folder.relative_to("/")
    inside.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / "alertmanager.yaml", inside)
    alone = [] if os.geteuid() == 0 else ["unshare", "--map-root-user"]
    return [*alone, "chroot", f"{root}", f"{found}"]


def _healthy(prometheus: str) -> bool:
    groups = _asked(prometheus, "rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    bad = [rule["name"] for rule in rules if rule["health"] == "err"]
    demand(not bad, f"Prometheus cannot evaluate {', '.join(bad)}")
    up = _asked(prometheus, f"query?query={quote('sum(up)')}")["result"]
    return bool(rules) and all(rule["health"] == "ok" for rule in rules) and bool(up) and up[0]["value"][1] == "3"


def _asked(prometheus: str, what: str) -> Any:
    with urllib.request.urlopen(f"{prometheus}/api/v1/{what}") as answer:
        return json.load(answer)["data"]
