"""What stands in for a kubelet lays out files, counts probes and gives rights as one does."""

import http.server
import stat
import threading

import pytest

from tests.images.failed import Failed
from tests.pods.bundle import capabilities, words
from tests.pods.probes import probes_of
from tests.pods.rendered import Pod
from tests.pods.seccomp import profile
from tests.pods.volumes import Keys, entries, lay_out

KEYS = Keys(maps={"site": {"site.yaml": "site: one", "keys__a.pub": "a key"}}, secrets={"his": {"password": b"\xff"}})
SOURCES = [
    {
        "configMap": {
            "name": "site",
            "items": [{"key": "site.yaml", "path": "site.yaml"}, {"key": "keys__a.pub", "path": "keys/a.pub"}],
        }
    },
    {"secret": {"name": "his", "items": [{"key": "password", "path": "secrets/his.password", "mode": 256}]}},
]


def test_a_projected_volume_is_laid_out_by_links(tmp_path):
    """A file that is found at another path, or by another mode than in a cluster, would be proved and not be there."""
    volumes = [{"name": "site", "projected": {"defaultMode": 0o440, "sources": SOURCES}}, {"name": "tmp", "emptyDir": {}}]
    pod = Pod(name="one", component="join", spec={"volumes": volumes}, claims={"home": "home-one-0"})
    there = lay_out(pod, KEYS, into=tmp_path / "volumes", disks=tmp_path / "disks")
    site = there["site"]
    assert b"\xff" == (site / "secrets" / "his.password").read_bytes()
    assert "a key" == (site / "keys" / "a.pub").read_text()
    assert {"..data"} == {(site / name).readlink().parts[0] for name in ("site.yaml", "keys", "secrets")}
    modes = {name: stat.S_IMODE((site / name).stat().st_mode) for name in ("site.yaml", "secrets/his.password")}
    assert {"site.yaml": 0o440, "secrets/his.password": 0o400} == modes
    assert 0o2777 == stat.S_IMODE(there["tmp"].stat().st_mode)
    assert tmp_path / "disks" / "home-one-0" == there["home"]


def test_without_items_every_key_is_a_file():
    """As a volume of one ConfigMap is usually written."""
    found = [(one.path, one.mode) for one in entries({"name": "all", "configMap": {"name": "site"}}, KEYS)]
    assert [("site.yaml", 0o644), ("keys__a.pub", 0o644)] == found


@pytest.mark.parametrize(
    "source",
    [
        {"secret": {"name": "absent", "items": []}},
        {"secret": {"name": "his", "items": [{"key": "absent", "path": "x"}]}},
        {"serviceAccountToken": {"name": "token"}},
    ],
)
def test_what_a_pod_would_wait_for_is_told(source):
    """In a cluster it would never start: taken as an empty file, it would be proved to work."""
    with pytest.raises(Failed):
        list(entries({"name": "site", "projected": {"sources": [source]}}, KEYS))


def test_answers_in_a_row_decide():
    """One bad answer must not make a pod unready where two are asked for, and startup is not known before the first."""
    asked = {"httpGet": {"path": "/", "port": 80}, "failureThreshold": 2, "successThreshold": 1}
    counts = probes_of({"readinessProbe": asked, "startupProbe": asked, "livenessProbe": asked})
    assert {"startup": None, "liveness": True, "readiness": False} == {kind: one.holds for kind, one in counts.items()}
    seen = []
    for good in (True, False, True, False, False, True):
        counts["readiness"].take(good=good)
        seen.append(counts["readiness"].holds)
    assert [True, True, True, True, False, True] == seen
    assert (6, 3) == (counts["readiness"].asked, counts["readiness"].answered)


@pytest.mark.parametrize(("status", "good"), [(200, True), (302, True), (404, False), (503, False)])
def test_a_probe_by_http_asks_the_named_port(status, good):
    """A port by a name that no container has is no answer: the template is wrong."""

    class Served(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_said):
            """Nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Served) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        (count,) = probes_of({"readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}}}).values()
        ports = {"http": server.server_port}
        assert good is count.probe.ask("127.0.0.1", ports, lambda *_: False)
        server.shutdown()
        thread.join()
    assert not count.probe.ask("127.0.0.1", ports, lambda *_: False)
    with pytest.raises(Failed, match="port http"):
        count.probe.ask("127.0.0.1", {}, lambda *_: False)


def test_a_command_takes_the_place_of_the_images_words():
    """With an image's entry point before it, `yibao yibao worker` would be run."""
    image = {"Entrypoint": ["yibao"], "Cmd": ["--help"]}
    assert ["yibao", "--help"] == words({}, image)
    assert ["yibao", "status"] == words({"args": ["status"]}, image)
    assert ["python"] == words({"command": ["python"]}, image)


def test_dropped_capabilities_are_in_no_set():
    """And those that are not dropped a user who is not root has by files alone."""
    assert {"bounding": []} == capabilities({"drop": ["ALL"]}, 10001)
    assert "CAP_CHOWN" in capabilities({}, 0)["effective"]
    assert {"bounding"} == capabilities({}, 10001).keys()


def test_rules_for_capabilities_and_other_machines_are_left_out():
    """A call that only a privileged container may make must fail here, too."""
    told = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
        "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["s390_pci_mmio_read"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390"]}},
        ],
    }
    refused = {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}
    assert [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}, refused] == profile(told, "amd64")["syscalls"]
