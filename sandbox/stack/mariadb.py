"""MariaDB with a binary log that capture can read, as Debian has it; for the proof of that kind of database alone."""

import getpass
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pymysql

from sandbox.stack.ports import LOOPBACK, PortBook
from sandbox.stack.service import Home, ServiceFailed, tail
from streams.errors import Misconfigured
from streams.private_files import open_private

PACKAGES: Final = {"mariadbd": "mariadb-server-core", "mariadb": "mariadb-client-core"}
"""Debian's package of each program; the core packages start no server of their own."""
SUPERUSER: Final = "root"
DATA: Final = "mariadb"
TLS: Final = "conf/mariadb-tls"
"""A folder of the stack's home: where it holds `server.pem` and `server.key` when the server is started, that speaks TLS."""
SETTINGS: Final = {
    "bind-address": LOOPBACK,
    "server-id": "1",
    "log-bin": "binlog",
    "binlog-format": "ROW",
    "binlog-row-image": "FULL",
    "binlog-row-metadata": "FULL",
    "log-bin-compress": "0",
    "log-slave-updates": "1",
    "gtid-strict-mode": "1",
    "sync-binlog": "1",
    "default-time-zone": "+08:00",
    "character-set-server": "utf8mb4",
    "innodb-buffer-pool-size": "64M",
    "innodb-log-file-size": "32M",
    "performance-schema": "0",
    "skip-name-resolve": "1",
}
_RECKLESS: Final = {"innodb-flush-log-at-trx-commit": "2", "sync-binlog": "0"}
"""What is committed still reaches the operating system at once: a killed server loses nothing, a power cut everything."""


class MariaDb:
    """The server, with the superuser `root`, who needs no password here. durable=False gives up surviving a power cut for speed."""

    name = "mariadb"
    ports = ("mariadb",)
    stop_signal = signal.SIGTERM
    patience_s = 60.0

    def __init__(self, home: Home, book: PortBook, *, durable: bool) -> None:
        self._home = home
        self._book = book
        self._durable = durable

    def prepare(self) -> Sequence[str | Path]:
        """Make the data directory where there is none; return the command that serves it. Raises Misconfigured where the programs
        are missing.
        """
        programs = {name: _program(name) for name in ("mariadbd", "mariadb-install-db")}
        data = self._home.root / DATA
        if not data.exists():
            self._init(programs["mariadb-install-db"], data)
        settings = {**SETTINGS, **({} if self._durable else _RECKLESS), "port": str(self._book.port("mariadb"))}
        files = {"datadir": data, "socket": "mariadbd.sock", "pid-file": data / "mariadbd.pid", "tmpdir": self._home.scratch}
        if (tls := self._home.root / TLS).is_dir():
            files |= {"ssl-cert": tls / "server.pem", "ssl-key": tls / "server.key"}
        options = [f"--{name}={value}" for name, value in {**settings, **files}.items()]
        return [programs["mariadbd"], "--no-defaults", f"--user={getpass.getuser()}", *options]

    def is_ready(self) -> bool:
        """Whether the server answers a query."""
        return answers(self._book.port("mariadb"))

    def erase(self) -> None:
        """Do nothing: it has nothing outside of the stack's directory."""

    def _init(self, program: str, data: Path) -> None:
        """Beside the final place, moved there when it is whole."""
        fresh = data.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        log = self._home.log("mariadb-install-db")
        make = [program, "--no-defaults", f"--datadir={fresh}", f"--user={getpass.getuser()}", "--skip-test-db"]
        with open_private(log, "wb") as out:
            command = [*make, "--auth-root-authentication-method=normal", "--skip-name-resolve"]
            done = subprocess.run(command, stdout=out, stderr=out, cwd="/", check=False, umask=0o077)
        if done.returncode != 0:
            raise ServiceFailed(
                f"mariadb: its data directory was not made (exit code {done.returncode}). The end of {log}:\n{tail(log)}"
            )
        fresh.rename(data)


def answers(port: int) -> bool:
    """Whether the server at a port of this machine, or a MySQL there, answers a query of its superuser."""
    try:
        link = pymysql.connect(host=LOOPBACK, port=port, user=SUPERUSER, connect_timeout=5, ssl_disabled=True)
    except pymysql.Error:
        return False
    with link, link.cursor() as cursor:
        return bool(cursor.execute("SELECT 1") == 1)


def missing_packages() -> list[str]:
    """Debian's names of what this machine lacks."""
    return sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Misconfigured(f"MariaDB ({name}) is not on this machine: run deploy/databases.py (make databases-proof)")
    return found
