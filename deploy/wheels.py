"""Builds the two wheels into a directory: `yibao-cdc`, which goes into production, and `yibao-cdc-sandbox`, which tries it out.

They are built from a copy of the tree: setuptools would take what an earlier build left in `build/` into the wheel of this one.
Needs the setuptools of requirements-dev.lock and no network. Usage: wheels.py [DIRECTORY], default `dist`. Both are of Python alone
and fit any machine; the product's wheel with a compiled core is built by deploy/compiled.py.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_NOT_OURS = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


class BuildFailed(Exception):
    """A wheel could not be built; the text holds what setuptools said."""


def build(tree: Path, into: Path) -> tuple[Path, ...]:
    """The wheels of a tree, the product's first. Raises BuildFailed."""
    into = into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    with _copied(tree) as copy:
        sandbox = copy / "deploy" / "sandbox-package"
        for name in ("LICENSE", "NOTICE"):
            shutil.copy(copy / name, sandbox / name)
        return tuple(into / wheel.name for project in (copy, sandbox) for wheel in _built(project, into))


def build_product(tree: Path, into: Path, prepare: Callable[[Path], None]) -> Path:
    """The product's wheel of a copy of the tree that was prepared for it. Raises BuildFailed."""
    into = into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    with _copied(tree) as copy:
        prepare(copy)
        (wheel,) = _built(copy, into)
        return wheel


@contextmanager
def _copied(tree: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="yibao-wheels-") as place:
        copy = Path(place, "tree")
        shutil.copytree(tree, copy, ignore=_NOT_OURS)
        yield copy


def _built(project: Path, into: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=into) as fresh:
        command = [sys.executable, "-c", _BUILD, fresh]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildFailed(f"{project.name}: setuptools failed (exit code {done.returncode}):\n{done.stdout}{done.stderr}")
        for wheel in Path(fresh).glob("*.whl"):
            yield wheel.replace(into / wheel.name)


def main() -> int:
    try:
        built = build(ROOT, Path(sys.argv[1]) if sys.argv[1:] else ROOT / "dist")
    except BuildFailed as error:
        sys.stderr.write(f"error: {error}")
        return 1
    sys.stdout.write("".join(f"{wheel}\n" for wheel in built))
    return 0


if __name__ == "__main__":
    sys.exit(main())
