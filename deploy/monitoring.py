"""Prometheus and its Alertmanager for tests, in `.yibao/monitoring`: as Debian has them, unpacked and not installed.

Standard library only. They are not needed to run anything: where they cannot be had (no Debian, no network), the tests that ask for
them say so and are skipped. What stands on PATH is taken first.
"""

import shutil
from pathlib import Path

from deploy.debian import unpack
from deploy.steps import ROOT, StepFailed, digest, is_stamped, say, timed

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
    mend = (
        "mend: check /etc/apt/sources.list and the connection, or install them: apt-get install prometheus prometheus-alertmanager"
    )
    unpack(sorted(set(PACKAGES.values())), FOLDER, log=log, mend=mend, stamp=_KEY)
