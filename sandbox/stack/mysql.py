"""MySQL with a binary log that capture can read, as deploy/mysql_server.py unpacks it; for the proof of that kind alone."""

import getpass
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sandbox.stack.mariadb import answers
from sandbox.stack.ports import LOOPBACK, PortBook
from sandbox.stack.service import CHECKOUT, Home, ServiceFailed, tail
from streams.errors import Misconfigured
from streams.private_files import open_private

PLACE: Final = CHECKOUT / ".yibao" / "mysql"
DATA: Final = "mysql"
SETTINGS: Final = {
    "bind-address": LOOPBACK,
    "server-id": "1",
    "log-bin": "binlog",
    "gtid-mode": "ON",
    "enforce-gtid-consistency": "ON",
    "default-time-zone": "+08:00",
    "innodb-buffer-pool-size": "64M",
    "innodb-redo-log-capacity": "32M",
    "performance-schema": "0",
    "mysqlx": "OFF",
    "secure-file-priv": "NULL",
}
_RECKLESS: Final = {"innodb-flush-log-at-trx-commit": "2", "sync-binlog": "0"}
"""What is committed still reaches the operating system at once: a killed server loses nothing, a power cut everything."""


class MySql:
    """The server, with the superuser `root`, who needs no password here, and a certificate that it made itself."""

    name = "mysql"
    ports = ("mysql",)
    stop_signal = signal.SIGTERM
    patience_s = 60.0

    def __init__(self, home: Home, book: PortBook, *, durable: bool) -> None:
        self._home = home
        self._book = book
        self._durable = durable

    def prepare(self) -> Sequence[str | Path]:
        """Make the data directory where there is none; return the command that serves it. Raises Misconfigured where the program
        is missing.
        """
        data = self._home.root / DATA
        if not data.exists():
            self._init(data)
        settings = {**SETTINGS, **({} if self._durable else _RECKLESS), "port": str(self._book.port("mysql"))}
        files = {"datadir": data, "socket": "mysqld.sock", "pid-file": data / "mysqld.pid", "tmpdir": self._home.scratch}
        return [*_program(), *(f"--{name}={value}" for name, value in {**settings, **files}.items())]

    def is_ready(self) -> bool:
        """Whether the server answers a query."""
        return answers(self._book.port("mysql"))

    def erase(self) -> None:
        """Do nothing: it has nothing outside of the stack's directory."""

    def _init(self, data: Path) -> None:
        """Beside the final place, moved there when it is whole."""
        fresh = data.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        log = self._home.log("mysql-initialize")
        with open_private(log, "wb") as out:
            command = [*_program(), "--initialize-insecure", f"--datadir={fresh}", "--secure-file-priv=NULL"]
            done = subprocess.run(command, stdout=out, stderr=out, cwd="/", check=False, umask=0o077)
        if done.returncode != 0:
            raise ServiceFailed(
                f"mysql: its data directory was not made (exit code {done.returncode}). The end of {log}:\n{tail(log)}"
            )
        fresh.rename(data)


def _program() -> list[str | Path]:
    """The server, run by the C library that came with it."""
    libraries, share = PLACE / "usr" / "lib" / "x86_64-linux-gnu", PLACE / "usr" / "share" / "mysql"
    server = PLACE / "usr" / "sbin" / "mysqld"
    if not server.is_file():
        raise Misconfigured(f"MySQL is not in {PLACE}: run deploy/mysql_server.py (make mysql-proof)")
    named = [f"--basedir={PLACE / 'usr'}", f"--lc-messages-dir={share}", f"--character-sets-dir={share / 'charsets'}"]
    loader = libraries / "ld-linux-x86-64.so.2"
    return [loader, "--library-path", libraries, server, "--no-defaults", f"--user={getpass.getuser()}", *named]
