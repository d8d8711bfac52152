"""Dockerfiles, compose file and chart against each other and the product; `make images-proof` builds the images and runs them."""

import json
import platform
import re
import shutil
import struct
import subprocess
import sys
import zipfile

import pytest
import yaml

from deploy import chart_tools, elf, monitoring, wheelhouse
from deploy.images import BASES, IMAGES, ROOT, VERSION
from deploy.steps import StepFailed
from tests.chart.rendering import CHART, pods
from tests.chart.test_pods import parse
from tests.images.composed import COMPOSE, services

DOCKERFILES = sorted({ROOT / image.file for image in IMAGES})
PRODUCT = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
_HOST = re.compile(r"\b[\w-]+(\.[\w-]+)+(:\d+)?/")


def instructions(file):
    """(word, rest) of each instruction, continued lines as one."""
    text = re.sub(r"\\\n\s*", "", "\n".join(line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")))
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_dockerfile_builds_without_a_network_and_from_any_registry(file):
    """A base with a registry's host in it cannot be had behind an air gap, and what fetches in a build is not what was locked."""
    found = instructions(file)
    assert "ARG" == found[0][0]
    assert found[0][1].partition("=")[0] in BASES
    stages = {rest.partition(" AS ")[2] for word, rest in found if word == "FROM"}
    bases = {rest.partition(" AS ")[0] for word, rest in found if word == "FROM"}
    assert bases <= {f"${{{found[0][1].partition('=')[0]}}}", "scratch", *stages}
    assert not [rest for word, rest in found if word == "ADD"]
    assert not re.search(r"apt-get|curl|wget|git clone|npm |--mount=type=secret", file.read_text("utf-8"))
    assert not _HOST.search(found[0][1].partition("=")[2])
    assert all("--no-index" in step for word, rest in found if word == "RUN" for step in rest.split("&&") if " install " in step)
    assert "sha256sum --quiet --check SHA256SUMS" in file.read_text("utf-8")


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_an_image_runs_as_a_number_and_starts_without_a_shell(file):
    """A name as its user cannot be told from root by Kubernetes; a shell in front of a process keeps the signal to itself."""
    found = instructions(file)
    assert {"10001:10001"} == {rest for word, rest in found if word == "USER"}
    assert all(isinstance(json.loads(rest), list) for word, rest in found if word in ("ENTRYPOINT", "CMD"))
    copies = [rest for word, rest in found if word == "COPY"]
    assert not [rest for rest in copies if "--chown" in rest or "--chmod" in rest]
    assert r"-perm /6000 -exec chmod a-s" in file.read_text("utf-8")


def test_the_context_holds_nothing_but_what_is_named():
    """A checkout has secrets of a demonstration, logs, and 2 GB of tools."""
    lines = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert "*" == lines[0]
    assert all(line.startswith("!") for line in lines[1:])
    named = {path for file in DOCKERFILES for word, rest in instructions(file) if word == "COPY" and "--from" not in rest
             for path in rest.split()[:-1]}  # fmt: skip
    wanted = {line[1:] for line in lines[1:]}
    assert {path for path in named if not any(_covers(entry, path) for entry in wanted)} == {"${WHEELS}"}
    assert not {entry for entry in wanted if not any(_covers(entry, path) for path in {*named, "build/images/wheels"})}


def _covers(entry, path):
    return path == entry or path.startswith(f"{entry}/") or re.fullmatch(entry.replace(".", r"\.").replace("*", "[^/]*"), path)


# ---- the chart


@pytest.fixture(scope="module", autouse=True)
def helm():
    """Each process that runs some of these tests may be the first that needs it."""
    chart_tools.install("helm")


def test_the_chart_runs_the_image_that_is_built():
    """Name, version, user, home and folder of the site are one decision, written at two places."""
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert (IMAGES[0].name, VERSION) == (values["image"]["repository"], chart["appVersion"])
    found = {rest for word, rest in instructions(ROOT / "deploy" / "Dockerfile") if word == "WORKDIR"}
    for pod in pods("default"):
        own = pod.spec["securityContext"]
        assert f"USER {own['runAsUser']}:{own['runAsGroup']}\n" in PRODUCT
        for container in pod.containers:
            assert f"{IMAGES[0].name}:{VERSION}" == container["image"]
            home = {one["name"]: one["value"] for one in container["env"]}["HOME"]
            assert f"HOME={home} " in PRODUCT
            assert home in found
            assert "/tmp" in {one["mountPath"] for one in container["volumeMounts"]}


def test_commands_of_the_chart_are_programs_of_the_image():
    """`command` goes before the entry point: what it names must be on the image's PATH."""
    scripts = re.search(r"\[project\.scripts\]\n(\w+) =", (ROOT / "pyproject.toml").read_text("utf-8"))[1]
    assert {scripts} == {container["command"][0] for pod in pods("default") for container in pod.containers}
    assert "ENV PATH=/app/bin:" in PRODUCT
    assert f'ENTRYPOINT ["{scripts}"]' in PRODUCT


def test_probes_of_the_chart_need_no_program_of_the_image():
    """A probe that is a command needs a shell or an interpreter, and starts one every few seconds."""
    probed = [
        container[probe]
        for pod in pods("default")
        for container in pod.containers
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        if probe in container
    ]
    assert 9 == len(probed)
    assert all("httpGet" in probe and "exec" not in probe for probe in probed)


# ---- compose

OURS = {name: service for name, service in services({}).items() if service["image"].startswith("yibao-cdc")}


def test_compose_starts_images_that_are_built():
    """A name that nothing builds is found by whoever stands in a hospital without a network."""
    assert {service["image"] for service in OURS.values()} == {f"{image.name}:{VERSION}" for image in IMAGES}


@pytest.mark.parametrize("name", services({}))
def test_every_service_is_contained(name):
    """One that may write its root or take new rights is the one that is found."""
    service = services({})[name]
    assert service["read_only"] is True
    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]
    assert "10001:10001" == service["user"]
    assert "host" == service["network_mode"]
    assert "ports" not in service
    assert not _HOST.search(service["image"])
    assert not service["image"].endswith(":latest")


def test_the_product_understands_every_command_of_chart_and_compose():
    """No verb, option or value that the command line of the image does not know."""
    composed = [service["command"] for service in OURS.values() if "connect" not in service["image"]]
    rendered = [container["args"] for pod in pods("default") for container in pod.containers]
    assert (8, 7) == (len(composed), len(rendered))
    for words in composed + rendered:
        parse([f"{word}" for word in words])


def test_workers_are_looked_at_and_scraped_where_they_serve():
    """site.yaml's one port is the first of three (docs/site.md, workers.http.port)."""
    checks = {name: " ".join(services({})[name]["healthcheck"]["test"]) for name in ("place", "join", "deliver")}
    assert [9464, 9465, 9466] == [int(re.search(r"127\.0\.0\.1:(\d+)/live", check)[1]) for check in checks.values()]
    scraped = yaml.safe_load((ROOT / "deploy" / "compose" / "prometheus.yaml").read_text("utf-8"))["scrape_configs"]
    targets = [target for job in scraped for one in job["static_configs"] for target in one["targets"]]
    assert ["127.0.0.1:9464", "127.0.0.1:9465", "127.0.0.1:9466", "127.0.0.1:9404"] == targets
    assert "=127.0.0.1:9404:/opt/kafka/jmx-connect.yaml" in services({})["connect"]["environment"]["JDK_JAVA_OPTIONS"]
    assert f":{services({})['connect']['environment']['CONNECT_PORT']}\n" in (ROOT / "deploy/sites/sample/site.yaml").read_text(
        "utf-8"
    )


def test_monitoring_of_compose_has_all_rules_and_dashboards_of_the_product():
    """The same files as everywhere, and none forgotten."""
    mounted = {one.split(":")[0] for name in ("prometheus", "grafana") for one in services({})[name]["volumes"] if one[0] == "."}
    assert all((COMPOSE.parent / path).is_file() for path in mounted)
    boards = {f"./grafana/{path.name}" for path in (ROOT / "deploy" / "grafana").glob("*.json")}
    assert boards | {"./prometheus/rules.yaml"} <= mounted


def test_prometheus_reads_its_configuration(tmp_path):
    """With the rules beside it, as compose mounts them."""
    if (promtool := monitoring.program("promtool")) is None:
        pytest.skip("no promtool on this machine")
    for source in (ROOT / "deploy" / "compose" / "prometheus.yaml", ROOT / "deploy" / "prometheus" / "rules.yaml"):
        shutil.copy(source, tmp_path / source.name)
    done = subprocess.run([promtool, "check", "config", tmp_path / "prometheus.yaml"], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


# ---- the product's wheel with a compiled core


def test_the_compiled_core_is_left_out_where_the_build_is_told_so():
    """Who has a doubt of it, or another C library, needs no other context; a word that is mistyped must not be taken for one."""
    (step,) = [rest for word, rest in instructions(ROOT / "deploy" / "Dockerfile") if word == "RUN" and "CORE" in rest]
    assert ("ARG", "CORE=compiled") in instructions(ROOT / "deploy" / "Dockerfile")
    assert "--force-reinstall python/*.whl" in step
    assert "a core is compiled or python" in step
    assert "/app/bin/yibao --version" in step.partition("esac")[2]


def test_a_core_is_compiled_for_this_machine_alone(monkeypatch):
    """No compiler for another one is taken for granted, and an extension module of another Python would not be found at all."""
    monkeypatch.setattr(wheelhouse, "PYTHON", f"{sys.version_info.major}.{sys.version_info.minor}")
    monkeypatch.delenv("CORE", raising=False)
    assert ["compiled", "python"] == [wheelhouse.core_for(machine) for machine in (platform.machine(), "another")]
    monkeypatch.setenv("CORE", "python")
    assert "python" == wheelhouse.core_for(platform.machine())
    monkeypatch.setenv("CORE", "pyhton")
    with pytest.raises(StepFailed, match="compiled or python"):
        wheelhouse.core_for(platform.machine())
    monkeypatch.delenv("CORE")
    monkeypatch.setattr(wheelhouse, "PYTHON", "3.0")
    assert "python" == wheelhouse.core_for(platform.machine())


# ---- wheels for pages of 64 KiB


@pytest.mark.parametrize(
    ("aligned", "content", "found"),
    [(0x1000, b"", 1), (0x10000, b"", 0), (0x10000, b"<jemalloc>: Unsupported system page size", 1)],
)
def test_a_shared_object_that_larger_pages_cannot_map_is_found(tmp_path, aligned, content, found):
    """On Kylin for Kunpeng it would be found at the first import."""
    head = b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + struct.pack("<HIQQQIHHHHHH", 183, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 0, 0, aligned)
    with zipfile.ZipFile(tmp_path / "one.whl", "w") as wheel:
        wheel.writestr("one.so", head + segment + content)
        wheel.writestr("word.txt", "no object")
    assert found == len(list(elf.faults([tmp_path / "one.whl"])))
