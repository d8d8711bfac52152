"""Another version of the product, as a wheel of a commit of this checkout in an environment of its own."""

import re
import subprocess
import sys
import sysconfig
import tarfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path

from sandbox.stack.service import CHECKOUT
from tests.operations.failed import Failed

_PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A version that can be run."""

    name: str
    """What it is called here."""
    python: Path
    """The interpreter whose `-m yibao` it is."""


def installed(commit: str, name: str, folder: Path) -> Installed:
    """Build the wheel of a commit, and install it. Raises Failed."""
    tree, wheels, home = folder / "tree", folder / "wheels", folder / "venv"
    archive = _run("git", "-C", CHECKOUT, "archive", "--format=tar", commit)
    with tarfile.open(fileobj=BytesIO(archive)) as packed:
        packed.extractall(tree, filter="data")
    _run(sys.executable, tree / "deploy" / "wheels.py", wheels)
    (wheel,) = wheels.glob("yibao_cdc-*.whl")
    _run(sys.executable, "-m", "venv", "--without-pip", home)
    packages = Path(sysconfig.get_path("purelib", vars={"base": f"{home}", "platbase": f"{home}"}))
    if _is_installed(tree / "requirements.lock"):
        # The same packages as here, from where they are; what is installed beside them goes first.
        (packages / "beside.pth").write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")
    else:
        into = ("--target", packages, "--require-hashes")
        _run(sys.executable, "-m", "pip", "install", "--quiet", *into, "--requirement", tree / "requirements.lock")
    _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", packages, wheel)
    python = home / "bin" / "python"
    where = _run(python, "-c", "import yibao; print(yibao.__file__)", cwd=folder).decode().strip()
    if not where.startswith(f"{packages}"):
        raise Failed(f"{name} is not run from its wheel, but from {where}")
    return Installed(name=name, python=python)


def _is_installed(lock: Path) -> bool:
    """Whether each package of a lock is here in that version."""
    return all(_version(name) == wanted for name, wanted in _PINNED.findall(lock.read_text("utf-8")))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _run(*words: object, cwd: Path | None = None) -> bytes:
    done = subprocess.run([*map(str, words)], capture_output=True, check=False, cwd=cwd)
    if done.returncode:
        raise Failed(f"{words[0]} {words[1]} … ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout
