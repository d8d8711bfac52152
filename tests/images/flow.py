"""The whole flow from images: broker, Connect, PostgreSQL, platform, sample hospital and the three workers, as deploy/compose.yaml
starts them on the loopback address; what was reported is judged as a demonstration's is.
"""

import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from sandbox.stack.ports import LOOPBACK, free_port
from streams.broker_wiring import client_options
from streams.mapping import load_site
from tests.images.composed import Project, give
from tests.images.container import Mount, Root
from tests.images.failed import Failed
from tests.images.sites import write_site
from yibao.demonstration.findings import Findings, read_findings

VISITS: Final = 40
OUTCOME_S: Final = 300.0
_QUIET_S: Final = 90.0
_METRICS: Final = {"place": b"cdc_", "join": b"cdc_", "deliver": b"cdc_", "connect": b"debezium_connected"}
"""What the address of each tells."""


def prove(roots: Mapping[str, Root], folder: Path, say: Callable[[str], None], *, instead: Sequence[Mount] = ()) -> str:
    """instead: what the product's containers have in place of their image's own. Raises Failed."""
    ports = _ports()
    site = folder / "site"
    variables = {**{name: f"{port}" for name, port in ports.items()}, "YIBAO_SITE": f"{site}", "KAFKA_HEAP": "512m"}
    variables["CONNECT_HEAP"] = "512m"
    write_site(site, variables, workers_port=ports["WORKERS_PORT"])
    give(site)
    project = Project(roots, folder, variables, say, instead=instead)
    began = time.monotonic()
    try:
        project.up(["platform", "hospital-database", "hospital", "connect", "connectors", "place", "join", "deliver"])
        _wait_for_verbs(project)
        for name in ("place", "join", "deliver"):
            project.healthy(name)
        say(f"all runs after {time.monotonic() - began:.0f} s")
        _metrics(ports)
        run = ["hospital", "run", "--port", variables["POSTGRES_PORT"], "--visits", f"{VISITS}", "--seed", "7"]
        project.once("days", "yibao-cdc-trial", [*run, "--expected", "/etc/yibao/expected.jsonl"], like="hospital")
        findings = outcome(site, say)
        project.once("doctor", "yibao-cdc", ["status"], like="topics")
    except Failed as failed:
        ends = {name: container.said(600) for name, container in project.running.items() if container.ended is not None}
        raise Failed(f"{failed}\nended: {ends}") from None
    finally:
        ended = project.down()
    _demand_orderly(ended)
    judgement = findings.judgement
    slowest = max(ended, key=lambda name: ended[name][1])
    say(f"{len(ended)} containers stopped in order; the slowest, {slowest}, in {ended[slowest][1]:.1f} s")
    return (
        f"flow of {len(ended)} containers from {len(roots)} images: {judgement.accepted.total()} of "
        f"{judgement.expected.total()} records accepted, missing 0, unexpected 0, doubled 0, "
        f"{judgement.dead_letters.total()} dead letters as expected"
    )


def _ports() -> dict[str, int]:
    """Free ones; those of the workers follow each other."""
    ports: dict[str, int] = {}
    for name in ("KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "CONNECT_PORT", "CONNECT_METRICS_PORT", "PLATFORM_PORT", "POSTGRES_PORT"):
        ports[name] = free_port({*ports.values()})
    while True:
        first = free_port({*ports.values()})
        if not {first + 1, first + 2} & {*ports.values()}:
            return {**ports, "WORKERS_PORT": first, "WORKERS_JOIN_PORT": first + 1, "WORKERS_DELIVER_PORT": first + 2}


def _wait_for_verbs(project: Project) -> None:
    """Those that end by themselves must have done so well."""
    for name in ("topics", "connectors", "hospital"):
        if (code := project.running[name].wait(OUTCOME_S)) != 0:
            raise Failed(f"{name} ended with {code}:\n{project.running[name].said()}")


def _metrics(ports: Mapping[str, int]) -> None:
    """All that deploy/compose/prometheus.yaml scrapes answers with the product's metrics."""
    found = dict(zip(_METRICS, ("WORKERS_PORT", "WORKERS_JOIN_PORT", "WORKERS_DELIVER_PORT", "CONNECT_METRICS_PORT"), strict=True))
    for name, variable in found.items():
        with urllib.request.urlopen(f"http://{LOOPBACK}:{ports[variable]}/metrics", timeout=20) as answer:
            if _METRICS[name] not in answer.read():
                raise Failed(f"/metrics of {name} holds no {_METRICS[name].decode()}")


def outcome(site: Path, say: Callable[[str], None]) -> Findings:
    """What was reported, when nothing moves any more. Raises Failed."""
    known = load_site(site / "site.yaml")
    began = moved_at = time.monotonic()
    seen: tuple[int, ...] = ()
    while True:
        found = read_findings(
            expected=site / "expected.jsonl",
            journal=site / "journal.jsonl",
            client=client_options(known),
            topics=known.topics,
            live_since_ms=0,
        )
        judged = found.judgement
        if judged.ok:
            say(
                f"everything has the outcome that it should have, {time.monotonic() - began:.0f} s after the hospital's last change"
            )
            return found
        now = (judged.accepted.total(), judged.dead_letters.total(), len(judged.missing))
        if now != seen:
            seen, moved_at = now, time.monotonic()
        if time.monotonic() - moved_at > _QUIET_S or time.monotonic() - began > OUTCOME_S:
            faults = [*judged.missing[:5], *judged.unexpected[:5], *judged.doubled[:5]]
            raise Failed(f"the outcome is not what it should be: {faults}")
        time.sleep(1)


def _demand_orderly(ended: Mapping[str, tuple[int | None, float]]) -> None:
    """A worker ends with 0 at SIGTERM, and a Java program as the signal's own end."""
    orderly = {0, 130, 143}
    if bad := {name: code for name, (code, _) in ended.items() if code not in orderly}:
        raise Failed(f"these did not end in order: {bad}")
