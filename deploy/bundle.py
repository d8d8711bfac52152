"""Packs `dist/yibao-cdc-<version>-<machine>.tar`: all that a site without any network needs. docs/images.md says what is in it.

Images as archives that every engine reads, the chart, wheels, jars, an SBOM of each image, the files of deploy/compose.yaml, a
script that loads the images, a list of them, and checksums of everything. The list is made of what the chart renders and compose
names: an image of the product that is named there and not packed is an error. Needs root, as `make images` does.
Exit codes: 0 packed, 1 a step failed, 2 something is missing on this machine.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from deploy import chart_tools, image_tools, images, wheels  # noqa: E402  run as a script
from deploy.images import IMAGES, VERSION, Store  # noqa: E402
from deploy.steps import StepFailed, run, timed  # noqa: E402
from streams.errors import Misconfigured  # noqa: E402

DIST: Final = ROOT / "dist"
_CHART: Final = ROOT / "helm" / "yibao-cdc"
_COMPOSE: Final = ("compose.yaml", "compose", "prometheus/rules.yaml", "grafana/*.json")
_VARIABLE: Final = re.compile(r"\$\{\w+:-([^}]*)\}")
_LOG: Final = image_tools.LOGS / "bundle.log"


def named_images() -> set[str]:
    """What the chart renders, with every topology of its own, and what deploy/compose.yaml names by default. Raises StepFailed."""
    chart_tools.install("helm")
    site = _CHART / "ci" / "site.yaml"
    found: set[str] = set()
    for values in sorted((_CHART / "ci").glob("*-values.yaml")):
        rendered = _helm("template", "first", _CHART, "--values", site, "--values", values)
        found |= {f"{image}" for one in yaml.safe_load_all(rendered) for image in _images(one)}
    found = {image for image in found if "/" not in image and "@" not in image}  # those of the default registry
    composed = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
    return found | {_VARIABLE.sub(r"\1", service["image"]) for service in composed["services"].values()}


def pack(store: Store, machine: str) -> Path:
    """The bundle. Raises StepFailed, wheels.BuildFailed, Misconfigured."""
    name = f"yibao-cdc-{VERSION}-{machine}"
    folder = DIST / name
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("images", "charts", "sbom", "compose"):
        (folder / part).mkdir(parents=True)
    _pack_images(store, folder / "images")
    _helm("package", _CHART, "--destination", folder / "charts")
    shutil.copytree(
        ROOT / "build" / "images" / "wheels" / machine, folder / "wheels", ignore=shutil.ignore_patterns("trial", "python")
    )
    (folder / "wheels" / "SHA256SUMS").unlink()
    shutil.copytree(images.JAVA, folder / "jars", ignore=shutil.ignore_patterns("SHA256SUMS"))
    _pack_compose(folder / "compose")
    _pack_sboms(store, folder / "sbom", machine)
    for file in (
        ROOT / "deploy" / "bundle" / "load.sh",
        ROOT / "deploy" / "bundle" / "README.md",
        ROOT / "LICENSE",
        ROOT / "NOTICE",
    ):
        shutil.copy(file, folder / file.name)
    lines = (f"{_sha256(path)}  {path.relative_to(folder)}\n" for path in sorted(folder.rglob("*")) if path.is_file())
    sums = "".join(lines)
    (folder / "SHA256SUMS").write_text(sums, "utf-8")
    bundle = DIST / f"{name}.tar"
    with tarfile.open(bundle, "w") as packed:
        packed.add(folder, arcname=name, filter=_root_s)
    shutil.rmtree(folder)
    return bundle


def _pack_images(store: Store, folder: Path) -> None:
    named = named_images()
    ours = {f"{image.name}:{VERSION}": image for image in IMAGES}
    if absent := {name for name in named if name.startswith("yibao-cdc")} - ours.keys():
        raise StepFailed(f"chart or compose name images that nothing builds: {', '.join(sorted(absent))}")
    for name, image in ours.items():
        with timed(f"archive of {name}"):
            store.export(image.tag, name, folder / f"{image.name}.tar")
    (folder / "images.txt").write_text("".join(f"images/{image.name}.tar {name}\n" for name, image in ours.items()), "utf-8")
    (folder / "further.txt").write_text("".join(f"{name}\n" for name in sorted(named - ours.keys())), "utf-8")


def _pack_compose(folder: Path) -> None:
    for pattern in _COMPOSE:
        for path in sorted((ROOT / "deploy").glob(pattern)):
            target = folder / path.relative_to(ROOT / "deploy")
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if path.is_dir() else shutil.copyfile)(path, target)


def _pack_sboms(store: Store, folder: Path, machine: str) -> None:
    image_tools.install_packages()
    with store.mounted([image.tag for image in IMAGES]) as roots:
        words = [f"{image.name}={root}" for image, root in zip(IMAGES, roots, strict=True)]
        command: list[str | Path] = [sys.executable, ROOT / "deploy" / "sbom.py", folder, VERSION, machine, *words]
        run("SBOM", command, log=_LOG, mend="mend: read the log, then: make bundle", env=image_tools.environment())


def _helm(*words: str | Path) -> str:
    nowhere = f"{chart_tools.TOOLS / 'nothing'}"
    homes = dict.fromkeys(("HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME", "KUBECONFIG"), nowhere)
    command = [chart_tools.helm(4), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **homes})
    if done.returncode != 0:
        raise StepFailed(f"helm {words[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _images(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "image" and isinstance(inner, str):
                yield inner
            yield from _images(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _images(inner)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _root_s(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """No name of whoever packed it."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def main() -> int:
    """As the module says."""
    try:
        store = images.build_all()
        bundle = pack(store, platform.machine())
    except (StepFailed, OSError, wheels.BuildFailed) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.write(f"{bundle} ({bundle.stat().st_size / 1e6:.0f} MB)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
