"""A real Prometheus beside a running site: Debian's package `prometheus`, which is no package of Python's."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from sandbox.stack.ports import LOOPBACK, free_port
from sandbox.stack.service import CHECKOUT
from tests.operations.failed import Failed

RULES = CHECKOUT / "deploy" / "prometheus" / "rules.yaml"
_WITHIN_S = 120.0


class Prometheus:
    """One that runs. url: where it answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    def asked(self, path: str, **words: object) -> Any:
        """The data of an answer of its API. Raises Failed with its own words."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(words)}", timeout=_WITHIN_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refused:
            with refused:
                raise Failed(f"Prometheus refuses {words}: {refused.read().decode()[:500]}") from refused

    def series(self, expression: str, *, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """What an expression was over time: labels (`metric`) and `values`."""
        words = {"query": expression, "start": start, "end": end, "step": step}
        found: list[dict[str, Any]] = self.asked("/api/v1/query_range", **words)["result"]
        return found

    def now(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """What an expression is now, by its labels."""
        found = self.asked("/api/v1/query", query=expression)["result"]
        return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in found}

    def scrapes(self, number: int) -> bool:
        """Whether so many targets are scraped, and no other."""
        targets = self.asked("/api/v1/targets")["activeTargets"]
        return [one["health"] for one in targets] == ["up"] * number


@contextmanager
def prometheus(folder: Path, jobs: Mapping[str, Sequence[str]], *, site: str, every_s: int = 2) -> Iterator[Prometheus]:
    """Start one that scrapes these addresses (host:port, by job) and knows the shipped rules. Raises Failed where there is none."""
    program = shutil.which("prometheus")
    if program is None:
        raise Failed("no Prometheus on this machine, and without it nothing can be said: apt-get install prometheus")
    config = folder / "prometheus.yml"
    scraped = [
        {"job_name": job, "static_configs": [{"targets": list(targets), "labels": {"site": site}}]} for job, targets in jobs.items()
    ]
    often = {"scrape_interval": f"{every_s}s", "evaluation_interval": f"{every_s}s"}
    config.write_text(yaml.safe_dump({"global": often, "rule_files": [f"{RULES}"], "scrape_configs": scraped}), encoding="utf-8")
    where = f"{LOOPBACK}:{free_port(set())}"
    words = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'prometheus'}", f"--web.listen-address={where}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([program, *words], stdout=log, stderr=log)
    try:
        yield _ready(Prometheus(f"http://{where}"), process, folder / "prometheus.log")
    finally:
        process.terminate()
        process.wait(_WITHIN_S)


def _ready(one: Prometheus, process: "subprocess.Popen[bytes]", log: Path) -> Prometheus:
    deadline = time.monotonic() + _WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(f"{one.url}/-/ready", timeout=_WITHIN_S):
                return one
        except (OSError, urllib.error.URLError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"Prometheus does not begin: {log.read_text('utf-8')[-1000:]}") from None
            time.sleep(0.2)
