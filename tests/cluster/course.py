"""A release from its first day to its last, by one Helm: each step demands of the server what the chart promises."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.chart.rendering import CHART, CI, SITE
from tests.cluster.api import Refused
from tests.cluster.failed import Failed, demand
from tests.cluster.helm import FULL_NAME, RELEASE, Operator
from tests.cluster.node import Node
from tests.cluster.plane import Plane
from tests.cluster.state import (
    Name,
    demand_alone,
    demand_workers,
    difference,
    is_ready,
    of_release,
    pods,
    there,
    wait_until,
    workers,
)

FIRST: Final = Path(__file__).parents[1] / "chart" / "first-chart.tgz"
"""The chart as it was in its first version."""
VALUES: Final = (SITE, CI / "default-values.yaml")
OPERATORS: Final = (CI / "autoscaled-values.yaml", CI / "monitored-values.yaml")
_SECRETS: Final = ("yibao-kafka", "yibao-connect", "yibao-his")
_FORBIDDEN_BY_BUDGET: Final = 429


class Ground(NamedTuple):
    """What a course runs on."""

    plane: Plane
    node: Node
    kinds: list[tuple[str, str]]
    say: Callable[[str], None]


def make_namespace(ground: Ground, namespace: str) -> set[Name]:
    """One that enforces the restricted standard, with the secrets that a site brings; what is in it. Raises Failed."""
    api = ground.plane.api
    labels = {
        f"pod-security.kubernetes.io/{one}": value for one, value in (("enforce", "restricted"), ("enforce-version", "latest"))
    }
    api.post("/api/v1/namespaces", {"metadata": {"name": namespace, "labels": labels}})
    for name in _SECRETS:
        body = {"metadata": {"name": name}, "stringData": {"password": "not one"}}
        api.post(f"/api/v1/namespaces/{namespace}/secrets", body)
    first = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt"), *(("Secret", name) for name in _SECRETS)}
    demand_alone(api, ground.kinds, namespace, first)
    return first


class Course:
    """The steps, in their order."""

    def __init__(self, ground: Ground, major: int) -> None:
        self._ground = ground
        self._api = ground.plane.api
        self._node = ground.node
        self.namespace = f"helm-{major}"
        self.operator = Operator(major, ground.plane, self.namespace)
        self._before: set[Name] = set()
        self._by_hand: set[Name] = set()

    def run(self) -> str:
        """The figures. Raises Failed."""
        steps = (
            *(self.install, self.upgrade, self.roll_back, self.upgrade_again, self.test, self.evict, self.replay),
            *(self.scale_by_hand, self.hand_over_to_operators, self.uninstall, self.uninstall_with_captures),
        )
        self._before = make_namespace(self._ground, self.namespace)
        for step in steps:
            self._ground.say(f"helm {self.operator.major}: {step.__name__.replace('_', ' ')}: {step()}")
        return f"helm {self.operator.major}: {len(steps)} steps of {self.operator.commands} commands"

    def install(self) -> str:
        self.operator.installs(FIRST, VALUES)
        self._demand({"place": 2, "join": 2, "deliver": 2})
        self._demand_ran("apply", ["topics", "connector"])
        return "6 workers ready, topics and connectors applied"

    def upgrade(self) -> str:
        """From the first chart to the present one, with more workers; nothing is made anew that holds a state."""
        uid = self._workers()["join"]["metadata"]["uid"]
        self.operator.upgrades(CHART, VALUES, "--set", "join.replicas=3,deliver.replicas=3")
        self._demand({"place": 2, "join": 3, "deliver": 3})
        demand(uid == self._workers()["join"]["metadata"]["uid"], "the StatefulSet was made anew by an upgrade")
        return "8 workers ready, the join's StatefulSet is the same"

    def roll_back(self) -> str:
        self.operator.helm("rollback", RELEASE, "1", "--wait", "--timeout", "120s")
        self._demand({"place": 2, "join": 2, "deliver": 2})
        return "6 workers ready"

    def upgrade_again(self) -> str:
        self.operator.upgrades(CHART, VALUES)
        self._demand({"place": 2, "join": 2, "deliver": 2})
        return "6 workers ready"

    def test(self) -> str:
        """Says so when the doctor finds a fault, and goes on once it does not."""
        self._node.failing.add("test")
        self.operator.refused("test", RELEASE, "--timeout", "60s")
        self._node.failing.clear()
        said = self.operator.helm("test", RELEASE, "--timeout", "60s")
        demand("Succeeded" in said, f"helm test does not say that it succeeded:\n{said}")
        self._demand_ran("test", ["doctor"])
        self._demand({"place": 2, "join": 2, "deliver": 2})
        return "fails with the doctor, succeeds with it, leaves nothing"

    def evict(self) -> str:
        """One pod of a stage at a time: the next one only when the one before runs again."""
        for stage in ("place", "join", "deliver"):
            first, second = (one["metadata"]["name"] for one in pods(self._api, self.namespace, stage))
            self._budget_allows(stage, 1)
            self._node.held.add(stage)
            self._evict(first)
            self._budget_allows(stage, 0)
            try:
                self._evict(second)
            except Refused as refused:
                demand(refused.code == _FORBIDDEN_BY_BUDGET, f"eviction of {second}: {refused.code} {refused}")
            else:
                raise Failed(f"the second of two pods of {stage} is evicted while the first does not run")
            self._node.held.discard(stage)
            self._budget_allows(stage, 1)
            self._evict(second)
        self._demand({"place": 2, "join": 2, "deliver": 2})
        return "of each stage one, the second only after the first runs again"

    def replay(self) -> str:
        """The command that the notes of the chart tell."""
        self.operator.kubectl("create", "job", f"--from=cronjob/{FULL_NAME}-replay", "replay-1")
        self.operator.kubectl("wait", "job/replay-1", "--for=condition=Complete", "--timeout=60s")
        self._demand_ran("replay", ["replay"])
        jobs = [one["metadata"]["name"] for one in self._list("batch", "jobs") if "replay" in one["metadata"]["name"]]
        demand(jobs == ["replay-1"], f"the suspended CronJob made jobs of its own: {jobs}")
        self._by_hand = {("Job", "replay-1")}
        return "a job from the suspended CronJob has run"

    def scale_by_hand(self) -> str:
        """The number that the values say comes back with the next upgrade: with Helm 4 once somebody says that it may."""
        self.operator.kubectl("scale", f"deployment/{FULL_NAME}-deliver", "--replicas=4")
        demand_workers(self._api, self.namespace, {"deliver": 4})
        turn = ["--set-string", "pod.annotations.turn=1"]
        if self.operator.major == 4:
            said = self.operator.refused("upgrade", RELEASE, CHART, *(f"--values={file}" for file in VALUES), *turn)
            demand(".spec.replicas" in said, f"helm 4 does not say what is in its way:\n{said}")
            turn.append("--force-conflicts")
        self.operator.upgrades(CHART, VALUES, *turn)
        self._demand({"place": 2, "join": 2, "deliver": 2})
        return "2 workers again after the upgrade" + (", which --force-conflicts must allow" if self.operator.major == 4 else "")

    def hand_over_to_operators(self) -> str:
        """KEDA decides the numbers of join and deliver from then on, and an upgrade leaves them as they are."""
        known = ("--set", "assumeApis=null")
        self.operator.upgrades(CHART, (*VALUES, *OPERATORS), *known)
        wanted = {"place": 2, "join": 5, "deliver": 4}
        for kind, stage in (("statefulset", "join"), ("deployment", "deliver")):
            self.operator.kubectl("scale", f"{kind}/{FULL_NAME}-{stage}", f"--replicas={wanted[stage]}")
        demand_workers(self._api, self.namespace, wanted)
        self.operator.upgrades(CHART, (*VALUES, *OPERATORS), *known, "--set-string", "pod.annotations.turn=2")
        self._demand(wanted)
        made = {kind for kind, _ in self.operator.manifest()}
        demand(made >= {"ScaledObject", "PodMonitor", "PrometheusRule"}, f"the operators' resources are missing: {sorted(made)}")
        return "scaled to 5 and 4, and so after an upgrade"

    def uninstall(self) -> str:
        """What stays is what holds the join's state, as values.yaml says."""
        self.operator.uninstalls()
        claims = {("PersistentVolumeClaim", f"home-{FULL_NAME}-join-{index}") for index in range(5)}
        demand_alone(self._api, self._ground.kinds, self.namespace, self._before | claims)
        for _, name in claims:
            self._api.delete(f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims/{name}")
        demand_alone(self._api, self._ground.kinds, self.namespace, self._before)
        return f"nothing left but the {len(claims)} volumes of the join, which are kept on purpose"

    def uninstall_with_captures(self) -> str:
        """The captures go with the release; where a database does not answer, the release goes without them."""
        values = (SITE, CI / "removed-values.yaml")
        few = ("--set", "join.persistence.enabled=false")
        self.operator.installs(CHART, values, *few)
        self.operator.uninstalls()
        self._demand_ran("uninstall", ["connector"])
        demand_alone(self._api, self._ground.kinds, self.namespace, self._before)
        self.operator.installs(CHART, values, *few)
        self._node.failing.add("uninstall")
        self.operator.refused("uninstall", RELEASE, "--wait", "--timeout", "90s")
        demand(self._workers().keys() == {"place", "join", "deliver"}, "a hook that fails has let the release go")
        self._node.failing.clear()
        self.operator.uninstalls("--no-hooks")
        failed = f"{FULL_NAME}-uninstall"
        pods_of_it = {("Pod", one["metadata"]["name"]) for one in pods(self._api, self.namespace, "uninstall")}
        left = self._before | pods_of_it | {("Job", failed)}
        demand_alone(self._api, self._ground.kinds, self.namespace, left)
        self.operator.kubectl("delete", "job", failed)
        demand_alone(self._api, self._ground.kinds, self.namespace, self._before)
        return "with the hook nothing left; without it, where it fails, the failed job alone"

    # ---- what the steps share

    def _demand(self, wanted: Mapping[str, int]) -> None:
        """The workers run, and the namespace has what the release's manifest says, and nothing of an earlier one."""
        demand_workers(self._api, self.namespace, wanted)
        api, kinds = self._api, self._ground.kinds
        claims = {one for one in there(api, kinds, self.namespace) if one[0] == "PersistentVolumeClaim"}
        all_of_it = self._before | self._by_hand | claims | self.operator.manifest()

        def unlike() -> str:
            return difference(all_of_it, of_release(api, kinds, self.namespace))

        wait_until(lambda: unlike() == "", lambda: f"{self.namespace} {unlike()}")

    def _demand_ran(self, component: str, verbs: list[str]) -> None:
        """The last pod of a component ran these verbs, a container each; of none longer ago is asked."""
        ran = [words for namespace, role, words in self._node.ran if (namespace, role) == (self.namespace, component)]
        demand(ran, f"no pod of {component} has ended in {self.namespace}")
        found = [words[0] if words else "" for words in ran[-1]]
        demand(found == verbs, f"{component} ran {found}, and not {verbs}")

    def _workers(self) -> dict[str, Mapping[str, Any]]:
        return workers(self._api, self.namespace)

    def _list(self, group: str, plural: str) -> list[Any]:
        return self._api.items(f"/apis/{group}/v1/namespaces/{self.namespace}/{plural}")

    def _evict(self, pod: str) -> None:
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        self._api.post(f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction", body)

    def _budget_allows(self, stage: str, count: int) -> None:
        """Once the controller has counted, and the pods are as many and as ready as it says."""
        path = f"/apis/policy/v1/namespaces/{self.namespace}/poddisruptionbudgets/{FULL_NAME}-{stage}"

        def found() -> tuple[int, int]:
            ready = [one for one in pods(self._api, self.namespace, stage) if is_ready(one)]
            return self._api.get(path)["status"].get("disruptionsAllowed", 0), len(ready)

        wait_until(lambda: found() == (count, count + 1), lambda: f"budget of {stage}: (allowed, ready) is {found()}")
