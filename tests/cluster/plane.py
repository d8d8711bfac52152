"""etcd, kube-apiserver and kube-controller-manager on the loopback address, for as long as a proof takes."""

import json
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from deploy.control_plane import ControlPlane
from sandbox.stack.ports import LOOPBACK, free_port
from tests.cluster.api import Api, Refused
from tests.cluster.failed import Failed

_READY_S: Final = 180.0
_STOP_S: Final = 60.0
_UNUSED: Final = ("node-ipam-controller", "node-lifecycle-controller", "ttl-controller")
"""Controllers of nodes: the one node here sends no heartbeats."""


class Plane(NamedTuple):
    """What a client needs."""

    api: Api
    kubeconfig: Path
    ready_s: float


@contextmanager
def running(parts: ControlPlane, folder: Path) -> Iterator[Plane]:
    """Started in an empty folder, and stopped in order: the apiserver waits for an etcd that is gone. Raises Failed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    began = time.monotonic()
    database, peer, port = _ports()
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n', "ascii")
    key = folder / "accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    with ExitStack() as stop:
        stop.enter_context(_process(folder, "etcd", _etcd(parts.etcd, folder, database, peer)))
        server = stop.enter_context(_process(folder, "apiserver", _apiserver(parts.apiserver, folder, database, port)))
        api = _ready(server, folder, port, token)
        config = _kubeconfig(folder, port, token)
        stop.enter_context(_process(folder, "controllers", _controllers(parts.controllers, folder, config)))
        yield Plane(api, config, time.monotonic() - began)


def _ports() -> tuple[int, int, int]:
    taken: list[int] = []
    while len(taken) < 3:
        taken.append(free_port({*taken}))
    return taken[0], taken[1], taken[2]


@contextmanager
def _process(folder: Path, name: str, command: Sequence[str | Path]) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _etcd(program: Path, folder: Path, client: int, peer: int) -> list[str | Path]:
    here, there = f"http://{LOOPBACK}:{client}", f"http://{LOOPBACK}:{peer}"
    return [
        *(program, "--data-dir", folder / "etcd", "--unsafe-no-fsync"),
        *("--listen-client-urls", here, "--advertise-client-urls", here),
        *("--listen-peer-urls", there, "--initial-advertise-peer-urls", there, "--initial-cluster", f"default={there}"),
    ]


def _apiserver(program: Path, folder: Path, database: int, port: int) -> list[str | Path]:
    key = folder / "accounts.key"
    return [
        *(program, "--etcd-servers", f"http://{LOOPBACK}:{database}", "--cert-dir", folder / "certificates"),
        *("--bind-address", LOOPBACK, "--advertise-address", LOOPBACK, "--secure-port", f"{port}"),
        *("--service-cluster-ip-range", "10.0.0.0/16", "--endpoint-reconciler-type", "none", "--profiling=false"),
        *("--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", key),
        *("--service-account-signing-key-file", key, "--token-auth-file", folder / "tokens.csv", "--authorization-mode", "RBAC"),
    ]


def _controllers(program: Path, folder: Path, config: Path) -> list[str | Path]:
    return [
        *(program, "--kubeconfig", config, "--leader-elect=false", "--secure-port", "0"),
        *("--service-account-private-key-file", folder / "accounts.key"),
        *("--root-ca-file", folder / "certificates" / "apiserver.crt"),
        "--controllers=" + ",".join(["*", *(f"-{name}" for name in _UNUSED)]),
    ]


def _ready(server: subprocess.Popen[bytes], folder: Path, port: int, token: str) -> Api:
    """A client of the server once it is ready. Raises Failed."""
    until, pause, told = time.monotonic() + _READY_S, threading.Event(), ""
    authority = folder / "certificates" / "apiserver.crt"
    while time.monotonic() < until and server.poll() is None:
        pause.wait(0.2)
        if not authority.exists():
            continue
        try:
            api = Api(port, token, authority)
            if api.text("GET", "/readyz") == "ok":
                return api
        except (OSError, Refused) as error:
            told = f"{error}"
    log = (folder / "apiserver.log").read_text("utf-8", "replace")[-2000:]
    raise Failed(f"kube-apiserver is not ready (exit code {server.poll()}, {told}):\n{log}")


def _kubeconfig(folder: Path, port: int, token: str) -> Path:
    config = folder / "kubeconfig"
    cluster = {"server": f"https://{LOOPBACK}:{port}", "certificate-authority": f"{folder / 'certificates' / 'apiserver.crt'}"}
    told = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}],
        "current-context": "here",
    }
    config.write_text(json.dumps(told), "utf-8")
    config.chmod(0o600)
    return config
