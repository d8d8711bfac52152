"""The dashboards on a running site: a real Prometheus scrapes workers and Connect through a day and a bad hour, every expression of
every panel must have data, and what Connect and Debezium tell of themselves must be there and move.

What the panels show is drawn into build/dashboards/NAME.svg, one picture a dashboard, to be looked at.
"""

import json
import math
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from sandbox.hospital import Workload, run
from sandbox.stack import Stack
from sandbox.stack.service import CHECKOUT
from streams.telemetry.connect_table import CONNECT_METRICS, JVM
from tests.operations.drawn import drawing
from tests.operations.failed import Failed
from tests.operations.prometheus import Prometheus, prometheus
from tests.replay.days import Days
from tests.replay.night import Night

_BOARDS = CHECKOUT / "deploy" / "grafana"
_PICTURES = CHECKOUT / "build" / "dashboards"
_NAME = "boards"
_VISITS = 40
_RATE = 60.0
_WITHIN_S = 300.0
_WORKERS = ("place-0", "join-0", "deliver-0")
_ONLY_IN_TROUBLE = frozenset({"debezium_events_erroneous_total", "connect_task_errors_total", "connect_task_skipped_total"})
"""Counters that stay at 0 where nothing is wrong."""
_MOVE = (
    "debezium_changes_total", "debezium_transactions_total", "connect_source_records_polled_total",
    "connect_source_records_written_total",
)  # fmt: skip


class _Window(NamedTuple):
    """The time that is looked at."""

    start: float
    end: float


def prove(folder: Path, say: Callable[[str], None]) -> str:
    """The figures. Raises Failed for an expression without data, and for a series of Connect's that is not there or stands."""
    stack = Stack(folder / "stack", durable=False, bound=True, metrics=True)
    night = None
    try:
        ends = stack.up()
        night = Night(folder, ends, name=_NAME, wait_s=15)
        night.prepare(refused_percent=4, wrong_key=True)
        _with_certificate(night)
        night.start_workers()
        targets = {"yibao": _addresses(night), "connect": [_host(ends.metrics_url)]}
        with prometheus(folder, targets, site=_NAME) as watcher:
            return _prove(night, watcher, ends.metrics_url, say)
    finally:
        if night is not None:
            night.end()
        stack.erase()


def _prove(night: Night, watcher: Prometheus, connect: str, say: Callable[[str], None]) -> str:
    start = time.time()
    _until(lambda: watcher.scrapes(len(_WORKERS) + 1), "scrapes of all workers and of Connect")
    say("a Prometheus scrapes three workers and Connect")
    before = _told(connect)
    days = Days(night.connect, visits=_VISITS)
    days.before()
    days.after(rate=_RATE)
    _until(lambda: len(night.accepted()) > _VISITS, "records that are accepted")
    _until(lambda: _total(watcher, "cdc_institution_held") > 0, "the institution with the wrong key")
    _connect_tells(before, _told(connect))
    _state_moves(night, watcher)
    say("Connect's and Debezium's own series are there, and move")
    night.stop("platform")
    with night.connect() as hospital:
        run(hospital, Workload(visits=_VISITS // 4, seed=1, first=10 * _VISITS))
    _until(lambda: _total(watcher, 'cdc_platform_breaker_state{state="open"}') > 0, "an open breaker")
    _until(lambda: _total(watcher, 'ALERTS{alertname="YibaoBreakerOpen"}') > 0, "its alert, pending")
    night.start_platform(0)
    _until(lambda: _total(watcher, 'cdc_platform_breaker_state{state="closed"}') > 0, "a closed breaker")
    _until(lambda: _total(watcher, "rate(cdc_records_accepted_total[20s])") > 0, "records that are accepted again")
    _until(lambda: _total(watcher, "cdc_dead_letters_closed_total") > 0, "letters that closed by themselves")
    say("the platform was away, and is back")
    window = _Window(start, time.time())
    shown = {path.stem: _shown(json.loads(path.read_text("utf-8")), watcher, window) for path in sorted(_BOARDS.glob("*.json"))}
    pictures = _drawn(shown, window)
    empty = [f"{name}: {title}: {expression}" for name, board in shown.items() for title, expression in _empty(board)]
    if empty:
        raise Failed("no data: " + "; ".join(empty))
    asked = sum(len(panel["targets"]) for board in shown.values() for panel in board)
    names = len({metric.name for metric in CONNECT_METRICS})
    return f"{len(shown)} dashboards, {asked} expressions with data; {names} series of Connect and Debezium; drawn in {pictures}"


def _shown(board: Mapping[str, Any], watcher: Prometheus, window: _Window) -> list[dict[str, Any]]:
    """The panels with what their expressions were."""
    panels = []
    for panel in board["panels"]:
        targets = [
            target | {"found": watcher.series(_filled(target["expr"]), start=window.start, end=window.end, step=2.0)}
            for target in panel.get("targets", ())
        ]
        panels.append(panel | {"targets": targets, "board": board["title"]})
    return panels


def _filled(expression: str) -> str:
    """As Grafana sends it: this site, and everything else."""
    for name, chosen in {"$__rate_interval": "20s", "$site": _NAME, "$source": ".*", "$institution": ".*"}.items():
        expression = expression.replace(name, chosen)
    return expression


def _empty(panels: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"] if not _has_data(target["found"])]


def _has_data(found: list[dict[str, Any]]) -> bool:
    return any(math.isfinite(float(value)) for series in found for _, value in series["values"])


def _drawn(shown: Mapping[str, list[dict[str, Any]]], window: _Window) -> str:
    _PICTURES.mkdir(parents=True, exist_ok=True)
    for name, panels in shown.items():
        (_PICTURES / f"{name}.svg").write_text(drawing(panels, start=window.start, end=window.end), "utf-8")
    return f"{_PICTURES.relative_to(CHECKOUT)}"


def _connect_tells(before: Mapping[str, float], after: Mapping[str, float]) -> None:
    """Every series of the table is served, and what counts has counted."""
    wanted = {metric.name for metric in CONNECT_METRICS} | set(JVM)
    if missing := wanted - after.keys():
        raise Failed(f"Connect does not serve {', '.join(sorted(missing))}")
    if still := [name for name in _MOVE if after[name] <= before.get(name, 0.0)]:
        raise Failed(f"these stood while rows were captured: {', '.join(still)}")
    if moved := [name for name in _ONLY_IN_TROUBLE if after[name] > 0]:
        raise Failed(f"these count trouble where there is none: {', '.join(moved)}")
    if after["debezium_snapshot_rows"] <= 0 or after["debezium_connected"] != 1:
        raise Failed("the snapshot has read nothing, or the capture is not connected")


def _state_moves(night: Night, watcher: Prometheus) -> None:
    """A capture that a person pauses is told as paused, and as running again."""
    for verb, state in (("pause", "paused"), ("resume", "running")):
        night.yibao("connector", verb, _NAME)
        for series in ("connect_connector_state", "connect_task_state"):
            _until(lambda asked=f'{series}{{state="{state}"}}': _total(watcher, asked) == 1, f"{series} {state}")


def _told(url: str) -> dict[str, float]:
    """The sum of each series at an address."""
    found: dict[str, float] = {}
    with urllib.request.urlopen(url, timeout=_WITHIN_S) as answer:
        for line in answer.read().decode().splitlines():
            if line and not line.startswith("#"):
                name, value = line.partition("{")[0].split(" ")[0], line.rpartition(" ")[2]
                found[name] = found.get(name, 0.0) + float(value)
    return found


def _total(watcher: Prometheus, expression: str) -> float:
    return sum(watcher.now(expression).values())


def _with_certificate(night: Night) -> None:
    """An authority of the platform's in site.yaml, so that there is a certificate whose end can be told."""
    made = night.site_file.with_name("authority.pem")
    key = night.site_file.with_name("authority.key")
    words = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90", "-subj", "/CN=authority", "-keyout", key, "-out", made)
    subprocess.run(["openssl", "req", *words], check=True, capture_output=True)
    document = yaml.load(night.site_file.read_text("utf-8"), Loader=yaml.BaseLoader)
    document["platform"]["ca_file"] = made.name
    night.site_file.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")


def _addresses(night: Night) -> list[str]:
    files = [night.site.workers.home / worker / "http.address" for worker in _WORKERS]
    _until(lambda: all(file.exists() for file in files), "workers that are served")
    return [_host(file.read_text("utf-8")) for file in files]


def _host(url: str) -> str:
    return url.strip().partition("://")[2].partition("/")[0]


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not holds():
        if time.monotonic() > deadline:
            raise Failed(f"not within {_WITHIN_S:.0f} s: {what}")
        time.sleep(0.5)
