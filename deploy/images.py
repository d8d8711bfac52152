"""Builds the images of deploy/Dockerfile and deploy/connect/Dockerfile where there is no Docker engine: with buildah, as root.

`context` gathers in `build/images` what every builder needs, Docker too: wheels and jars, by checksum. `build` does that, makes
bases of Debian's packages with mmdebstrap where none is named, and builds; the images stand in a store of their own,
`.yibao/images/store`. Nothing is pulled. Usage: images.py context [x86_64|aarch64] | build. The environment's PYTHON_BASE and
JAVA_BASE name other bases: oci-archive:FILE, or an image of that store; CORE=python leaves the compiled core out. Exit codes: 0
done, 1 a step failed, 2 usage, or something is missing on this machine.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from deploy import image_tools, wheelhouse, wheels  # noqa: E402  run as a script
from deploy.image_tools import LOGS, STATE  # noqa: E402
from deploy.steps import StepFailed, digest, is_stamped, run, timed, write_whole  # noqa: E402
from streams.errors import Misconfigured  # noqa: E402

JAVA: Final = ROOT / "build" / "images" / "java"
VERSION: Final[str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
_DISTRIBUTION: Final = ROOT / ".yibao" / "java"
_SUITE: Final = "bookworm"
_BASE_OPTIONS: Final = ("--mode=root", "--variant=apt", "--skip=output/dev")
"""Without device nodes: who unpacks an image as a plain user may make none."""
_MEND: Final = "mend: read the log, then: make images"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image of the product."""

    name: str
    """Without registry and version."""
    file: str
    """Its Dockerfile."""
    target: str = ""
    """The stage that it is; the last one without a name."""
    base: str
    """The argument of the Dockerfile that names its base."""

    @property
    def tag(self) -> str:
        """As the store names it."""
        return f"localhost/{self.name}:{VERSION}"


IMAGES: Final = (
    Image(name="yibao-cdc", file="deploy/Dockerfile", base="PYTHON_BASE"),
    Image(name="yibao-cdc-connect", file="deploy/connect/Dockerfile", base="JAVA_BASE"),
    Image(name="yibao-cdc-trial", file="deploy/Dockerfile", target="trial", base="PYTHON_BASE"),
)
BASES: Final[Mapping[str, Sequence[str]]] = {
    "PYTHON_BASE": ("python3-minimal", "python3-venv", "ca-certificates", "tzdata"),
    "JAVA_BASE": ("openjdk-17-jre-headless", "ca-certificates", "tzdata"),
}
"""Debian's packages of a base that is made here."""


# ---- what is put into images


def gather(machine: str) -> None:
    """Wheels and jars in `build/images`. Raises StepFailed, wheels.BuildFailed."""
    wheelhouse.gather(machine)
    gather_jars()


def gather_jars() -> None:
    """Class path, plugins and agents as `make setup` fetched and checked them, with a SHA256SUMS. Raises StepFailed."""
    parts = ("lib", "plugins", "agents")
    found = [path for part in parts for path in sorted((_DISTRIBUTION / part).rglob("*.jar"))]
    if not found or not (_DISTRIBUTION / ".stamp").is_file():
        raise StepFailed(f"the jars are not in {_DISTRIBUTION}: make setup")
    shutil.rmtree(JAVA, ignore_errors=True)
    for path in found:
        target = JAVA / path.relative_to(_DISTRIBUTION)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(_DISTRIBUTION)}\n" for path in found)
    write_whole(JAVA / "SHA256SUMS", "".join(lines))


# ---- buildah


class Store:
    """Buildah's store of this checkout: it knows no registry and pulls nothing."""

    def __init__(self, place: Path = STATE) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self.policy = place / "policy.json"
        write_whole(self.policy, json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        write_whole(place / "registries.conf", "unqualified-search-registries = []\n")
        storage = f'[storage]\ndriver = "overlay"\ngraphroot = "{place / "store"}"\nrunroot = "{place / "run"}"\n'
        write_whole(place / "storage.conf", storage)
        self.env = {
            **image_tools.environment(),
            "CONTAINERS_REGISTRIES_CONF": f"{place / 'registries.conf'}",
            "CONTAINERS_STORAGE_CONF": f"{place / 'storage.conf'}",
            "BUILDAH_ISOLATION": "chroot",
            "TMPDIR": f"{place}",
        }

    def run(self, *words: str | Path) -> None:
        """`buildah` with its output in a log. Raises StepFailed."""
        run(f"buildah {words[0]}", ["buildah", *words], log=LOGS / "images-build.log", mend=_MEND, env=self.env)

    def says(self, *words: str | Path) -> str:
        """What `buildah` prints. Raises StepFailed."""
        done = subprocess.run(["buildah", *words], capture_output=True, text=True, check=False, env={**os.environ, **self.env})
        if done.returncode != 0:
            raise StepFailed(f"buildah {words[0]} failed (exit code {done.returncode}): {done.stderr.strip()}")
        return done.stdout.strip()

    def has(self, tag: str) -> bool:
        """Whether an image stands here."""
        words = ["buildah", "inspect", "--type", "image", tag]
        return subprocess.run(words, capture_output=True, check=False, env={**os.environ, **self.env}).returncode == 0

    def take(self, root: Path, tag: str) -> None:
        """An image of a root file system's archive. Raises StepFailed."""
        container = self.says("from", "--signature-policy", self.policy, "scratch")
        self.run("add", "--quiet", container, root, "/")
        self.run("commit", "--quiet", "--rm", "--signature-policy", self.policy, container, tag)

    def build(self, image: Image, base: str, machine: str) -> None:
        """Build an image from the checkout. Raises StepFailed."""
        words: list[str | Path] = ["bud", "--signature-policy", self.policy, "--pull-never", "--timestamp", "0", "--layers"]
        words += ["--build-arg", f"{image.base}={base}", "--file", ROOT / image.file, "--tag", image.tag]
        if image.base == "PYTHON_BASE":
            words += ["--build-arg", f"WHEELS=build/images/wheels/{machine}"]
        if image.target:
            words += ["--target", image.target]
        self.run(*words, ROOT)

    def export(self, tag: str, name: str, archive: Path) -> None:
        """An image as an archive that docker of any age, ctr, nerdctl, podman and skopeo read, under a name. Raises StepFailed."""
        archive.unlink(missing_ok=True)
        self.run("push", "--quiet", "--signature-policy", self.policy, tag, f"docker-archive:{archive}:{name}")

    @contextmanager
    def mounted(self, tags: Sequence[str]) -> Iterator[tuple[Path, ...]]:
        """The root file systems of images, to be read. Raises StepFailed."""
        containers: list[str] = []
        try:
            for tag in tags:
                containers.append(self.says("from", "--pull-never", "--signature-policy", self.policy, tag))  # noqa: PERF401
            yield tuple(Path(self.says("mount", container)) for container in containers)
        finally:
            for container in containers:
                self.says("rm", container)


def provide_base(store: Store, argument: str) -> str:
    """The base of a Dockerfile: what the environment names, else one of Debian's packages, made once. Raises StepFailed."""
    if named := os.environ.get(argument):
        return named
    packages = BASES[argument]
    tag = f"localhost/base-{argument.removesuffix('_BASE').lower()}:{_SUITE}"
    stamp, key = STATE / f".{argument}", digest(*map(str.encode, (_SUITE, *_BASE_OPTIONS, *packages)))
    if is_stamped(stamp, key) and store.has(tag):
        return tag
    archive = STATE / "base.tar"
    archive.unlink(missing_ok=True)
    command: list[str | Path] = ["mmdebstrap", *_BASE_OPTIONS, f"--include={','.join(packages)}", _SUITE, archive]
    mend = "mend: check /etc/apt/sources.list and the connection, then: make images"
    env = {**image_tools.environment(), "SOURCE_DATE_EPOCH": "0"}
    with timed(f"base of {' '.join(packages)} (mmdebstrap {_SUITE})"):
        run("mmdebstrap", command, log=LOGS / "images-base.log", mend=mend, env=env)
        store.take(archive, tag)
    archive.unlink()
    write_whole(stamp, key)
    return tag


def build_all() -> Store:
    """Build all images. Raises StepFailed, Misconfigured, wheels.BuildFailed."""
    machine = platform.machine()
    if os.geteuid() != 0:
        raise Misconfigured("building images without a Docker engine needs root; with one: docs/images.md")
    image_tools.provide_programs("make images")
    gather(machine)
    store = Store()
    for image in IMAGES:
        base = provide_base(store, image.base)
        with timed(f"{image.name} ({image.file})"):
            store.build(image, base, machine)
    return store


def main(words: Sequence[str]) -> int:
    """As the module says."""
    machine = words[1] if words[1:] else platform.machine()
    if not words or words[0] not in ("context", "build") or words[2:] or machine not in wheelhouse.MACHINES:
        sys.stderr.write("error: images.py context [x86_64|aarch64] | build\n")
        return 2
    try:
        if words[0] == "context":
            gather(machine)
        else:
            build_all()
            sys.stdout.write("".join(f"{image.tag}\n" for image in IMAGES))
    except (StepFailed, OSError, wheels.BuildFailed) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
