"""The Java programs by checksum: what Maven fetched must be what was fetched when deploy/stack/jars.sha256 was written.

A version in a pom names a file and does not say what is in it; a mirror or a cache can hand out another. Standard library only.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

PINS = Path(__file__).resolve().parent / "stack" / "jars.sha256"
_TOLD = 5
_MEND = """
mend: remove these files from Maven's local repository (~/.m2/repository) and ask whoever runs the mirror of its settings.xml why
they differ; then: make setup. Only after a change of deploy/stack/pom.xml: make lock"""


class Altered(Exception):
    """What was fetched is not what is pinned; the text names the files."""


def pins(dist: Path) -> str:
    """A line `<sha256>  <path>` for each file of class path, plugins, agents and tools in `dist`: `sha256sum -c` reads it there."""
    return "".join(f"{checksum}  {path}\n" for path, checksum in sorted(_checksums(dist).items()))


def verify(dist: Path, pinned: str) -> None:
    """Raises Altered when a file has another content than its pin, has none, or is missing."""
    expected = {path: checksum for checksum, _, path in (line.partition("  ") for line in pinned.splitlines())}
    if faults := list(_faults(_checksums(dist), expected)):
        told = [*faults[:_TOLD], *([f"and {len(faults) - _TOLD} more"] if len(faults) > _TOLD else [])]
        raise Altered("\n  ".join(("Java programs: what Maven fetched is not what deploy/stack/jars.sha256 names:", *told)) + _MEND)


def _checksums(dist: Path) -> Mapping[str, str]:
    return {path.relative_to(dist).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in _files(dist)}


def _files(dist: Path) -> Iterator[Path]:
    for part in ("lib", "plugins", "agents", "tools"):
        yield from (path for path in (dist / part).rglob("*") if path.is_file())


def _faults(found: Mapping[str, str], expected: Mapping[str, str]) -> Iterator[str]:
    for path in sorted(found.keys() | expected.keys()):
        if path not in expected:
            yield f"{path}: nobody asked for it"
        elif path not in found:
            yield f"{path}: missing"
        elif found[path] != expected[path]:
            yield f"{path}: sha256 is {found[path]}, should be {expected[path]}"
