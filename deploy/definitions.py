"""The definitions of the custom resources that the chart makes, written by programs of those who define them, out of their types.

Prometheus operator, KEDA and the External Secrets Operator publish theirs in Go modules (deploy/cluster: definitions, keda,
external-secrets), Strimzi in jars (deploy/cluster/strimzi, by sha256).
"""

import copy
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.debian import provide
from deploy.go import LOGS, PINS, build, cache, key_of, run_in
from deploy.jars import verify
from deploy.steps import ROOT, run, timed, write_whole
from sandbox.java import find_java
from streams.errors import Misconfigured

_EXTERNAL: Final = "github.com/external-secrets/external-secrets/apis/externalsecrets"
GO: Final = {
    "definitions": "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1",
    "keda": "github.com/kedacore/keda/v2/apis/keda/v1alpha1",
    "external-secrets": f"{_EXTERNAL}/v1;{_EXTERNAL}/v1beta1",
}
"""The Go packages with the types, by the folder of deploy/cluster whose module has them."""
JAVA: Final = {
    "io.strimzi.api.kafka.model.topic.KafkaTopic": "kafkatopics",
    "io.strimzi.api.kafka.model.connector.KafkaConnector": "kafkaconnectors",
}
"""Strimzi's classes, and what the files are called."""
_WITH_SPEC: Final = "v1"
"""The version of Strimzi's resources in which `spec` may not be missing: its types say so by an annotation (RequiredInVersions
"v1+") that its generator, older than it, does not read. No other part of these resources carries that annotation.
"""
_GENERATOR: Final = "sigs.k8s.io/controller-tools/cmd/controller-gen"


def make() -> Path:
    """The folder of CustomResourceDefinitions, a YAML file each. Raises StepFailed, Altered, Misconfigured."""
    place = cache() / f"definitions-{key_of(*GO, 'strimzi')}"
    if (place / ".stamp").is_file():
        return place
    fresh = place.with_name(f"{place.name}.new")
    shutil.rmtree(place, ignore_errors=True)
    with timed("definitions of custom resources (deploy/cluster)"):
        build("definitions", [_GENERATOR], fresh, title="controller-gen")
        for module, packages in GO.items():
            words: list[str | Path] = [fresh / "controller-gen", "crd", f"paths={packages}", f"output:crd:dir={fresh}"]
            run_in(module, words, title=f"controller-gen, {module}")
        _strimzi(fresh)
    (fresh / "controller-gen").unlink()
    write_whole(fresh / ".stamp", place.name)
    fresh.rename(place)
    return place


def _strimzi(folder: Path) -> None:
    log, jars = LOGS / "cluster-strimzi.log", folder / "strimzi"
    provide(
        lambda: [] if shutil.which("mvn") else ["maven"], log=log, note=ROOT / ".yibao" / "apt-packages", again="make chart-cluster"
    )
    mend = "mend: check that Maven reaches its repository (settings.xml), then: make chart-cluster"
    env = {"LC_ALL": "C.UTF-8", "MAVEN_OPTS": f"{os.environ.get('MAVEN_OPTS', '')} -XX:-UsePerfData".strip()}
    maven: list[str | Path] = ["mvn", "-B", "-ntp", "-f", PINS / "strimzi" / "pom.xml", f"-Ddist={jars}", "generate-resources"]
    run("Strimzi's definitions", maven, log=log, mend=mend, env=env)
    verify(jars, (PINS / "strimzi" / "jars.sha256").read_text("utf-8"))
    files = [f"{name}={folder / file}.yaml" for name, file in JAVA.items()]
    java: list[str | Path] = [find_java(), "-XX:-UsePerfData", "-cp", f"{jars / 'lib'}/*", "io.strimzi.crdgenerator.CrdGenerator"]
    run("Strimzi's definitions", [*java, "--yaml", *files], log=log, mend=mend)
    for file in JAVA.values():
        path = folder / f"{file}.yaml"
        path.write_text(yaml.safe_dump(with_spec(yaml.safe_load(path.read_text("utf-8")))), "utf-8")
    shutil.rmtree(jars)


def with_spec(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """A definition of Strimzi's whose version 1 demands `spec`. Raises Misconfigured where it has no such version."""
    changed = copy.deepcopy(dict(definition))
    schemas = [one["schema"]["openAPIV3Schema"] for one in changed["spec"]["versions"] if one["name"] == _WITH_SPEC]
    if not schemas:
        raise Misconfigured(f"Strimzi's types define no {changed['metadata']['name']}/{_WITH_SPEC}: look at deploy/cluster/strimzi")
    schemas[0]["required"] = ["spec"]
    return changed
