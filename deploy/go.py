"""A Go that comes as a Python package, and what is built with it from the modules that deploy/cluster locks.

It lies outside of the checkout, in `yibao-cdc/control-plane` of the folder for caches (XDG_CACHE_HOME, ~/.cache), in folders
named by what they were made from: a second checkout finds them there.
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from deploy.steps import ROOT, digest, run, timed, write_whole

PINS: Final = ROOT / "deploy" / "cluster"
LOGS: Final = ROOT / ".yibao" / "logs"
_MEND: Final = "mend: check that Go reaches its module proxy (go env GOPROXY), then: make chart-cluster"


def cache() -> Path:
    """The folder that all of it lies in."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yibao-cdc" / "control-plane"


def key_of(*modules: str) -> str:
    """What is made from these folders of deploy/cluster: short, and another one when a file there, or the Go, is another one."""
    files = [file for module in modules for file in sorted((PINS / module).rglob("*")) if file.is_file()]
    return digest(*(file.read_bytes() for file in [PINS / "requirements.lock", *files]))[:16]


def build(module: str, packages: Sequence[str], into: Path, *, title: str, told: Mapping[str, str] | None = None) -> None:
    """Programs of a module in a folder, which is there whole or not at all. told: texts that are set in them. Raises StepFailed."""
    fresh = into.with_name(f"{into.name}.built")
    shutil.rmtree(fresh, ignore_errors=True)
    # Two at a time: a link alone takes 2 GB. No paths in what is built, so that any checkout finds what another has compiled.
    linking = " ".join(["-s", "-w", *(f"-X {name}={text}" for name, text in (told or {}).items())])
    words: list[str | Path] = [_go(), "build", "-p", "2", "-trimpath", "-ldflags", linking, "-o", f"{fresh}/", *packages]
    run_in(module, words, title=title)
    shutil.rmtree(into, ignore_errors=True)
    fresh.rename(into)


def run_in(module: str, command: Sequence[str | Path], *, title: str) -> None:
    """Run a program in the folder of a module, with this Go and nothing but what the module locks. Raises StepFailed."""
    own = {
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
        "PATH": f"{_go().parent}:{os.environ.get('PATH', '')}",
    }
    words: list[str | Path] = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", PINS / module, *command]
    run(title, words, log=LOGS / "cluster-build.log", mend=_MEND, env=own)


def _go() -> Path:
    """The program of the package that deploy/cluster/requirements.lock names. Raises StepFailed."""
    lock = PINS / "requirements.lock"
    place = cache() / f"go-{digest(lock.read_bytes())[:16]}"
    if not (place / ".stamp").is_file():
        shutil.rmtree(place, ignore_errors=True)
        command: list[str | Path] = [sys.executable, "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-compile"]
        command += ["--only-binary", ":all:", "--target", place, "-r", lock, "--no-input", "--progress-bar", "off"]
        mend = "mend: check the connection to the package index, then: make chart-cluster"
        with timed("Go (deploy/cluster/requirements.lock)"):
            run("Go", command, log=LOGS / "cluster-go.log", mend=mend)
        write_whole(place / ".stamp", place.name)
    return place / "go" / "bin" / "go"
