"""Prometheus and its Alertmanager for tests, in `.yibao/monitoring`: as Debian has them, unpacked and not installed.

Standard library only. They are not needed to run anything: where they cannot be had (no Debian, no network), the tests that ask for
them say so and are skipped. What stands on PATH is taken first.
"""

import os
import shutil
import subprocess
from pathlib import Path

from deploy.steps import ROOT, StepFailed, digest, is_stamped, run, say, timed, write_whole

PACKAGES = {"promtool": "prometheus", "prometheus": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager"}
"""Debian's package of each program."""
FOLDER = ROOT / ".yibao" / "monitoring"
_KEY = digest(*sorted({name.encode() for name in PACKAGES.values()}))


def program(name: str) -> Path | None:
    """Where one of these programs is; None where there is none."""
    unpacked = FOLDER / "usr" / "bin" / name
    found = shutil.which(name)
    return Path(found) if found else unpacked if unpacked.is_file() else None


def set_up() -> None:
    """Fetch and unpack what is missing. Never fails: it says why it did not."""
    if all(shutil.which(name) for name in PACKAGES) or is_stamped(FOLDER / ".stamp", _KEY):
        return
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        say("no apt-get: tests that need Prometheus are skipped, unless prometheus and prometheus-alertmanager are on PATH")
        return
    try:
        with timed("Prometheus, Alertmanager (apt-get download)"):
            _fetch(ROOT / ".yibao" / "logs" / "setup-monitoring.log")
    except StepFailed as error:
        say(f"{error}\nsetup: the tests that need Prometheus are skipped until it is there")


def _fetch(log: Path) -> None:
    log.unlink(missing_ok=True)
    fresh = FOLDER.with_name("monitoring.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    mend = (
        "mend: check /etc/apt/sources.list and the connection, or install them: apt-get install prometheus prometheus-alertmanager"
    )
    packages = sorted(set(PACKAGES.values()))
    if os.geteuid() == 0 and not all(map(_known, packages)):
        run("apt-get update", ["apt-get", "update"], log=log, mend=mend)
    inside = 'cd "$1" && shift && exec apt-get -o APT::Sandbox::User=root download "$@"'
    run("apt-get download", ["sh", "-c", inside, "sh", fresh, *packages], log=log, mend=mend)
    for package in sorted(fresh.glob("*.deb")):
        run("dpkg-deb", ["dpkg-deb", "-x", package, fresh], log=log, mend=mend)
        package.unlink()
    write_whole(fresh / ".stamp", _KEY)
    shutil.rmtree(FOLDER, ignore_errors=True)
    fresh.rename(FOLDER)


def _known(package: str) -> bool:
    asked = subprocess.run(["apt-cache", "policy", package], capture_output=True, check=False).stdout
    return b"Candidate:" in asked and b"Candidate: (none)" not in asked
