"""Prepares this checkout: `.venv` from requirements-dev.lock, the command `yibao`, the stack's Java programs in `.yibao/java`, and
where it can be had Prometheus for tests in `.yibao/monitoring`.

Standard library only. Every step leaves a stamp that names what it was made from; a step whose stamp is right costs nothing.
A stamp is written last, so an interrupted step is done again. Packages and Java programs are fetched at the same time.
`--pin-jars` takes what Maven brings for right and writes its checksums into deploy/stack/jars.sha256 (`make lock`).
Exit codes: 0 done, 1 a step failed, 2 usage, or something is missing on this machine, 130 interrupted.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from deploy import connect_plugin, monitoring  # noqa: E402
from deploy.debian import provide  # noqa: E402
from deploy.jars import PINS, Altered, pins, verify  # noqa: E402
from deploy.steps import StepFailed, digest, is_stamped, run, say, timed, together, write_whole  # noqa: E402
from sandbox.java import OLDEST, find_java, path_for_java  # noqa: E402
from streams.errors import Misconfigured  # noqa: E402  the checkout is not installed yet
from yibao import outlets  # noqa: E402

VENV = ROOT / ".venv"
STATE = ROOT / ".yibao"
DIST = STATE / "java"
LOGS = STATE / "logs"
POM = ROOT / "deploy" / "stack" / "pom.xml"
LOCK = ROOT / "requirements-dev.lock"
COMMAND = """\
#!/bin/sh
'''exec' "$(dirname "$(readlink -f "$0")")/python" "$0" "$@"
' '''
from yibao.main import run

run()
"""
"""Readable to the shell and to Python: finds its interpreter by its own place, however long the path."""


# ---- the Python side


def venv_is_sound() -> bool:
    """Whether `.venv` was made here (not moved) and its Python runs and is new enough."""
    try:
        if str(VENV) not in (VENV / "pyvenv.cfg").read_text("utf-8"):
            return False
        asked: list[str | Path] = [VENV / "bin" / "python", "-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def demand_may_be_cleared(folder: Path) -> None:
    """Raises StepFailed for a link, or a folder that is no virtual environment: `venv --clear` would remove what stands there."""
    is_made_by_venv = not folder.exists() or (folder / "pyvenv.cfg").is_file() or not any(folder.iterdir())
    if folder.is_symlink() or not is_made_by_venv:
        raise StepFailed(
            f"{folder} is not a virtual environment that set-up made: it is left as it is. Move it away, then: make setup"
        )


def install_packages() -> None:
    """`.venv` with exactly what requirements-dev.lock names, checked by hash."""
    stamp = VENV / ".yibao-packages"
    key = digest(LOCK.read_bytes(), str(VENV).encode())
    if is_stamped(stamp, key) and (VENV / "bin" / "python").exists():
        return
    log = LOGS / "setup-packages.log"
    log.unlink(missing_ok=True)
    stamp.unlink(missing_ok=True)
    if not venv_is_sound():
        demand_may_be_cleared(VENV)
        with timed("virtual environment (.venv)"):
            create: list[str | Path] = [sys.executable, "-m", "venv", "--clear", VENV]
            run("virtual environment", create, log=log, mend="mend: apt-get install python3-venv, then: make setup")
    install: list[str | Path] = [VENV / "bin" / "python", "-m", "pip", "install", "--require-hashes", "--no-deps", "-r", LOCK]
    install += ["--no-input", "--progress-bar", "off", "--no-compile", "--disable-pip-version-check"]
    with timed("Python packages (requirements-dev.lock)"):
        run("Python packages", install, log=log, mend="mend: check the connection to the package index, then: make setup")
    write_whole(stamp, key)


def install_project() -> None:
    """The checkout on the venv's path, and the command `yibao`."""
    site = next((VENV / "lib").glob("python3.*/site-packages"))
    root = Path(*[".."] * len(site.relative_to(ROOT).parts))  # Python reads it in the encoding of the locale
    for path, text, mode in ((site / "yibao-cdc.pth", f"{root}\n", 0o644), (VENV / "bin" / "yibao", COMMAND, 0o755)):
        if not path.is_file() or path.read_text("utf-8") != text:
            write_whole(path, text, mode=mode)


def set_up_python() -> None:
    install_packages()
    install_project()


# ---- the Java side


def java_key() -> str:
    """What the Java programs are made from."""
    return digest(POM.read_bytes(), PINS.read_bytes(), *(path.read_bytes() for path in connect_plugin.sources()))


def set_up_java(*, pin: bool = False) -> None:
    """Kafka, Connect and the connectors of deploy/stack/pom.xml in `.yibao/java`, put there in one move; their checksums are right.

    pin: take what Maven brings for right, and write its checksums down.
    """
    if is_stamped(DIST / ".stamp", java_key()) and not pin:
        return
    log = LOGS / "setup-java.log"
    log.unlink(missing_ok=True)
    fresh = DIST.with_name("java.new")
    shutil.rmtree(fresh, ignore_errors=True)
    maven: list[str | Path] = ["mvn", "-B", "-ntp", "-f", POM, f"-Ddist={fresh}", "generate-resources"]
    (STATE / "tmp").mkdir(exist_ok=True)
    # Java names files in the encoding of its locale, and writes to /tmp whatever TMPDIR says.
    inside = f"{os.environ.get('MAVEN_OPTS', '')} -XX:-UsePerfData -Djava.io.tmpdir={(STATE / 'tmp').relative_to(ROOT)}"
    env = {"LC_ALL": "C.UTF-8", "MAVEN_OPTS": inside.strip()}
    mend = "mend: check that Maven reaches its repository (settings.xml), then: make setup"
    with timed("Kafka, Connect, Debezium (deploy/stack/pom.xml)"):
        run("Java programs", maven, log=log, mend=mend, env=env)
        if not list((fresh / "lib").glob("kafka_*.jar")) or not list((fresh / "plugins").glob("debezium-*")):
            raise StepFailed(f"Java programs: Maven ended well but {fresh} is not complete. See {log}, then: make setup")
        if pin:
            write_whole(PINS, pins(fresh))
        verify(fresh, PINS.read_text("utf-8"))
        connect_plugin.build(fresh, java=find_java(), run=partial(run, "Connect plugin", log=log, mend=mend, env=env))
        write_whole(fresh / ".stamp", java_key())
        if DIST.exists():
            shutil.rmtree(DIST)
        fresh.rename(DIST)


def missing_programs() -> list[str]:
    """Debian's names of what this machine lacks. Maven is asked for only while there is something to fetch."""
    missing = []
    try:
        find_java()
    except Misconfigured:
        missing.append(f"openjdk-{OLDEST}-jre-headless" if _apt_knows(f"openjdk-{OLDEST}-jre-headless") else "default-jre-headless")
    if not is_stamped(DIST / ".stamp", java_key()) and shutil.which("mvn") is None:
        missing.append("maven")
    return missing


def _apt_knows(package: str) -> bool:
    if shutil.which("apt-cache") is None:
        return True
    return b"Candidate: (none)" not in subprocess.run(["apt-cache", "policy", package], capture_output=True, check=False).stdout


def provide_programs() -> None:
    """Install what is missing where we may; otherwise say the command. Raises Misconfigured."""
    provide(missing_programs, log=LOGS / "setup-apt.log", note=STATE / "apt-packages", again="make setup")


# ---- both


def set_up(*, pin_jars: bool) -> None:
    path_for_java(ROOT)  # found half a minute later otherwise, as an error of another program about something else
    STATE.mkdir(exist_ok=True)
    with (STATE / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up of this checkout runs; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        provide_programs()
        together(set_up_python, partial(set_up_java, pin=pin_jars), monitoring.set_up)


def main(words: Sequence[str] = ()) -> int:
    outlets.settle()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    if unknown := set(words) - {"--pin-jars"}:
        sys.stderr.write(f"error: setup.py knows --pin-jars and nothing else, not {' '.join(sorted(unknown))}\n")
        return 2
    try:
        set_up(pin_jars="--pin-jars" in words)
    except (StepFailed, Altered, OSError, outlets.OutputLost) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted; nothing half-made counts as done. Go on with: make setup\n")
        return 130
    if (took := time.monotonic() - started) > 1:
        say(f"ready in {took:.0f} s. Next: make demo, or .venv/bin/yibao --help")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
