"""A release of the chart on a node: its pods run from its images against broker, Connect, database and platform, and what was
reported is judged.
"""

import copy
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from streams.lanes.exits import CANNOT_REACH, Exit
from tests.chart.rendering import CHART
from tests.images.composed import Project, give
from tests.images.container import Root
from tests.images.failed import Failed
from tests.images.flow import OUTCOME_S, VISITS, outcome
from tests.pods.kubelet import Node, Started, run_job
from tests.pods.network import NODE, Links, Relay
from tests.pods.rendered import Release
from tests.pods.site import SECRET, site_of, write_values
from tests.pods.volumes import Keys

_PORTS: Final = {
    "KAFKA_PORT": "29092",
    "KAFKA_CONTROLLER_PORT": "29093",
    "CONNECT_PORT": "28083",
    "CONNECT_METRICS_PORT": "9404",
    "PLATFORM_PORT": "28080",
    "POSTGRES_PORT": "25432",
}
_NOBODY: Final = "29999"
"""A port on which nothing listens."""
_STAGES: Final = ("place", "join", "deliver")
_WAITS: Final = (CANNOT_REACH, Exit.METADATA)
"""Exit codes of a worker that a kubelet starts again until what it needs is there."""
_IN_THE_MIDDLE: Final = (0, Exit.LANE)
"""Of a worker that is told to stop at work: on a busy machine a lane may not close in time; its records wait for the next one."""
_READY_S: Final = 240.0
Say = Callable[[str], None]


class Course:
    """The steps, in their order."""

    def __init__(self, roots: Mapping[str, Root], folder: Path, say: Say) -> None:
        self._say = say
        self._folder = folder
        self._site = folder / "site"
        self._variables = {**_PORTS, "YIBAO_SITE": f"{self._site}", "KAFKA_HEAP": "512m", "CONNECT_HEAP": "512m"}
        self._project = Project(roots, folder, self._variables, say, address=NODE)
        self._node = Node(roots=roots, folder=folder / "node", links=Links())
        self._pods: list[Started] = []

    def run(self) -> str:
        """The figures. Raises Failed."""
        relay = Relay([int(_PORTS[name]) for name in ("PLATFORM_PORT", "POSTGRES_PORT")])
        try:
            site = self._servers()
            values = write_values(self._folder, site, self._site / "keys")
            told = [self._released(values), self._job(values, "test"), self._job(values, "replay")]
            told += [self._another_depth(values), self._job(values, "uninstall"), self._end(), self._astray(site)]
        finally:
            for pod in self._pods:
                pod.stop()
            self._project.down()
            relay.close()
        return "; ".join(told)

    def _servers(self) -> Mapping[str, Any]:
        """Start what a hospital has already; its site.yaml."""
        for folder in ("keys", "secrets"):
            (self._site / folder).mkdir(parents=True)
        site = site_of(_PORTS)
        (self._site / "site.yaml").write_text(yaml.safe_dump(site, allow_unicode=True, sort_keys=False), "utf-8")
        mapping = CHART.parents[1] / "deploy" / "sites" / "sample" / "mapping.yaml"
        (self._site / "mapping.yaml").write_text(mapping.read_text("utf-8"), "utf-8")
        give(self._site)
        self._project.up(["platform", "hospital-database", "hospital", "connect"])
        if (code := self._project.running["hospital"].wait(OUTCOME_S)) != 0:
            raise Failed(f"hospital ended with {code}:\n{self._project.running['hospital'].said()}")
        self._project.healthy("connect")
        codes = [one["code"] for one in site["institutions"]]
        _until(lambda: all((self._site / "keys" / f"{code}.pub").is_file() for code in codes), "the platform's keys")
        return site

    def _released(self, values: Path) -> str:
        """Everything at once, as Helm hands it over: workers wait for topics, and the job makes them."""
        release, began = Release(values), time.monotonic()
        workers = release.workers()
        self._pods = [Started(self._node, pod, self._keys(release)) for pod in workers]
        tries, _ = self._run("apply", release, release.tries("apply"))
        self._say(f"topics and connectors applied by pod {tries} of the job, {time.monotonic() - began:.0f} s after the install")
        self._ready()
        early = self._started_again()
        self._say(f"{len(workers)} pods ready after {time.monotonic() - began:.0f} s, {early} times started again before that")
        self._served()
        days = ["hospital", "run", "--port", _PORTS["POSTGRES_PORT"], "--visits", f"{VISITS}", "--seed", "7"]
        self._project.once("days", "yibao-cdc-trial", [*days, "--expected", "/etc/yibao/expected.jsonl"], like="hospital")
        self._replace_one_of_each(release)
        judged = outcome(self._site, self._say).judgement
        self._ready()
        self._as_they_should()
        return (
            f"{len(workers)} pods as rendered: {judged.accepted.total()} of {judged.expected.total()} records accepted, missing 0, "
            f"unexpected 0, doubled 0, {judged.dead_letters.total()} dead letters as expected, one pod of each stage replaced"
        )

    def _started_again(self) -> int:
        """How often pods were started once more, for there were no topics yet, or a busy broker let them wait. Raises Failed for
        any other reason.
        """
        found = [why for one in self._pods for why in one.restarts]
        if other := [why for why in found if not any(f"ended with {code}:" in why for code in _WAITS)]:
            raise Failed(f"started anew: {other}")
        for one in self._pods:
            one.restarts.clear()
        return len(found)

    def _replace_one_of_each(self, release: Release) -> None:
        """Delete a pod and start its successor, which has the same claim, if any."""
        for stage in _STAGES:
            index = next(index for index, one in enumerate(self._pods) if one.pod.component == stage)
            self._orderly(self._pods[index], codes=_IN_THE_MIDDLE)
            self._pods[index] = Started(self._node, self._pods[index].pod, self._keys(release))

    def _served(self) -> None:
        """At each pod's own address, on the port that the chart names, the product's metrics."""
        for one in self._pods:
            (port,) = one.pod.spec["containers"][0]["ports"]
            with urllib.request.urlopen(f"http://{one.address}:{port['containerPort']}/metrics", timeout=20) as answer:
                if b"cdc_" not in answer.read():
                    raise Failed(f"/metrics of {one.pod.name} holds nothing of the product's")

    def _as_they_should(self) -> None:
        """Every probe that is rendered was asked and held, nothing ended by itself but for brokers that were busy."""
        self._started_again()
        for one in self._pods:
            if one.faults:
                raise Failed(f"{one.pod.name} did not run through: {one.faults}\n{one.said()}")
            if bad := [kind for kind, count in one.probes.items() if not count.answered]:
                raise Failed(f"{one.pod.name}: {bad} never held")

    def _job(self, values: Path, component: str) -> str:
        release = Release(values)
        _, said = self._run(component, release, release.tries(component))
        self._say(f"job {component} ({release.when(component) or 'no hook'}): {said.strip().splitlines()[-1]}")
        return f"job {component} ended with 0"

    def _run(self, component: str, release: Release, tries: int) -> tuple[int, str]:
        return run_job(self._node, self._keys(release), lambda turn: release.tried(component, turn), tries, OUTCOME_S)

    def _another_depth(self, values: Path) -> str:
        """The replay that a person asks for by values: a plan that is also run."""
        asked = {"replay": {"dryRun": False, "why": "the proof", "filter": ["class:REJECTED"]}}
        file = self._folder / "replay.yaml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(values.read_text("utf-8")), **asked}, allow_unicode=True), "utf-8")
        return f"{self._job(file, 'replay')} (plan and run)"

    def _end(self) -> str:
        slowest = max(self._orderly(one) for one in self._pods)
        return f"all pods ended with 0 in their grace, the slowest in {slowest:.1f} s"

    def _orderly(self, one: Started, codes: Sequence[int] = (0,)) -> float:
        """Stop a pod; its seconds. Raises Failed where it ends with another code, or has to be killed."""
        ended = one.stop()
        if {"worker"} != ended.keys() or any(how.code not in codes or not how.in_grace for how in ended.values()):
            raise Failed(f"{one.pod.name} did not end in order: {ended}\n{one.said()}")
        return max(how.took_s for how in ended.values())

    def _astray(self, site: Mapping[str, Any]) -> str:
        """A broker that is not there: a pod starts, is alive, is never ready, is not started anew, and ends in its grace."""
        wrong = copy.deepcopy(dict(site))
        wrong["kafka"]["bootstrap_servers"] = f"{NODE}:{_NOBODY}"
        folder = self._folder / "astray"
        folder.mkdir()
        release = Release(write_values(folder, wrong, self._site / "keys"))
        for stage in _STAGES:
            pod = next(one for one in release.workers() if one.component == stage)
            one = Started(self._node, pod, self._keys(release))
            try:
                _until(lambda one=one: _has_failed(one), f"{pod.name} has started and is not ready")  # type: ignore[misc]
                if one.is_ready or one.restarts or one.faults or not one.probes["liveness"].holds:
                    raise Failed(f"{pod.name} without a broker: {one.probes} {one.restarts} {one.faults}")
            finally:
                self._orderly(one)
        try:
            self._run("test", release, 1)
        except Failed as failed:
            first = f"{failed}".splitlines()[0]
            self._say(f"without a broker pods are alive and not ready, and helm test fails: {first}")
        else:
            raise Failed("helm test succeeds where no broker is")
        return "readiness fails without a broker, liveness does not"

    def _ready(self) -> None:
        _until(lambda: all(one.is_ready for one in self._pods), "pods are ready", lambda: _unready(self._pods))

    def _keys(self, release: Release) -> Keys:
        """The release's ConfigMaps, and the Secret that the site made."""
        password = (self._site / "secrets" / "his.password").read_bytes()
        return Keys(maps=release.maps, secrets={SECRET: {"password": password}})


def _has_failed(one: Started) -> bool:
    """Whether it was asked often enough to be known."""
    readiness = one.probes.get("readiness")
    return readiness is not None and readiness.asked > readiness.probe.failures and one.probes["liveness"].asked > 0


def _unready(pods: list[Started]) -> str:
    bad = [one for one in pods if not one.is_ready]
    return "".join(f"{one.pod.name}: {one.probes} {one.restarts} {one.faults}\n{one.said(1000)}" for one in bad[:2])


def _until(holds: Callable[[], bool], what: str, told: Callable[[], str] = lambda: "") -> None:
    until, pause = time.monotonic() + _READY_S, threading.Event()
    while not holds():
        if time.monotonic() > until:
            raise Failed(f"not within {_READY_S:.0f} s: {what}\n{told()}")
        pause.wait(0.2)
