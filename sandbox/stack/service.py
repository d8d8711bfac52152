"""What the stack asks of each of its services, and where their things are."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sandbox.own_folder import OwnFolder
from streams.errors import Misconfigured, YibaoError
from streams.private_files import private_folder, write_private

CHECKOUT = Path(__file__).resolve().parents[2]


class ServiceFailed(YibaoError):
    """A service of the embedded stack did not start or did not become ready. The text holds the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """The Java programs that `make setup` fetched."""

    lib: Path
    """Folder of jars."""
    plugins: Path
    """Connect's plugin.path."""
    agents: Path
    """Folder of what serves the metrics of a Java program."""


def distribution(directory: Path | None = None) -> Distribution:
    """The Java programs in `directory` (default: `.yibao/java` of this checkout). Raises Misconfigured when they are not there."""
    place = directory or CHECKOUT / ".yibao" / "java"
    if not any((place / "lib").glob("kafka_*.jar")):
        demand_checkout()
        raise Misconfigured(f"Kafka and Connect are not in {place}: run `make setup` in {CHECKOUT}")
    return Distribution(lib=place / "lib", plugins=place / "plugins", agents=place / "agents")


def other_plugins() -> Path:
    """The connectors of kinds of databases that only their own proof captures (deploy/databases.py). Raises Misconfigured when they
    are not there.
    """
    place = CHECKOUT / ".yibao" / "databases" / "plugins"
    if not any(place.glob("*/*.jar")):
        raise Misconfigured(
            f"the connectors for other kinds of databases are not in {place}: run deploy/databases.py (make databases-proof)"
        )
    return place


def demand_checkout() -> None:
    """Raises Misconfigured where this package was installed from its wheel: what set-up fetches and samples are in a checkout."""
    if not (CHECKOUT / "deploy" / "setup.py").is_file():
        raise Misconfigured(
            "the embedded stack's Java programs and the sample site are not in the installed package: get a checkout of yibao-cdc "
            "and run `make demo` there (or `make setup`, then .venv/bin/yibao)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The one directory of a stack: data, configuration, logs, records of processes, secrets that connectors may read."""

    root: Path

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def conf(self) -> Path:
        return self.root / "conf"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def scratch(self) -> Path:
        return self.root / "tmp"

    @property
    def opened(self) -> Path:
        """Lists further folders that connectors may read, one a line, from start to start."""
        return self.run / "opened"

    def readable(self) -> tuple[Path, ...]:
        """All folders that connectors may read."""
        try:
            further = self.opened.read_text("utf-8").splitlines()
        except FileNotFoundError:
            further = []
        return (self.secrets, *map(Path, further))

    @property
    def brokers(self) -> Path:
        """Says how many brokers the stack has, where it was not made with one."""
        return self.run / "brokers"

    @property
    def made_by(self) -> Path:
        """Names the checkout whose stack this is, so that its clean-up finds what a killed test run left."""
        return self.run / "checkout"

    @property
    def folder(self) -> OwnFolder:
        """The directory as one that may be erased: everything that the stack puts into it."""
        brokers = ("kafka", "kafka-2", "kafka-3")
        data = (
            *brokers,
            *(f"{name}.new" for name in brokers),
            "postgres",
            "postgres.new",
            "mariadb",
            "mariadb.new",
            "mysql",
            "mysql.new",
            "tmp",
        )
        files = ("ports.json", "ports.json.*", "ports.new")
        return OwnFolder(
            root=self.root,
            kind="stack",
            holds=("run", "logs", "conf", "secrets", *data, *files),
            known_by=("ports.json", "run/lock"),
        )

    def record(self, service: str) -> Path:
        return self.run / f"{service}.process"

    def log(self, service: str) -> Path:
        return self.logs / f"{service}.log"

    def lay_out(self) -> None:
        """Make what is missing, closed to everybody else; where PostgreSQL runs as another user, it is let in by itself."""
        for directory in (self.run, self.logs, self.conf, self.secrets, self.scratch):
            private_folder(directory)
        write_private(self.made_by, f"{CHECKOUT}\n")


class Service(Protocol):
    """One server of the stack. Everything about its process is the stack's; this is what only the server's kind knows."""

    @property
    def name(self) -> str: ...

    @property
    def ports(self) -> Sequence[str]:
        """Names of its ports in the port book; the first is the one that clients use."""

    @property
    def stop_signal(self) -> signal.Signals:
        """The signal that makes it end in order without waiting for its clients."""

    @property
    def patience_s(self) -> float:
        """How long its start may take on a slow machine."""

    def prepare(self) -> Sequence[str | Path]:
        """Make data directory and configuration where missing; return the command that serves. Raises ServiceFailed."""

    def is_ready(self) -> bool:
        """Whether it answers a question of its own protocol."""

    def erase(self) -> None:
        """Remove what lies outside the stack's directory."""


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error's text."""
    try:
        return "\n".join(f"    {line}" for line in log.read_text("utf-8", "replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "    (no log)"
