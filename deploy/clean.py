"""Ends what this checkout runs and takes back what it put outside of itself; `make clean` then removes what is inside.

Only what is certainly this checkout's goes: its stacks in `.yibao`, stacks of its killed test runs in the directory for temporary
files, with what they have in /var/tmp, and the system user, when a stack made it and no other needs it. What is shared with other
projects (Maven's repository, pip's cache, packages of the system) is told and left. docs/machine.md lists all of it.
Runs in `.venv`. Exit codes: 0 done, 1 a stack could not be ended, and nothing inside may be removed.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.go import cache
from sandbox.stack import Stack
from sandbox.stack.account import remove_account
from sandbox.stack.postgres import places_elsewhere
from sandbox.stack.service import Home
from streams.errors import YibaoError

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".yibao"
USUAL = ("stack", "demo/stack", "chaos/stack", "bench/stack")
"""Where they are, so that what they have in /var/tmp goes also when somebody removed `.yibao` by hand."""


def homes(state: Path) -> Iterator[Path]:
    """The stacks in a checkout's `.yibao`."""
    found = {ports.parent for depth in ("*", "*/*", "*/*/*") for ports in state.glob(f"{depth}/ports.json")}
    yield from sorted(found.union(state / name for name in USUAL))


def abandoned(temporary: Path, checkout: Path) -> Iterator[Path]:
    """The stacks that killed test runs of a checkout left; not those of a run that goes on."""
    for home in sorted(temporary.glob("yibao-*")):
        try:
            is_ours = home.lstat().st_uid == os.geteuid() and not home.is_symlink()
            is_ours = is_ours and Home(root=home).made_by.read_text("utf-8") == f"{checkout}\n"
        except OSError:
            continue
        if is_ours and not any(service.pid for service in Stack(home).status()):
            yield home


def say(text: str) -> None:
    if text:
        sys.stdout.write(f"clean: {text}\n")


def main() -> int:
    try:
        for home in homes(STATE):
            Stack(home).erase()
        for home in abandoned(Path(tempfile.gettempdir()), ROOT):
            Stack(home).erase()
            say(f"{home}, which a killed test run left, is removed")
    except YibaoError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    say(remove_account(places_elsewhere()))
    packages = STATE / "apt-packages"
    if packages.exists():
        names = " ".join(dict.fromkeys(packages.read_text("utf-8").split()))
        say(f"set-up had these packages installed, others may use them by now: {names}")
    if cache().exists():
        say(f"what make chart-cluster built stays, for other checkouts: rm -r {cache()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
