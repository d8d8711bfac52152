"""The account that PostgreSQL runs under: it refuses to run as root, so root needs another that reaches its files."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from streams.errors import Misconfigured
from streams.private_files import let_through

SYSTEM_USER = "yibao-pg"
MADE_BY_US = "PostgreSQL of the embedded stacks of yibao-cdc"
"""The comment by which a user that a stack made is known from one that the machine's administrator made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who runs a program."""

    name: str | None
    """None is whoever we are."""
    uid: int
    gid: int

    def command(self, *command: str | Path) -> Sequence[str | Path]:
        """The command that runs `command` as this account, in the same process."""
        if self.name is None:
            return command
        return ("setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--", *command)

    def reaches(self, path: Path) -> bool:
        """Whether this account may enter a directory or run a program, all directories above it included."""
        return subprocess.run(self.command("test", "-x", path), cwd="/", check=False).returncode == 0


def let_postgres_through(folder: Path) -> None:
    """Let the account that PostgreSQL runs under pass through a folder of ours. It cannot list it, and nobody else passes."""
    who = account()
    if who.name is not None:
        let_through(folder, who.gid)


def account() -> Account:
    """Ourselves; under root the system user `yibao-pg`, made where it is missing. Raises Misconfigured where that cannot be."""
    if os.geteuid() != 0:
        return Account(name=None, uid=os.getuid(), gid=os.getgid())
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        entry = _make_user()
    return Account(name=SYSTEM_USER, uid=entry.pw_uid, gid=entry.pw_gid)


def _make_user() -> pwd.struct_passwd:
    if shutil.which("useradd") is None or shutil.which("setpriv") is None:
        raise Misconfigured(
            "PostgreSQL does not run as root, and useradd or setpriv is missing to run it as another: be a plain user for this"
        )
    make = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    make += ["--comment", MADE_BY_US, SYSTEM_USER]
    made = subprocess.run(make, capture_output=True, text=True, check=False)
    try:
        return pwd.getpwnam(SYSTEM_USER)  # another start may have made it at the same moment
    except KeyError:
        raise Misconfigured(f"the system user {SYSTEM_USER} for PostgreSQL could not be made: {made.stderr.strip()}") from None


def remove_account(places: Sequence[Path]) -> str:
    """Remove the system user if a stack made it and nobody needs it any more; what was done, empty where there was nothing to do.

    places: directories that stacks have outside of their homes. A stopped stack elsewhere gets a new user at its next start.
    """
    if os.geteuid() != 0:
        return ""
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return ""
    if reason := what_keeps(entry, places):
        return f"the system user {SYSTEM_USER} is left: {reason}"
    done = subprocess.run(["userdel", SYSTEM_USER], capture_output=True, text=True, check=False)
    return f"the system user {SYSTEM_USER} " + (f"is left: {done.stderr.strip()}" if done.returncode else "is removed")


def what_keeps(entry: pwd.struct_passwd, places: Sequence[Path]) -> str:
    """Why the system user must stay; empty where it need not."""
    if entry.pw_gecos != MADE_BY_US:
        return f"nothing says that a stack made it. Where nobody else uses it: userdel {SYSTEM_USER}"
    if any(_runs_as(process) == entry.pw_uid for process in Path("/proc").glob("[0-9]*")):
        return "a server of another checkout runs as it"
    if kept := [f"{place}" for place in places if place.is_dir()]:
        return f"{', '.join(kept)} of another home holds data under it"
    return ""


def _runs_as(process: Path) -> int | None:
    try:
        return process.stat().st_uid
    except OSError:
        return None
