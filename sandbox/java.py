"""Finding a Java that runs Kafka and Connect. Standard library only: the set-up asks here before anything is installed."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from streams.errors import Misconfigured

OLDEST = 17
"""Kafka 4 needs Java 17 on a broker."""


_JVMS = Path("/usr/lib/jvm")
"""Where Debian and its kin put them."""


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
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=True)
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
