"""Finding a Java that runs Kafka and Connect. Standard library only: the set-up asks here before anything is installed."""

import os
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from streams.errors import Misconfigured

OLDEST = 17
"""Kafka 4 needs Java 17 on a broker."""


_JVMS = Path("/usr/lib/jvm")
"""Where Debian and its kin put them."""


_NOT_IN_A_PATH = (",", ":", "}", "!/")
"""Where Kafka's lists, Java's class path, Connect's references and the addresses of things in a jar end, whatever stands around."""

_BREAKING = {"Cc", "Zl", "Zp"}
"""Kinds of characters that end a line or steer a terminal, as Unicode names them."""


def demand_one_line(path: Path) -> None:
    """Raises Misconfigured for a path with a line break or another control character: in files that hold a path a line, in logs and
    in the words of programs it would end where it does not.
    """
    if any(unicodedata.category(sign) in _BREAKING for sign in f"{path}"):
        raise Misconfigured(f"{f'{path}'!r} has a line break or another control character in it; choose another directory")


def path_for_java(path: Path) -> str:
    """A path as Kafka's and Connect's programs are told it. Raises Misconfigured for one that they cannot be told."""
    demand_one_line(path)
    try:
        text = os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path}: Kafka and Connect need a path in UTF-8; choose another directory") from error
    if held := [signs for signs in _NOT_IN_A_PATH if signs in f"{text}/"]:
        raise Misconfigured(f"{path}: Kafka and Connect take no path with {' or '.join(held)} in it; choose another directory")
    return text


def find_java() -> Path:
    """The `java` of `JAVA_HOME`, else of `PATH`, else of the system's JVM directory: the first that is new enough.

    Raises Misconfigured when there is none, saying what was seen and how to get one.
    """
    seen = []
    for candidate in _candidates():
        version = java_version(candidate)
        if version is not None and version >= OLDEST:
            return candidate
        seen.append(f"{candidate} is {'no working Java' if version is None else f'Java {version}'}")
    found = "; ".join(seen) or "neither JAVA_HOME nor PATH nor /usr/lib/jvm holds one"
    install = f"Debian, Ubuntu: apt-get install openjdk-{OLDEST}-jre-headless"
    raise Misconfigured(f"no Java {OLDEST} or newer: {found}. Install one ({install}) or set JAVA_HOME")


def java_version(java: Path) -> int | None:
    """The feature release of a `java` program (8, 11, 17, …); None when it does not run."""
    try:
        told = subprocess.run([java, "-XX:-UsePerfData", "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    return int(match[1]) if match else None


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java"):
        yield Path(found)
    yield from sorted(_JVMS.glob("*/bin/java"), reverse=True)
