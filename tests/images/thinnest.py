"""The product's image alone: its command line, threads, zones, certificates, its own code out of its reach, a worker's /live."""

import platform
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from deploy import wheelhouse
from sandbox.stack.ports import LOOPBACK, free_port
from streams.seal import generate_key_pair
from tests.images.composed import give
from tests.images.container import Container, Mount, Root
from tests.images.failed import Failed
from tests.images.sites import write_site

_THREADS: Final = 64
_ITSELF: Final = f"""\
import concurrent.futures, os, ssl, threading, zoneinfo, pathlib
assert os.getuid() == os.getgid() == 10001, os.getuid()
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
assert status["NoNewPrivs"].strip() == "1" and int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, status
barrier = threading.Barrier({_THREADS}, timeout=60)
with concurrent.futures.ThreadPoolExecutor({_THREADS}) as pool:
    assert len(set(pool.map(lambda _: (barrier.wait(), threading.get_ident())[1], range({_THREADS})))) == {_THREADS}
assert str(zoneinfo.ZoneInfo("Asia/Shanghai")) == "Asia/Shanghai"
assert ssl.create_default_context().cert_store_stats()["x509_ca"] > 0
import yibao
for place in (pathlib.Path(yibao.__file__), pathlib.Path("/app/bin/fresh"), pathlib.Path("/etc/passwd")):
    try:
        place.open("a")
    except OSError:
        continue
    raise AssertionError(f"{{place}} can be written")
open("/tmp/written", "w").write("x")
print("itself ok")
"""
_LIVE_S: Final = 120.0
_HTTP_OK: Final = 200


def prove(root: Root, folder: Path, say: Callable[[str], None]) -> str:
    """Raises Failed."""
    version, core = _said(root, folder / "version", ["--version"]).splitlines()[:2]
    if core.startswith("core: compiled") != (wheelhouse.core_for(platform.machine()) == wheelhouse.COMPILED):
        raise Failed(f"the image has another core than its wheels: {core}")
    say(f"yibao --version says {version}, {core}")
    for command in (["--help"], ["worker", "place", "--help"], ["runbook", "YibaoLaneHeld"]):
        _said(root, folder / "words", command)
    told = _said(root, folder / "itself", [], args=["python", "-c", _ITSELF])
    if "itself ok" not in told:
        raise Failed(told)
    say(f"{_THREADS} threads at the same time; no capabilities, no new rights, code and root out of reach")
    live_s, stopped_s = _worker(root, folder / "worker")
    say(f"a worker without a broker serves /live after {live_s:.1f} s and ends in {stopped_s:.1f} s at SIGTERM")
    return f"{version}, {core}, {_THREADS} threads, /live after {live_s:.1f} s"


def _said(root: Root, folder: Path, command: list[str], args: list[str] | None = None, mounts: list[Mount] | None = None) -> str:
    container = Container(root, folder, folder.name)
    container.start(command, env={}, mounts=mounts or [], args=args or ())
    code = container.wait(120)
    container.stop()
    if code != 0:
        raise Failed(f"{command or args} ended with {code}:\n{container.said()}")
    return container.said(1 << 20)


def _worker(root: Root, folder: Path) -> tuple[float, float]:
    """As the chart starts it, while there is no broker."""
    port, site, home = free_port(set()), folder / "site", folder / "home"
    write_site(site, {"KAFKA_PORT": f"{free_port({port})}"}, workers_port=port)
    (site / "secrets" / "his.password").write_text("not one", "ascii")
    for code in ("H36110200001", "H36110300002", "P36110200101", "P36110300102"):
        (site / "keys" / f"{code}.pub").write_text(generate_key_pair().public.pem, "ascii")
    home.mkdir()
    give(site)
    give(home)
    container = Container(root, folder / "container", "worker")
    env: Mapping[str, str] = {"YIBAO_CONFIG": "/etc/yibao/site.yaml", "YIBAO_WAIT_FOR_BROKER": "1"}
    command = ["worker", "place", "--config", "/etc/yibao/site.yaml", "--home", "/var/lib/yibao", "--index", "0"]
    began = time.monotonic()
    container.start(command, env=env, mounts=[Mount(site, "/etc/yibao"), Mount(home, "/var/lib/yibao", writable=True)])
    while not is_live(port):
        if container.ended is not None or time.monotonic() - began > _LIVE_S:
            raise Failed(f"a worker does not serve /live (exit code {container.ended}):\n{container.said()}")
        time.sleep(0.1)
    live_s = time.monotonic() - began
    code, stopped_s = container.stop()
    if code != 0:
        raise Failed(f"a worker that waits for its broker ended with {code} at SIGTERM:\n{container.said()}")
    return live_s, stopped_s


def is_live(port: int) -> bool:
    """Whether a worker says so, as a kubelet asks."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/live", timeout=4) as answer:
            return answer.status == _HTTP_OK
    except (urllib.error.URLError, OSError):
        return False
