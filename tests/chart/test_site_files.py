"""What the chart mounts is what the product reads: held against its own loader, and against its own table of files."""

from pathlib import Path

import pytest
import yaml

from streams.mapping import check_files, load_site
from streams.mapping.loading import _key_files
from streams.mapping.secret_files import certificate_files, secret_files
from tests.chart.rendering import CHART, SITE, TOPOLOGIES, helm_says, pods, values_of
from tests.chart.sites import FOLDER, lay_out

WHOSE = {
    "kafka": {"place", "join", "deliver", "apply", "replay", "uninstall", "test"},
    "connect": {"place", "apply", "replay", "uninstall", "test"},
    "sources": {"place", "apply", "replay", "uninstall", "test"},
    "platform": {"deliver", "test"},
}
"""Which roles open secrets of a part of site.yaml."""


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_pod_reads_its_site(topology, tmp_path):
    """The loader that workers begin with finds site, mappings and dictionaries, all of them valid, where the pod has them."""
    for number, pod in enumerate(pods(topology)):
        site = load_site(lay_out(topology, pod, _folder(tmp_path, number)))
        assert "first-hospital" == site.site
        assert Path("/var/lib/yibao") == site.workers.home
        mounted = {one["mountPath"] for container in pod.containers for one in container["volumeMounts"]}
        assert {FOLDER, f"{site.workers.home}", "/tmp"} <= mounted


@pytest.mark.parametrize("topology", [one for one in TOPOLOGIES if one not in ("dmz", "observed")])
def test_who_tests_the_site_has_every_file_of_it(topology, tmp_path):
    """`check_files` opens each key, certificate and password that site.yaml names."""
    tester = next(pod for pod in pods(topology) if pod.role == "test")
    assert "first-hospital" == check_files(lay_out(topology, tester, _folder(tmp_path, 0))).site


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_pod_has_the_secrets_that_it_opens_and_no_other(topology, tmp_path):
    """A worker that is broken into gives away what it had: the join knows no database, and place no platform."""
    for number, pod in enumerate(pods(topology)):
        folder = _folder(tmp_path, number)
        site = load_site(lay_out(topology, pod, folder))
        inside = {path: setting for setting, path in secret_files(site).items() if path.is_relative_to(folder)}
        wanted = {path for path, setting in inside.items() if pod.role in WHOSE[setting[0]]}
        assert wanted == {path for path in inside if path.exists()}, pod.role
        assert all(path.exists() for path in {**certificate_files(site), **_key_files(site)}.values()), pod.role


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_worker_serves_at_the_port_that_is_probed(topology, tmp_path):
    """The port that the pod tells is the one that the product computes of its site."""
    for number, pod in enumerate(one for one in pods(topology) if one.role in ("place", "join", "deliver")):
        site = load_site(lay_out(topology, pod, _folder(tmp_path, number)))
        port = pod.spec["containers"][0]["ports"][0]["containerPort"]
        assert site.workers.http.port_of(pod.role, 0) == port


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_worker_has_the_time_that_a_request_takes(topology, tmp_path):
    """Killed while a request is under way, it leaves its outcome unknown: nothing is lost, and the next owner has to ask again."""
    for number, pod in enumerate(one for one in pods(topology) if one.role in ("place", "join", "deliver")):
        site = load_site(lay_out(topology, pod, _folder(tmp_path, number)))
        assert pod.spec["terminationGracePeriodSeconds"] >= (site.platform.timeout_s + 10 if pod.role == "deliver" else 30)


def test_the_file_is_mounted_as_it_was_given(tmp_path):
    """A copy that went through a YAML library would turn level 02 into 2: what was checked is what runs, byte for byte."""
    given = tmp_path / "site.yaml"
    given.write_text("# 一院\n" + _site_of("dmz"), encoding="utf-8")
    words = ["template", "r", CHART, *(f"--values={file}" for file in values_of("dmz")), f"--set-file=site.file={given}"]
    rendered = helm_says(4, [*words, "--show-only", "templates/site.yaml"])
    config = next(one for one in yaml.safe_load_all(rendered) if one["kind"] == "ConfigMap")
    assert given.read_text(encoding="utf-8") == config["data"]["site.yaml"]


def _site_of(topology):
    return yaml.safe_load((CHART / "ci" / f"{topology}-values.yaml").read_text(encoding="utf-8"))["site"]["file"]


def _folder(tmp_path, number):
    folder = tmp_path / f"{number}"
    folder.mkdir()
    return folder


def test_the_sites_of_the_topologies_are_here():
    """The base that all of them share is a values file of its own."""
    assert SITE.is_file()
    assert len(TOPOLOGIES) >= 10
