"""The stand-in for a kubelet lets a pod run exactly when everything that it mounts is there."""

import pytest

from deploy import chart_tools
from deploy.definitions import with_spec
from streams.errors import Misconfigured
from tests.chart.rendering import pods
from tests.cluster.dry import as_root, in_versions, pod_of
from tests.cluster.node import missing, status
from tests.cluster.state import difference, unsettled

SPEC = {
    "restartPolicy": "Always",
    "volumes": [
        {"name": "home", "persistentVolumeClaim": {"claimName": "home-0"}},
        {"name": "site", "projected": {"sources": [
            {"configMap": {"name": "site", "items": [{"key": "site.yaml", "path": "site.yaml"}]}},
            {"secret": {"name": "kafka", "items": [{"key": "password", "path": "secrets/kafka"}]}},
        ]}},
        {"name": "trust", "configMap": {"name": "authorities"}},
        {"name": "token", "secret": {"secretName": "token", "optional": True}},
    ],
    "containers": [{"name": "worker", "image": "yibao-cdc:0.1.0", "env": [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "given", "key": "a"}}}, {"name": "B", "value": "b"},
    ]}],
}  # fmt: skip
THERE = {
    ("persistentvolumeclaims", "home-0"): {"pv-1"},
    ("configmaps", "site"): {"site.yaml", "mapping.yaml"},
    ("configmaps", "authorities"): {"ca.pem"},
    ("secrets", "kafka"): {"password"},
    ("secrets", "given"): {"a"},
}


def lacks(there):
    return missing(SPEC, lambda plural, name: there.get((plural, name)))


def test_a_pod_that_lacks_nothing_may_run():
    assert [] == lacks(THERE)


@pytest.mark.parametrize("gone", THERE)
def test_each_thing_that_is_not_there_keeps_it_waiting(gone):
    """A stand-in that looked less closely would let a chart pass whose pods never start."""
    assert ["/".join(gone)] == lacks({one: keys for one, keys in THERE.items() if one != gone})


@pytest.mark.parametrize("whose", [one for one in THERE if one[1] in ("site", "kafka", "given")])
def test_a_key_that_is_not_there_does_so_as_well(whose):
    assert [f"{'/'.join(whose)}: {min(THERE[whose] - {'mapping.yaml'})}"] == lacks({**THERE, whose: {"mapping.yaml"}})


@pytest.mark.parametrize(
    ("restart", "fails", "phase", "ready"),
    [
        ("Always", False, "Running", True),
        ("Always", True, "Running", False),
        ("Never", False, "Succeeded", False),
        ("Never", True, "Failed", False),
    ],
)
def test_what_is_reported_of_a_pod(restart, fails, phase, ready):
    """A job whose pod failed, reported as done, would prove that hooks work which do not."""
    told = status({**SPEC, "restartPolicy": restart}, fails=fails)
    assert phase == told["phase"]
    assert f"{ready}" == next(one["status"] for one in told["conditions"] if one["type"] == "Ready")
    assert [ready] == [one["ready"] for one in told["containerStatuses"]]
    if restart == "Never":
        assert int(fails) == told["containerStatuses"][0]["state"]["terminated"]["exitCode"]


def test_what_is_left_and_what_lacks_is_named():
    assert "" == difference([("Job", "a")], [("Job", "a")])
    assert "still has Job/b; lacks Job/a" == difference([("Job", "a")], [("Job", "b")])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"replicas": 3}, "of 2"),
        ({"readyReplicas": 1}, "of 2"),
        ({"updatedReplicas": 1}, "of 2"),
        ({"observedGeneration": 4}, "has not seen"),
    ],
)
def test_a_workload_is_settled_when_all_its_pods_are_of_its_present_template(change, said):
    """A rollback that has only begun must not pass for one that is done."""
    counts = {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 2, "observedGeneration": 5, **change}
    workload = {"metadata": {"generation": 5}, "spec": {"replicas": 2}, "status": counts}
    told = unsettled(workload, 2)
    assert said in told
    assert bool(said) == bool(told)
    assert "asked for" in unsettled(workload, 3)


def test_every_container_is_tried_with_roots_number():
    """One that was forgotten could be the one that runs as root."""
    chart_tools.install("helm")
    roles = set()
    for pod in pods("removed"):
        roles.add(pod.role)
        made = pod_of("one", {"metadata": pod.metadata, "spec": pod.spec})
        volumes = {volume["name"] for volume in made["spec"]["volumes"]}
        assert volumes >= {one["name"] for container in pod.containers for one in container["volumeMounts"]}
        tried = [bad for _, bad in as_root(made)]
        assert 1 + len(pod.containers) == len(tried)
        assert all(made != bad for bad in tried)
    assert {"place", "join", "deliver", "apply", "replay", "test", "uninstall"} == roles


def test_a_resource_is_asked_for_in_every_version_that_the_chart_may_render():
    """Which one depends on what a site's operator serves: one that was never tried may have lost a field."""
    rendered = {"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaTopic"}
    older = {**rendered, "apiVersion": "kafka.strimzi.io/v1beta2"}
    assert [rendered, older] == in_versions(rendered) == in_versions(older)
    for known in ("keda.sh/v1alpha1", "v1", "apps/v1"):
        assert [{"apiVersion": known}] == in_versions({"apiVersion": known})


def test_strimzis_first_version_demands_a_spec():
    """Its generator is older than the annotation that says so; without it a resource that orders nothing would be taken."""
    versions = [{"name": name, "schema": {"openAPIV3Schema": {"type": "object"}}} for name in ("v1", "v1beta2")]
    definition = {"metadata": {"name": "kafkatopics.kafka.strimzi.io"}, "spec": {"versions": versions}}
    demanded = [one["schema"]["openAPIV3Schema"].get("required") for one in with_spec(definition)["spec"]["versions"]]
    assert [["spec"], None] == demanded
    with pytest.raises(Misconfigured, match="kafkatopics"):
        with_spec({**definition, "spec": {"versions": versions[1:]}})
