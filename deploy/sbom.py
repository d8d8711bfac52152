"""Writes what each image is made of as CycloneDX: Python packages, jars and Debian's packages, with version, licence and sha256.

Names and versions are those of the wheels and jars in `build/images` (deploy/images.py context), which are those of the locks;
licences stand in NOTICE. Runs with the packages of deploy/images/requirements.lock. Usage: sbom.py FOLDER VERSION MACHINE
[IMAGE=ROOT …]; ROOT is
the root file system of an image, for Debian's packages in it. Exit codes: 0 written and valid, 1 not.
"""

import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT: Final = Path(__file__).resolve().parent.parent
BUILD: Final = ROOT / "build" / "images"
_NOTICE_LINE: Final = re.compile(r"^  (?P<name>\S+) (?P<version>\S+) +(?P<licence>\S.*)$", re.MULTILINE)
_WHEEL: Final = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)-")
_JAR: Final = re.compile(r"(?P<name>.+?)-(?P<version>\d[^/]*)\.jar$")
_ECOSYSTEMS: Final = {"yibao-cdc": ("wheels",), "yibao-cdc-connect": ("jars",), "yibao-cdc-trial": ("wheels", "trial")}


def licences() -> Mapping[str, str]:
    """By name in the form of the package index: what NOTICE says."""
    text = (ROOT / "NOTICE").read_text("utf-8")
    return {_normal(found["name"]): found["licence"].strip() for found in _NOTICE_LINE.finditer(text)}


def components(kind: str, machine: str) -> Iterator[Component]:
    """Of a kind of things in `build/images`."""
    folder = {"jars": BUILD / "java"}.get(kind, BUILD / "wheels" / machine)
    for line in (folder / "SHA256SUMS").read_text("utf-8").splitlines():
        checksum, _, path = line.partition("  ")
        if kind == "jars":
            yield _component(*_jar(folder / path), checksum)
        elif path.startswith("trial/") if kind == "trial" else "/" not in path:
            found = _WHEEL.match(Path(path).name)
            if found is None:
                raise ValueError(f"{path} is not named as a wheel is")
            name = _normal(found["name"])
            yield _component(PackageURL("pypi", None, name, found["version"]), name, found["version"], checksum)


def debian(root: Path) -> Iterator[Component]:
    """Packages of Debian in a root file system."""
    for block in (root / "var/lib/dpkg/status").read_text("utf-8").split("\n\n"):
        said = dict(re.findall(r"^(Package|Version|Architecture|Status): (.*)$", block, re.MULTILINE))
        if said.get("Status", "").endswith(" installed"):
            package = PackageURL("deb", "debian", said["Package"], said["Version"], {"arch": said["Architecture"]})
            yield Component(
                name=said["Package"], version=said["Version"], type=ComponentType.LIBRARY, purl=package, bom_ref=f"{package}"
            )


def sbom(image: str, version: str, machine: str, root: Path | None) -> str:
    """The document of an image. Raises ValueError where it is not as CycloneDX wants it."""
    bom = Bom()
    bom.metadata.component = Component(name=image, version=version, type=ComponentType.CONTAINER, bom_ref=image)
    found = [one for kind in _ECOSYSTEMS[image] for one in components(kind, machine)]
    found += debian(root) if root else ()
    for one in found:
        bom.components.add(one)
    bom.register_dependency(bom.metadata.component, found)
    text: str = JsonV1Dot6(bom).output_as_string(indent=1)
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"{image}: {fault}")
    return text


def _component(package: PackageURL, name: str, version: str, checksum: str) -> Component:
    licence = licences().get(_normal(name))
    made = [LicenseFactory().make_from_string(licence)] if licence else []
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=package,
        bom_ref=f"{package}",
        licenses=made,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)],
    )


def _jar(path: Path) -> tuple[PackageURL, str, str]:
    found = _JAR.match(path.name)
    name, version = (found["name"], found["version"]) if found else (path.stem, "0")
    with zipfile.ZipFile(path) as jar:
        said = [
            entry for entry in jar.namelist() if re.fullmatch(rf"META-INF/maven/[^/]+/{re.escape(name)}/pom\.properties", entry)
        ]
    group = said[0].split("/")[2] if said else None
    where = path.relative_to(BUILD / "java").parent.as_posix()
    return PackageURL("maven" if group else "generic", group, name, version, {"in": where}), name, version


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(words: list[str]) -> int:
    """As the module says."""
    folder, version, machine = Path(words[0]), words[1], words[2]
    roots = dict(word.split("=", 1) for word in words[3:])
    folder.mkdir(parents=True, exist_ok=True)
    for image in _ECOSYSTEMS:
        root = Path(roots[image]) if image in roots else None
        try:
            (folder / f"{image}.cdx.json").write_text(sbom(image, version, machine, root), "utf-8")
        except ValueError as error:
            sys.stderr.write(f"error: {error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
