"""Debian packages that this machine lacks: installed where we may, named where we may not; or unpacked beside what is installed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.steps import run, timed, write_whole
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


def unpack(packages: Sequence[str], folder: Path, *, log: Path, mend: str, stamp: str) -> None:
    """Fetch packages and unpack them into a folder, which is there whole or not at all, with a file `.stamp`. Nothing is installed
    and no service is started; what they depend on is not fetched. Raises StepFailed.
    """
    log.unlink(missing_ok=True)
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    if os.geteuid() == 0 and not all(map(_known, packages)):
        run("apt-get update", ["apt-get", "update"], log=log, mend=mend)
    inside = 'cd "$1" && shift && exec apt-get -o APT::Sandbox::User=root download "$@"'
    run("apt-get download", ["sh", "-c", inside, "sh", fresh, *packages], log=log, mend=mend)
    for package in sorted(fresh.glob("*.deb")):
        run("dpkg-deb", ["dpkg-deb", "-x", package, fresh], log=log, mend=mend)
        package.unlink()
    write_whole(fresh / ".stamp", stamp)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _known(package: str) -> bool:
    asked = subprocess.run(["apt-cache", "policy", package], capture_output=True, check=False).stdout
    return b"Candidate:" in asked and b"Candidate: (none)" not in asked
