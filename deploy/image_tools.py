"""Provides what the images are built, run and looked at with: programs of Debian, and Python packages in `.yibao/images/tools`.

Nothing of it is needed to run or to build the product, so `make setup` does not fetch it; `make images`, `make images-proof` and
`make bundle` do. The packages are those of deploy/images/requirements.lock, by sha256.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.debian import provide
from deploy.steps import ROOT, digest, is_stamped, run, timed, write_whole

STATE: Final = ROOT / ".yibao" / "images"
PACKAGES: Final = STATE / "tools"
"""What PYTHONPATH names to import them; their programs lie in `bin` there."""
LOGS: Final = ROOT / ".yibao" / "logs"
PROGRAMS: Final = {"buildah": "buildah", "mmdebstrap": "mmdebstrap", "runc": "runc", "skopeo": "skopeo", "umoci": "umoci"}
"""Debian's package of each program."""
PROOF_PROGRAMS: Final = {"docker-registry": "docker-registry", "ip": "iproute2", "unshare": "util-linux"}
"""What `make bundle-proof` needs beyond them."""
_LOCK: Final = ROOT / "deploy" / "images" / "requirements.lock"


def environment() -> dict[str, str]:
    """In which the packages are found, and the programs that Debian puts where only root looks."""
    return {"PYTHONPATH": f"{PACKAGES}", "PATH": f"{PACKAGES / 'bin'}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


def provide_programs(again: str, programs: Mapping[str, str] = PROGRAMS) -> None:
    """Install what is missing where we may. programs: Debian's package of each. again: the command that a person then repeats.

    Raises Misconfigured, StepFailed.
    """
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    provide(
        lambda: [package for program, package in programs.items() if shutil.which(program, path=path) is None],
        log=LOGS / "images-apt.log",
        note=ROOT / ".yibao" / "apt-packages",
        again=again,
    )


def install_packages() -> Path:
    """The folder of the Python packages, made anew where the lock changed. Raises StepFailed."""
    stamp, key = STATE / ".tools", digest(_LOCK.read_bytes())
    if is_stamped(stamp, key) and PACKAGES.is_dir():
        return PACKAGES
    shutil.rmtree(PACKAGES, ignore_errors=True)
    STATE.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = [sys.executable, "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-compile"]
    command += ["--target", PACKAGES, "-r", _LOCK, "--no-input", "--progress-bar", "off", "--disable-pip-version-check"]
    mend = "mend: check the connection to the package index, then try again"
    with timed("tools of the images (deploy/images/requirements.lock)"):
        run("tools of the images", command, log=LOGS / "images-tools.log", mend=mend)
    write_whole(stamp, key)
    return PACKAGES
