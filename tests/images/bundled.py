"""`make bundle-proof`: the bundle of `make bundle`, unpacked in a network that leads nowhere, verified and installed from.

There it stands for itself: checksums, an altered file, its images in a registry on the loopback address by its own script, every
image that its chart renders found there, one of them pulled back and run by runc, and its wheels installed without an index.
The last line has the figures. Needs root, on Debian; exit codes: 0 all holds, 1 not, 2 cannot be proved.
"""

import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy import chart_tools, image_tools
from deploy.bundle import DIST
from deploy.images import VERSION
from sandbox.stack.ports import LOOPBACK, free_port
from sandbox.stack.service import CHECKOUT
from streams.errors import Misconfigured
from tests.images.failed import Failed
from tests.images.unpacked import run_unpacked

FOLDER: Final = CHECKOUT / ".yibao" / "images" / "bundle-proof"
_INSIDE: Final = "--inside"
_ALTERED: Final = 1
_REGISTRY: Final = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {place}}}}}
http: {{addr: "{address}"}}
"""


def main(words: Sequence[str]) -> int:
    """As the module says."""
    if _INSIDE in words:
        return _inside(Path(words[-1]))
    found = sorted(DIST.glob(f"yibao-cdc-{VERSION}-*.tar"))
    if not found or os.geteuid() != 0:
        sys.stderr.write(f"error: {'only root may shut the network' if found else f'no bundle in {DIST}: make bundle'}\n")
        return 2
    try:
        image_tools.provide_programs("make bundle-proof", {**image_tools.PROGRAMS, **image_tools.PROOF_PROGRAMS})
        chart_tools.install("helm")
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    env = {**os.environ, **image_tools.environment(), "PYTHONPATH": f"{CHECKOUT}"}
    inside = [sys.executable, "-m", "tests.images.bundled", _INSIDE, f"{found[-1]}"]
    shut = ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *inside]
    return subprocess.run(shut, check=False, env=env, cwd=CHECKOUT).returncode


def _inside(bundle: Path) -> int:
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        figures = _prove(bundle)
    except Failed as failed:
        sys.stderr.write(f"the bundle does not hold: {failed}\n")
        return 1
    except Exception:  # noqa: BLE001 - the exit code is 1 for whatever happened
        sys.stderr.write(traceback.format_exc())
        return 1
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    _say(f"{bundle.name}, {bundle.stat().st_size / 1e6:.0f} MB: {figures}; {time.monotonic() - began:.0f} s in all")
    return 0


def _prove(bundle: Path) -> str:
    if (links := [name for _, name in socket.if_nameindex()]) != ["lo"]:
        raise Failed(f"the network is not shut: {links}")
    with tarfile.open(bundle) as packed:
        packed.extractall(FOLDER, filter="data")
    (root,) = FOLDER.iterdir()
    files = _whole(root)
    _say(f"{files} files, each with its checksum")
    with _registry() as registry:
        env = {"LOAD_ARGS": "--dest-tls-verify=false"}
        _altered_is_refused(root, registry)
        _done(["./load.sh", "skopeo", registry], root, env)
        rendered = _rendered(root, registry)
        for image in sorted(rendered):
            _done(["skopeo", "inspect", "--tls-verify=false", f"docker://{image}"], root)
        _say(f"loaded into a registry; the chart's images are there: {', '.join(sorted(rendered))}")
        pulled = FOLDER / "pulled"
        _done(["skopeo", "copy", "--src-tls-verify=false", f"docker://{min(rendered)}", f"oci:{pulled}:proof"], root)
    version = run_unpacked(pulled, FOLDER / "run", ["--version"])
    _say(f"pulled back and run: {version}")
    installed = _installed(root)
    if installed != version:
        raise Failed(f"the wheels say {installed}, the image {version}")
    return (
        f"{files} files verified, an altered one refused, {len(rendered)} images rendered and found, image and wheels say {version}"
    )


def _whole(root: Path) -> int:
    """How many files there are. Raises Failed where one has no checksum or another one."""
    _done(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], root)
    listed = {line.split("  ", 1)[1] for line in (root / "SHA256SUMS").read_text("utf-8").splitlines()}
    there = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    if listed != there:
        raise Failed(f"without a checksum, or not there: {sorted(listed ^ there)}")
    for part in ("images/images.txt", "sbom/yibao-cdc.cdx.json", "compose/compose.yaml", "load.sh"):
        if part not in there:
            raise Failed(f"{part} is not in the bundle")
    return len(there)


def _altered_is_refused(root: Path, registry: str) -> None:
    file = root / "NOTICE"
    before = file.read_bytes()
    file.write_bytes(before + b" ")
    done = subprocess.run(["./load.sh", "skopeo", registry], cwd=root, capture_output=True, check=False)
    file.write_bytes(before)
    if done.returncode != _ALTERED:
        raise Failed(f"an altered file is not noticed: load.sh ended with {done.returncode}")


@contextmanager
def _registry() -> Iterator[str]:
    """A registry on the loopback address; yields host and project."""
    address = f"{LOOPBACK}:{free_port(set())}"
    config = FOLDER / "registry.yaml"
    config.write_text(_REGISTRY.format(place=FOLDER / "registry", address=address), "utf-8")
    with (FOLDER / "registry.log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while not _listens(address):
            if process.poll() is not None or time.monotonic() > until:
                raise Failed(f"the registry does not serve:\n{(FOLDER / 'registry.log').read_text('utf-8')[-1000:]}")
            time.sleep(0.1)
        yield f"{address}/yibao"
    finally:
        process.terminate()
        process.wait(30)


def _listens(address: str) -> bool:
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True


def _rendered(root: Path, registry: str) -> set[str]:
    """Images of the packed chart with this registry."""
    (chart,) = (root / "charts").glob("*.tgz")
    host, project = registry.split("/")
    ci = CHECKOUT / "helm" / "yibao-cdc" / "ci"
    values = ["--values", f"{ci / 'site.yaml'}", "--values", f"{ci / 'default-values.yaml'}"]
    words = ["template", "first", f"{chart}", *values, "--set", f"global.imageRegistry={host},global.imageNamespace={project}"]
    text = _done([f"{chart_tools.helm(4)}", *words], root, {"HELM_CACHE_HOME": f"{FOLDER / 'helm'}"})
    return {line.split("image: ")[1].strip('"') for line in text.splitlines() if line.strip().startswith("image: ")}


def _installed(root: Path) -> str:
    """Version and core that the command says which the wheels install, with no index."""
    place = FOLDER / "venv"
    _done([sys.executable, "-m", "venv", f"{place}"], root)
    pip = [f"{place / 'bin' / 'pip'}", "--isolated", "install", "--no-index", "--find-links", "wheels", "--no-compile", "yibao-cdc"]
    _done(pip, root)
    return ", ".join(_done([f"{place / 'bin' / 'yibao'}", "--version"], FOLDER, {"PYTHONPATH": ""}).splitlines()[:2])


def _done(words: Sequence[str], where: Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(words, cwd=where, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout[-800:]}{done.stderr[-1500:]}")
    return done.stdout


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
