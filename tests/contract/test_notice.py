"""NOTICE says of everything that is fetched which licence it has, in the versions that are locked and pinned."""

import re
import xml.etree.ElementTree as ET
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from deploy import notice

ROOT = Path(__file__).parents[2]
NOTICE = (ROOT / "NOTICE").read_text("utf-8")
ENTRY = re.compile(r"^  (?P<name>\S+) (?P<version>\d\S*)  +(?P<licence>\S.*)$", re.MULTILINE)
POM = "{http://maven.apache.org/POM/4.0.0}"


def listed(title: str) -> set[tuple[str, str]]:
    """Name and version of what a section of NOTICE lists."""
    (section,) = re.findall(rf"^{re.escape(title)}.*\n((?: .*\n)+)", NOTICE, re.MULTILINE)
    return {(entry["name"], entry["version"]) for entry in ENTRY.finditer(section)}


def test_every_locked_package_is_in_it_in_its_version():
    """A lawyer reads NOTICE and not the lock: what is missing there was never looked at."""
    production = set(notice.locked((ROOT / "requirements.lock").read_text("utf-8")).items())
    everything = set(notice.locked((ROOT / "requirements-dev.lock").read_text("utf-8")).items())

    assert (production, everything - production) == (listed("What the product needs"), listed("What a checkout needs"))


def test_every_pinned_jar_is_in_it_in_its_version():
    """The same for the Java programs, each folder on its own: they may hold a jar in two versions."""
    folders = {}
    for folder, name, version in notice.pinned((ROOT / "deploy/stack/jars.sha256").read_text("utf-8")):
        folders.setdefault(folder, set()).add((name, version))

    assert folders == {folder: listed(f"Java programs of the embedded stack: {folder} ") for folder in folders}


def test_what_the_pom_asks_for_is_pinned_and_listed():
    """A version that was changed in the pom alone would be refused by every set-up."""
    pom = ET.parse(ROOT / "deploy/stack/pom.xml").getroot()
    versions = {f"${{{one.tag.removeprefix(POM)}}}": one.text for one in pom.find(f"{POM}properties")}
    asked = {
        (one.findtext(f"{POM}artifactId"), versions[one.findtext(f"{POM}version")])
        for kind in ("dependency", "artifactItem")
        for one in pom.iter(f"{POM}{kind}")
    }

    assert asked <= {(entry["name"], entry["version"]) for entry in ENTRY.finditer(NOTICE)}


def test_licences_are_those_that_the_installed_packages_tell():
    """A new version can come under another licence; the name and number alone do not show it."""
    for title, entries in notice.python_sections():
        assert notice.section(title, entries) in NOTICE, f"{title}: run `make notice`"


class Package(Distribution):
    """A package that says of its licence what a test wants."""

    def __init__(self, metadata: str):
        self._metadata = f"Name: fee-lines\nVersion: 1\n{metadata}\n"

    def read_text(self, filename):
        return self._metadata if filename == "METADATA" else None

    def locate_file(self, path):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ("License-Expression: AGPL-3.0-only", "AGPL-3.0-only"),
        ("License-Expression: MIT AND SSPL-1.0", "SSPL-1.0"),
        ("License: Proprietary", "Proprietary"),
        ("Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: OSI Approved :: BSD License", "BSD License"),
        ("Summary: says nothing", "nothing"),
    ],
)
def test_a_licence_that_nobody_decided_about_stops_it(metadata, named):
    """Guessing is what NOTICE is there to prevent."""
    with pytest.raises(notice.Undecided, match=f"fee-lines.*{named}.*decide"):
        notice.told_licence(Package(metadata))


@pytest.mark.parametrize(
    ("licence", "asks"),
    [
        ("MIT", False),
        ("LGPL-3.0-only", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("MPL-1.1 OR LGPL-2.1-only OR Apache-2.0", False),
        ("(MPL-2.0 OR MIT) AND BSD-3-Clause", False),
        ("EPL-2.0 OR GPL-2.0-only WITH Classpath-exception-2.0", True),
    ],
)
def test_what_asks_for_more_than_a_kept_notice_is_told_first(licence, asks):
    """A choice of a licence that does not ask for more is a choice that a site can make."""
    assert asks == notice.asks_more(licence)
