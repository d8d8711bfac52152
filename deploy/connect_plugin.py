"""Builds the jar of deploy/connect-plugin, which stands beside Debezium's jars in Connect's plugin directory for PostgreSQL.

The compiler is a pinned jar (Eclipse's), so a machine needs a Java to run and no Java to develop with. The same sources give the
same bytes. Standard library only.
"""

import os
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "connect-plugin" / "src"
CONNECTOR = "yibao.connect.WholeTransactionPostgresConnector"
SERVICES = {
    "org.apache.kafka.connect.source.SourceConnector": CONNECTOR,
    "io.debezium.pipeline.signal.actions.SignalActionProvider": "yibao.connect.OrderedReadingActions",
}
"""By what asks for it: the class that is found."""
JAR = Path("plugins", "debezium-connector-postgres", "yibao-connect-postgres.jar")
_RELEASE = "17"


def sources() -> list[Path]:
    """What the jar is made from."""
    return sorted(SOURCES.rglob("*.java"))


def build(dist: Path, *, java: Path, run: Callable[[Sequence[str | Path]], None]) -> None:
    """Compile against the jars of `dist`, and put the jar among its plugins.

    run: runs a program to its end, and raises when that is a bad one.
    """
    if not sources():
        return  # a checkout that a test made
    classes = dist / "classes"
    (compiler,) = (dist / "tools").glob("ecj-*.jar")
    jars = [*(dist / JAR.parent).glob("*.jar"), *(dist / "lib").glob("*.jar")]
    compile_: list[str | Path] = [java, "-XX:-UsePerfData", "-jar", compiler]  # with that data Java writes to /tmp
    run([*compile_, "--release", _RELEASE, "-cp", os.pathsep.join(map(str, sorted(jars))), "-d", classes, *sources()])
    with zipfile.ZipFile(dist / JAR, "w", zipfile.ZIP_STORED) as jar:
        jar.writestr(zipfile.ZipInfo("META-INF/MANIFEST.MF"), "Manifest-Version: 1.0\n")
        for service, name in SERVICES.items():
            jar.writestr(zipfile.ZipInfo(f"META-INF/services/{service}"), f"{name}\n")
        for path in sorted(classes.rglob("*.class")):
            jar.writestr(zipfile.ZipInfo(path.relative_to(classes).as_posix()), path.read_bytes())
    shutil.rmtree(classes)
