"""Every pod that the chart makes, of workers, jobs, hooks and tests: its rights, its environment, its image, its command."""

import re

import pytest
import typer

from tests.chart.rendering import TOPOLOGIES, pods, resources
from yibao.main import build


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_pod_passes_the_restricted_standard(topology):
    """A namespace that enforces it refuses a pod, and tells nobody but who reads events: the workload looks deployed."""
    found = 0
    for pod in pods(topology):
        found += 1
        spec, own = pod.spec, pod.spec["securityContext"]
        assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
        assert own["runAsNonRoot"] is True
        assert own["runAsUser"] > 0
        assert own["runAsGroup"] > 0
        assert own["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"configMap", "csi", "emptyDir", "projected", "secret", "persistentVolumeClaim"}
        for container in pod.containers:
            rights = container["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["capabilities"] == {"drop": ["ALL"]}
            assert rights["readOnlyRootFilesystem"] is True
            assert rights["runAsNonRoot"] is True
            assert "runAsUser" not in rights
            assert not any(port.get("hostPort") for port in container.get("ports", []))
            assert {"cpu", "memory"} == set(container["resources"]["requests"]) == set(container["resources"]["limits"])
    assert found >= 3


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_no_name_stands_twice_in_an_environment(topology):
    """A server that merges by name refuses it, and Helm 4 asks it to merge."""
    for pod in pods(topology):
        for container in pod.containers:
            names = [one["name"] for one in container["env"]]
            assert sorted(set(names)) == sorted(names)
            mounts = [one["mountPath"] for one in container["volumeMounts"]]
            assert sorted(set(mounts)) == sorted(mounts)
            assert {one["name"] for one in container["volumeMounts"]} <= {
                *(one["name"] for one in pod.spec["volumes"]),
                *(["home"] if pod.role in ("place", "join") else []),
            }


def test_no_image_escapes_the_registry():
    """Behind an air gap there is no other registry: one image that is not named by it, and a pod never starts."""
    images = {container["image"] for pod in pods("airgap") for container in pod.containers}
    assert 1 == len(images)
    assert re.fullmatch(r"harbor\.his:8443/yibao/yibao-cdc@sha256:[0-9a-f]{64}", images.pop())
    assert all([{"name": "harbor"}] == pod.spec["imagePullSecrets"] for pod in pods("airgap"))


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_no_resource_names_an_image_elsewhere(topology):
    """Whatever stands under `image` anywhere is one of the pods'."""
    images = {container["image"] for pod in pods(topology) for container in pod.containers}
    assert images == {found for one in resources(topology) for found in _images(one)}
    assert not any(image.endswith(":latest") for image in images)


def _images(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "image" and isinstance(inner, str):
                yield inner
            yield from _images(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _images(inner)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_the_product_understands_every_command(topology):
    """What stands in a pod's `args` is parsed by the command line itself: no verb, option or value that it does not know."""
    for pod in pods(topology):
        for container in pod.containers:
            assert ["yibao"] == container["command"]
            parse(container["args"])


@pytest.mark.parametrize(
    "words", [["worker", "joins"], ["worker", "join", "--indexes", "0"], ["replay", "plan", "--depth", "deep", "--", "open"]]
)
def test_a_slip_in_a_command_would_be_found(words):
    """The check above is held against words that the command line does not know."""
    with pytest.raises(typer.TyperException):
        parse(words)


def parse(words):
    """Parse a command line down to its last verb, and call nothing."""
    command = typer.main.get_command(build(words))
    context = command.make_context("yibao", list(words))
    while hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    assert [] == context.args


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_workers_are_probed_where_they_serve(topology):
    """Liveness looks at the process alone; what is outside of it may make a pod unready and never end it."""
    workers = [pod for pod in pods(topology) if pod.role in ("place", "join", "deliver")]
    assert ["deliver", "join", "place"] == sorted(pod.role for pod in workers)
    for pod in workers:
        container = pod.spec["containers"][0]
        assert ["/live", "/live", "/ready"] == [
            container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        ]
        assert ["http"] == [port["name"] for port in container["ports"]]
