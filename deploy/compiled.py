"""Builds the product's wheel with a compiled core, for this Python and machine, in `build/compiled`, and a checkout that runs it.

mypyc compiles what streams/built.py names; it comes with the mypy of requirements-dev.lock, and its C compiler from Debian. The
sources are in the wheel, too, and the extension modules carry their sha256: where the two differ, nothing runs. Some minutes of
CPU; the second time none. `build/compiled/checkout` is a copy of this checkout whose `.venv` has the wheel installed, and whose
`connector`, `streams` and `yibao` are those of the wheel: tests and measurements that run there run what is shipped.
Usage: compiled.py [wheel]: the wheel alone. Exit codes: 0 done, 1 a step failed, 2 usage, or something is missing on this machine.
"""

import os
import platform
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from deploy import wheels  # noqa: E402  run as a script
from deploy.debian import provide  # noqa: E402
from deploy.steps import StepFailed, digest, is_stamped, run, timed, write_whole  # noqa: E402
from streams.built import SUMS, sums  # noqa: E402
from streams.errors import Misconfigured  # noqa: E402

FOLDER: Final = ROOT / "build" / "compiled"
CHECKOUT: Final = FOLDER / "checkout"
PRODUCT: Final = ("connector", "streams", "yibao")
_LOGS: Final = ROOT / ".yibao" / "logs"
_OPTIMISED: Final = "1"
_SETUP: Final = """\
from mypyc.build import mypycify
from setuptools import setup

asked = ["--config-file=pyproject.toml", *{modules!r}]
setup(ext_modules=mypycify(asked, opt_level="{optimised}", debug_level="0", group_name="yibao_core"))
"""
_LEFT_OUT: Final = shutil.ignore_patterns("*.egg-info", "__pycache__")
_NOT_COPIED: Final = ("build", "dist", *PRODUCT)
_BESIDE: Final = (".ci",)
"""Folders that begin with a dot, and that tests read."""


def build() -> Path:
    """The wheel, made anew where something that goes into it changed. Raises StepFailed, Misconfigured, wheels.BuildFailed."""
    stamp, key = FOLDER / ".wheel", _key()
    found = sorted(FOLDER.glob("yibao_cdc-*.whl"))
    if is_stamped(stamp, key) and len(found) == 1:
        return found[0]
    provide_compiler()
    for old in found:
        old.unlink()
    with timed("compiled core (mypyc)"):
        wheel = wheels.build_product(ROOT, FOLDER, _prepare)
    write_whole(stamp, key)
    return wheel


def provide_compiler() -> None:
    """A C compiler and Python's headers, by Debian's names. Raises StepFailed, Misconfigured."""
    provide(_missing, log=_LOGS / "compiled-apt.log", note=ROOT / ".yibao" / "apt-packages", again="make compiled")


def _missing() -> list[str]:
    lacks = [] if shutil.which("gcc") else ["gcc", "libc6-dev"]
    has_headers = Path(sysconfig.get_paths()["include"], "Python.h").is_file()
    return lacks if has_headers else [*lacks, f"python3.{sys.version_info.minor}-dev"]


def _prepare(copy: Path) -> None:
    """Put into a copy of the tree what makes setuptools compile it."""
    found = sums(copy)
    lines = "".join(f'    "{name}": "{sha256}",\n' for name, sha256 in found.items())
    text = f'"""Of what the core was compiled."""\n\nfrom typing import Final\n\nOF: Final[dict[str, str]] = {{\n{lines}}}\n'
    (copy / SUMS).write_text(text, "utf-8")
    (copy / "setup.py").write_text(_SETUP.format(modules=[*found, SUMS], optimised=_OPTIMISED), "utf-8")


def _key() -> str:
    """What the wheel is made of: everything of ours that goes into it, the tools, and this Python."""
    parts = [path for top in PRODUCT for path in sorted((ROOT / top).rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    files = [ROOT / "requirements-dev.lock", ROOT / "pyproject.toml", ROOT / "NOTICE", Path(__file__), *parts]
    here = f"{sys.version} {platform.machine()} {platform.libc_ver()}".encode()
    return digest(here, *(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes() for path in files))


def check_out(wheel: Path) -> Path:
    """The checkout that runs a wheel; what else is in it is copied anew. Raises StepFailed."""
    venv = CHECKOUT / ".venv"
    CHECKOUT.mkdir(parents=True, exist_ok=True)
    _install(wheel, venv)
    (site,) = (venv / "lib").glob("python3.*/site-packages")
    for old in CHECKOUT.iterdir():
        if old.name != ".venv":
            old.unlink() if old.is_symlink() or old.is_file() else shutil.rmtree(old)
    for path in ROOT.iterdir():
        if path.is_dir() and path.name not in _NOT_COPIED and not path.name.startswith("."):
            shutil.copytree(path, CHECKOUT / path.name, ignore=_LEFT_OUT, symlinks=True)
        elif path.is_file():
            shutil.copyfile(path, CHECKOUT / path.name)
    for name in _BESIDE:
        shutil.copytree(ROOT / name, CHECKOUT / name)
    for name in PRODUCT:
        (CHECKOUT / name).symlink_to(site.relative_to(CHECKOUT) / name)
    (CHECKOUT / ".yibao").symlink_to(Path(os.path.relpath(ROOT / ".yibao", CHECKOUT)))
    return CHECKOUT


def _install(wheel: Path, venv: Path) -> None:
    """The wheel in a virtual environment of its own, with the packages of this checkout's."""
    stamp, key = venv / ".wheel", digest(wheel.read_bytes(), str(venv).encode(), sys.executable.encode())
    if is_stamped(stamp, key):
        return
    log, mend = _LOGS / "compiled.log", "mend: read the log, then: make compiled"
    (packages,) = (path for path in map(Path, sys.path) if path.name == "site-packages")
    run("virtual environment", [sys.executable, "-m", "venv", "--clear", "--without-pip", venv], log=log, mend=mend)
    install: list[str | Path] = [sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "install", "--no-index"]
    install += ["--no-deps", wheel]
    run("compiled wheel", [*install, "--no-input", "--disable-pip-version-check"], log=log, mend=mend)
    (site,) = (venv / "lib").glob("python3.*/site-packages")
    write_whole(site / "packages.pth", f"{packages}\n")
    write_whole(stamp, key)


def main(words: Sequence[str]) -> int:
    """As the module says."""
    if words not in ([], ["wheel"]):
        sys.stderr.write("error: compiled.py [wheel]\n")
        return 2
    try:
        wheel = build()
        sys.stdout.write(f"{wheel}\n")
        if not words:
            sys.stdout.write(f"{check_out(wheel)}\n")
    except (StepFailed, OSError, wheels.BuildFailed) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
