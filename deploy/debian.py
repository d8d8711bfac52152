"""Debian packages that this machine lacks: installed where we may, named where we may not."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from deploy.steps import run, timed
from streams.errors import Misconfigured


def provide(missing: Callable[[], list[str]], *, log: Path, note: Path, again: str) -> None:
    """Install the packages that `missing` names. note: file to which they are added, for whoever cleans up. again: the command that
    a person then repeats. Raises Misconfigured where that is for a person to do, or does not help; StepFailed.
    """
    if not (packages := missing()):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        lacks, names = " and ".join(packages), " ".join(packages)
        raise Misconfigured(f"this machine lacks {lacks}. Debian, Ubuntu: sudo apt-get install {names}; then: {again}")
    log.unlink(missing_ok=True)
    apt: list[str | Path] = ["apt-get", "-y", "--no-install-recommends"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with timed(f"apt-get install {' '.join(packages)}"):
        run("apt-get update", ["apt-get", "update"], log=log, mend=f"mend: check /etc/apt/sources.list, then: {again}", env=quiet)
        packages = missing()
        with note.open("a", encoding="utf-8") as installed:
            installed.writelines(f"{package}\n" for package in packages)
        run("apt-get install", [*apt, "install", *packages], log=log, mend=f"mend: install them by hand, then: {again}", env=quiet)
    if packages := missing():
        raise Misconfigured(f"{' and '.join(packages)} still missing after apt-get install; see {log}")
