"""Other kinds of databases for their proof: MariaDB from Debian, and Debezium's connectors for all of them in
`.yibao/databases/plugins`.

Run by `make databases-proof`, and by nothing else. Repeatable; the second time takes no second. `--pin-jars` takes what Maven
brings for right and writes its checksums into deploy/stack/databases/jars.sha256. Exit codes: 0 done, 1 a step failed, 2 something
is missing on this machine.
"""

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from deploy.debian import provide
from deploy.jars import Altered, pins, verify
from deploy.steps import ROOT, StepFailed, digest, is_stamped, run, timed, write_whole
from sandbox.stack.mariadb import missing_packages
from streams.errors import Misconfigured

POM = ROOT / "deploy" / "stack" / "databases" / "pom.xml"
PINS = POM.with_name("jars.sha256")
DIST = ROOT / ".yibao" / "databases"
LOGS = ROOT / ".yibao" / "logs"


def fetch_plugins(*, pin: bool) -> None:
    """Put the connectors in place, in one move; their checksums are right. Raises StepFailed, Altered."""
    key = digest(POM.read_bytes(), PINS.read_bytes() if PINS.is_file() else b"")
    if is_stamped(DIST / ".stamp", key) and not pin:
        return
    log, fresh = LOGS / "databases-java.log", DIST.with_name("databases.new")
    log.unlink(missing_ok=True)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    env = {"LC_ALL": "C.UTF-8", "MAVEN_OPTS": f"{os.environ.get('MAVEN_OPTS', '')} -XX:-UsePerfData".strip()}
    with timed("Debezium's connectors for other databases (deploy/stack/databases/pom.xml)"):
        maven: list[str | Path] = ["mvn", "-B", "-ntp", "-f", POM, f"-Ddist={fresh}", "generate-resources"]
        run(
            "Java programs",
            maven,
            log=log,
            mend="mend: check that Maven reaches its repository (settings.xml), then again",
            env=env,
        )
        shutil.rmtree(fresh / "markers", ignore_errors=True)
        if pin:
            write_whole(PINS, pins(fresh))
        verify(fresh, PINS.read_text("utf-8"))
        write_whole(fresh / ".stamp", digest(POM.read_bytes(), PINS.read_bytes()))
        shutil.rmtree(DIST, ignore_errors=True)
        fresh.rename(DIST)


def main(words: list[str]) -> int:
    try:
        again = "make databases-proof"
        provide(missing_packages, log=LOGS / "databases-apt.log", note=ROOT / ".yibao" / "apt-packages", again=again)
        fetch_plugins(pin="--pin-jars" in words)
    except (StepFailed, Altered, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
