"""Writes NOTICE: every package and jar that this project fetches, with its version and licence, from what is locked and installed.

Names and versions are those of requirements.lock, requirements-dev.lock and deploy/stack/jars.sha256. Licences are what the
packages in `.venv`, the jars' poms in Maven's local repository and the jars in `.yibao/java` say, written as SPDX does. What they
leave open, a person decides in deploy/licences.toml. No network. Exit codes: 0 written, 1 something has no known licence.
Usage: notice.py [DIRECTORY of Maven's local repository, default ~/.m2/repository]
"""

import re
import sys
import textwrap
import tomllib
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / ".yibao" / "java"
_DECIDED = tomllib.loads((ROOT / "deploy" / "licences.toml").read_text("utf-8"))
IDENTIFIERS: Mapping[str, Sequence[str]] = _DECIDED["identifiers"]
NAMES: Mapping[str, str] = _DECIDED["names"]
PYTHON: Mapping[str, str] = _DECIDED["python"]
JAVA: Mapping[str, str] = _DECIDED["java"]
CONTAINS: Mapping[str, str] = _DECIDED["contains"]
_POM = "{http://maven.apache.org/POM/4.0.0}"
_OSI = "License :: OSI Approved :: "
_WIDTH = 132
_WORDS = re.compile(r"[^\s()]+")
_JAR = re.compile(r"(?P<name>.+?)-(?P<version>\d[^/]*)\.jar$")
HEAD = """\
yibao-cdc
Copyright 2026 The yibao-cdc authors

Licensed under the Apache License, Version 2.0; the file LICENSE holds it.

Nothing of what follows is part of this source or of its wheels. Installers fetch it from where each site gets its packages, each
unchanged and under the licence that its authors gave it. Licences are written as SPDX writes them; where there are several, the
authors leave the choice, unless it says AND. Extensions in Rust list their crates in the folder `sboms` of their dist-info.
A wheel with a compiled core (`make compiled`, and that of the images) holds beside it the runtime of mypyc, which is a part of mypy
(MIT).
`make notice` writes this file; deploy/licences.toml holds what packages do not say of themselves.
"""


class Undecided(Exception):
    """Something has no licence that is known; the text says what, and where to decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One package or jar."""

    name: str
    version: str
    licence: str

    @property
    def asks_more(self) -> bool:
        """Whether its licence, or one of what it contains, asks for more than that its notices are kept."""
        inside = re.findall(r"\(([^)]*)\)", CONTAINS.get(self.name, ""))
        return any(map(asks_more, (self.licence, *inside)))

    def lines(self, width: int) -> Iterator[str]:
        """As they stand in NOTICE, with what it carries inside."""
        yield f"  {f'{self.name} {self.version}':{width}}  {self.licence}"
        if inside := CONTAINS.get(self.name):
            yield from wrapped(f"contains {inside}", indent=6)


def wrapped(text: str, *, indent: int) -> list[str]:
    """A long line as it stands in NOTICE."""
    first, later = " " * indent, " " * (indent + 2)
    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)


# ---- Python


def locked(lock: str) -> Mapping[str, str]:
    """Name and version of what a lock names."""
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE))


def python_entries(lock: str) -> Iterator[Entry]:
    """Raises Undecided."""
    for name, version in locked(lock).items():
        yield Entry(name=name, version=version, licence=_python_licence(name, version))


def _python_licence(name: str, version: str) -> str:
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        if name in PYTHON:
            return PYTHON[name]
        raise Undecided(f"{name} {version} is not installed here: run `make setup`, or decide under [python]") from None
    if installed.version != version:
        raise Undecided(f"{name} is installed in version {installed.version} and locked in {version}: run `make setup`")
    if any(".libs/" in f"{file}" for file in installed.files or ()) and name not in CONTAINS:
        raise Undecided(f"{name} {version} carries shared libraries: say under [contains] which, and under what licence")
    return PYTHON.get(name) or told_licence(installed)


def told_licence(package: Distribution) -> str:
    """What a package says of itself. Raises Undecided where that is nothing, or not clear."""
    said = package.metadata
    for expression in said.get_all("License-Expression", []):
        return known(expression, package.name)
    field = " ".join(said.get_all("License", [])).strip()
    if field in NAMES.keys() | _identifiers():
        return known(field, package.name)
    classifiers = {line.removeprefix(_OSI) for line in said.get_all("Classifier", []) if line.startswith(_OSI)}
    if len(classifiers) == 1:
        return known(classifiers.pop(), package.name)
    raise Undecided(f"{package.name}: its metadata say {field[:60] or sorted(classifiers) or 'nothing'}: decide under [python]")


# ---- Java


def pinned(pins: str) -> Iterator[tuple[str, str, str]]:
    """(folder, name, version) of each jar that deploy/stack/jars.sha256 names."""
    for line in pins.splitlines():
        path = Path(line.partition("  ")[2])
        if match := _JAR.match(path.name):
            yield path.parent.as_posix(), match["name"], match["version"]


def java_entries(pins: str, repository: Path) -> Mapping[str, list[Entry]]:
    """By folder. Raises Undecided."""
    poms = {path.stem: path for path in repository.rglob("*.pom")}
    entries: dict[str, list[Entry]] = {}
    for folder, name, version in pinned(pins):
        licence = JAVA.get(name) or _java_licence(DIST / folder / f"{name}-{version}.jar", poms)
        entries.setdefault(folder, []).append(Entry(name=name, version=version, licence=licence))
    return entries


def _java_licence(jar: Path, poms: Mapping[str, Path]) -> str:
    """What a jar's pom says, its parents' where it says nothing, or the jar's manifest. Raises Undecided."""
    if names := _licences(poms, jar.stem):
        return " OR ".join(dict.fromkeys(known(name, jar.name) for name in names))
    with zipfile.ZipFile(jar) as archive:
        manifest = re.sub(r"\r?\n ", "", archive.read("META-INF/MANIFEST.MF").decode("utf-8", "replace"))
    if told := re.search(r'^Bundle-License: *(?:"([^"]+)"|([^;,\s]+))', manifest, re.MULTILINE):
        return known(told[1] or told[2], jar.name)
    raise Undecided(f"{jar.name}: neither a pom in Maven's local repository nor its manifest names a licence: decide under [java]")


def _licences(poms: Mapping[str, Path], pom: str) -> list[str]:
    if pom not in poms:
        return []
    project = ET.parse(poms[pom]).getroot()  # noqa: S314  Maven has read it before us
    if names := [name.text or "" for name in project.iterfind(f"{_POM}licenses/{_POM}license/{_POM}name")]:
        return names
    parent = [project.findtext(f"{_POM}parent/{_POM}{part}") for part in ("artifactId", "version")]
    return _licences(poms, "-".join(part or "" for part in parent))


# ---- both


def asks_more(licence: str) -> bool:
    """Whether an expression of SPDX asks, by every choice that it leaves, for more than that notices are kept."""
    more = {*IDENTIFIERS["ask_more"], "MORE"}
    while inner := re.search(r"\(([^()]*)\)", licence):
        licence = licence.replace(inner[0], "MORE" if asks_more(inner[1]) else "LESS")
    return all(any(word in more for word in _WORDS.findall(choice)) for choice in licence.split(" OR "))


def known(said: str, who: str) -> str:
    """A licence as SPDX writes it. Raises Undecided for one that nobody has decided about."""
    licence = NAMES.get(said.strip(), said.strip())
    if unknown := set(_WORDS.findall(licence)) - _identifiers() - {"AND", "OR", "WITH"}:
        raise Undecided(f"{who}: its licence {said.strip()[:60]!r} is not known ({', '.join(sorted(unknown))}): decide in [names]")
    return licence


def _identifiers() -> set[str]:
    return set().union(*IDENTIFIERS.values())


def section(title: str, entries: Iterable[Entry]) -> str:
    listed = sorted(entries, key=lambda entry: entry.name.lower())
    width = max(len(entry.name) + len(entry.version) for entry in listed) + 1
    return "\n".join((title, *(line for entry in listed for line in entry.lines(width)))) + "\n"


def python_sections() -> Iterator[tuple[str, list[Entry]]]:
    production = list(python_entries((ROOT / "requirements.lock").read_text("utf-8")))
    everything = python_entries((ROOT / "requirements-dev.lock").read_text("utf-8"))
    yield "What the product needs to run (requirements.lock)", production
    names = {entry.name for entry in production}
    yield (
        "What a checkout needs beyond that: sandbox, tests, tools (requirements-dev.lock)",
        [entry for entry in everything if entry.name not in names],
    )


def java_sections(repository: Path) -> Iterator[tuple[str, list[Entry]]]:
    pins = (ROOT / "deploy" / "stack" / "jars.sha256").read_text("utf-8")
    for folder, entries in java_entries(pins, repository).items():
        yield f"Java programs of the embedded stack: {folder} (deploy/stack/pom.xml, jars.sha256)", entries


def notice(repository: Path) -> str:
    """The whole file. Raises Undecided."""
    sections = [*python_sections(), *java_sections(repository)]
    return "\n".join((HEAD, _asking(sections), *(section(title, entries) for title, entries in sections)))


def _asking(sections: Iterable[tuple[str, list[Entry]]]) -> str:
    """What a lawyer asks first."""
    lines = ["Licences, also of contents, that ask for more than kept notices of whoever hands the package on (in an image, say)"]
    for title, entries in sections:
        if names := ", ".join(sorted(entry.name for entry in entries if entry.asks_more)):
            text = f"{title.partition(' (')[0]}: {names}"
            lines += wrapped(text, indent=2)
    return "\n".join(lines) + "\n"


def main() -> int:
    repository = Path(sys.argv[1]) if sys.argv[1:] else Path.home() / ".m2" / "repository"
    try:
        text = notice(repository)
    except Undecided as undecided:
        sys.stderr.write(f"error: {undecided}\nmend: deploy/licences.toml, then: make notice\n")
        return 1
    (ROOT / "NOTICE").write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
