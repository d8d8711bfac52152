"""How the core of this installation was built: as Python, as in every checkout, or compiled to extension modules (`make compiled`).

What is compiled is named here and nowhere else. The sources are Python and stay beside what was compiled of them; the extension
modules carry the sha256 of each (`streams.core_sums`, which only a compiled core has). Where the two differ, or a module of the
core was not compiled, nothing runs: a core that is partly another version's would be found by its wrong records.
"""

import hashlib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

from streams.errors import Misconfigured

CORE: Final = (
    "connector/contract/envelopes.py",
    "streams/domain",
    "streams/lanes/buffer.py",
    "streams/lanes/join/at_hand.py",
    "streams/lanes/join/awaited.py",
    "streams/lanes/join/chunk.py",
    "streams/lanes/join/held.py",
    "streams/lanes/join/overlay.py",
    "streams/lanes/join/state.py",
    "streams/lanes/join/store.py",
    "streams/lanes/marks.py",
    "streams/lanes/numbers.py",
    "streams/lanes/place/remembered.py",
    "streams/lanes/place/state.py",
    "streams/lanes/ports.py",
    "streams/spec/masking.py",
)
"""Folders with all that is in them, and single modules, below a checkout or an installation. A package's own `__init__.py` stays
Python."""

SUMS: Final = "streams/core_sums.py"
"""Where the extension modules carry the sha256 of their sources; written when they are built, and in no checkout."""

_ROOT: Final = Path(__file__).parents[1]
_EXTENSION: Final = EXTENSION_SUFFIXES[0]
_MEND: Final = "Install the wheel again, whole (pip install --force-reinstall), or, in a checkout, remove the extension modules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """How the core was built."""

    compiled: bool
    """Whether extension modules run; otherwise Python."""
    sources: str = ""
    """12 hex digits over all sources that were compiled; `""` of Python."""

    def __str__(self) -> str:
        """As a person reads it."""
        return f"compiled, of sources {self.sources}" if self.compiled else "Python, not compiled"


def sources(root: Path) -> Iterator[str]:
    """The modules that a core is compiled of, below a folder. Raises Misconfigured where one that is named is not there."""
    for name in CORE:
        path = root / name
        if not path.exists():
            raise Misconfigured(f"{path} is not there, and belongs to the core (streams/built.py): name what took its place")
        for found in sorted(path.rglob("*.py")) if path.is_dir() else (path,):
            if found.name != "__init__.py":
                yield found.relative_to(root).as_posix()


def sums(root: Path) -> dict[str, str]:
    """The sha256 of each of them."""
    return {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in sources(root)}


@cache
def core() -> Core:
    """How the core of this process was built. Raises Misconfigured where it must not run."""
    return core_of(_ROOT)


def core_of(root: Path) -> Core:
    """How the core below a folder was built, which is on the path of this process. Raises Misconfigured where it must not run."""
    extensions = set(_extensions(root))
    if not extensions:
        return Core(compiled=False)
    built_of = _carried()
    if faults := list(faults_of(sums(root), extensions, built_of)):
        raise Misconfigured(f"the compiled core below {root} does not fit its sources: {'; '.join(faults[:3])}. {_MEND}")
    return Core(compiled=True, sources=digest(built_of))


def digest(of: Mapping[str, str]) -> str:
    """12 hex digits over the sums of sources."""
    return hashlib.sha256("".join(f"{name} {sha256}\n" for name, sha256 in sorted(of.items())).encode()).hexdigest()[:12]


def faults_of(now: Mapping[str, str], extensions: set[str], built_of: Mapping[str, str]) -> Iterator[str]:
    """What stands against a compiled core. now: sums of the sources beside it. extensions: the modules of which an extension module
    is there. built_of: the sums that they carry.
    """
    expected = {SUMS, *now}
    yield from (f"{name} is not compiled" for name in sorted(expected - extensions))
    yield from (f"{name} is compiled, and does not belong to the core" for name in sorted(extensions - expected))
    for name in sorted(now.keys() & extensions):
        if now[name] != built_of.get(name):
            yield f"{name} was compiled of another source"


def _extensions(root: Path) -> Iterator[str]:
    """The modules of which an extension module stands below a folder."""
    for top in ("connector", "streams"):
        for path in (root / top).rglob(f"*{_EXTENSION}"):
            yield path.relative_to(root).as_posix().removesuffix(_EXTENSION) + ".py"


def _carried() -> Mapping[str, str]:
    """The sums that the extension modules carry; none where nothing is said of that."""
    try:
        found = importlib.import_module(SUMS.removesuffix(".py").replace("/", "."))
    except ImportError:
        return {}
    carried: Mapping[str, str] = found.OF
    return carried if f"{found.__file__}".endswith(_EXTENSION) else {}
