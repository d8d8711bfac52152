"""The embedded stack: PostgreSQL, Kafka and Connect on this machine, on the loopback address, in one directory.

For tests and the demonstration, not for a hospital. Services outlive the process that started them (unless `bound`) and are found
again by their records; every call may be repeated, and made by two processes at once.
"""

import fcntl
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.java import demand_one_line, path_for_java
from sandbox.stack import process
from sandbox.stack.broker import MOST, Brokers, Kafka
from sandbox.stack.connect import METRICS, Connect
from sandbox.stack.guard import Guard
from sandbox.stack.lifecycle import Lifecycle, OnProgress, Progress, in_rounds
from sandbox.stack.mariadb import MariaDb
from sandbox.stack.mysql import MySql
from sandbox.stack.ports import LOOPBACK, PortBook, Ports, is_free
from sandbox.stack.postgres import Postgres
from sandbox.stack.service import CHECKOUT, Home, Service
from streams.errors import Misconfigured
from streams.private_files import open_private, write_private
from streams.wording import nearest

SERVICES = ("postgres", "kafka", "connect")
OTHERS = ("mariadb", "mysql")
"""What a stack has only where it is asked for by name: other kinds of databases."""
DEFAULT_HOME = CHECKOUT / ".yibao" / "stack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where the services of a stack are; port 0 for one that was never started."""

    bootstrap_servers: str
    """Of the brokers, `host:port` with commas between."""
    connect_url: str
    """Of Connect's REST interface."""
    postgres_host: str
    """Host of the database."""
    postgres_port: int
    """Its port."""
    mariadb_port: int
    """Port of the MariaDB at the same address."""
    mysql_port: int
    """Likewise of the MySQL."""
    metrics_url: str
    """Connect's own metrics, for Prometheus; `""` where the stack does not serve them."""
    secrets: Path
    """Folder of the only files that connectors may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """One service now."""

    service: str
    pid: int | None
    """None while it does not run."""
    port: int | None
    """None while it was never started."""
    ready: bool
    """Whether it answered a question of its protocol."""
    log: Path


class Stack:
    """The services in `home`. Services not named in `services` are left alone.

    ports: a person's choice; the rest is chosen once and kept. durable=False: PostgreSQL does not wait for the disk. bound: the
    services end with this process, even when it is killed. dist: the Java programs (default `.yibao/java` of the checkout).
    brokers: how many there are, one or three; None: as many as the home has, or one. metrics: Connect is started with the agent
    that serves its own metrics and Debezium's, on a port of the loopback address.
    """

    def __init__(  # noqa: PLR0913  all but the first two have defaults that fit
        self,
        home: Path = DEFAULT_HOME,
        services: Sequence[str] = SERVICES,
        *,
        ports: Ports | None = None,
        durable: bool = True,
        bound: bool = False,
        dist: Path | None = None,
        brokers: int | None = None,
        metrics: bool = False,
    ) -> None:
        if unknown := set(services) - {*SERVICES, *OTHERS}:
            meant = "".join(nearest(name, SERVICES) for name in sorted(unknown))
            raise Misconfigured(f"the stack has no {', '.join(sorted(unknown))}{meant}: it has {', '.join(SERVICES)}")
        if "connect" in services and "kafka" not in services:
            raise Misconfigured("connect needs kafka: name both")
        self._home = Home(root=home.resolve())
        self._book = PortBook(self._home.root / "ports.json", ports or Ports())
        self._brokers = Brokers(self._home, self._book, self._count(brokers))
        others = not {*OTHERS}.isdisjoint(services)
        every: dict[str, tuple[Service, ...]] = {
            "postgres": (Postgres(self._home, self._book, durable=durable),),
            "mariadb": (MariaDb(self._home, self._book, durable=durable),),
            "mysql": (MySql(self._home, self._book, durable=durable),),
            "kafka": tuple(Kafka(self._home, self._book, self._brokers, number=one, dist=dist) for one in self._brokers.numbers),
            "connect": (Connect(self._home, self._book, self._brokers, dist=dist, metrics=metrics, others=others),),
        }
        self._services = {service.name: service for name in every if name in services for service in every[name]}
        self._guard = Guard(self._home.root) if bound else None
        self._serves_metrics = metrics

    def open_to_connect(self, folder: Path) -> None:
        """Let connectors read the files of a folder, too, from now on. It is made where missing, for its owner alone.

        Raises Misconfigured while Connect runs without it, and as `path_for_java` does.
        """
        folder = folder.absolute()
        path_for_java(folder)
        with self._alone():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder in self._home.readable():
                return
            identity = process.recorded(self._home.record(Connect.name))
            if identity is not None and identity.is_alive:
                raise Misconfigured(f"connect runs already and may not read {folder}: stop it first, with `yibao stack down`")
            write_private(self._home.opened, "".join(f"{each}\n" for each in (*self._home.readable()[1:], folder)))

    @property
    def brokers(self) -> tuple[str, ...]:
        """The names of the brokers' services."""
        return self._brokers.names

    @property
    def home(self) -> Path:
        return self._home.root

    @property
    def is_made(self) -> bool:
        """Whether a stack has its home there, running or not. Raises as `down` does."""
        self._home.folder.demand_ours()
        return self._home.folder.is_made

    @property
    def secrets(self) -> Path:
        """The only directory whose files connectors may read."""
        return self._home.secrets

    def up(self, on_progress: OnProgress | None = None) -> Endpoints:
        """Start what does not run and wait until all answers; on an error or an interruption, stop what this call started.

        Raises ServiceFailed with the end of the service's log, Misconfigured for a port that is taken or a program that is missing,
        and as `demand_tellable`.
        """
        self.demand_tellable()
        with self._alone():
            self._demand_metrics()
            if self._brokers.count > 1:
                write_private(self._home.brokers, f"{self._brokers.count}\n")
            self._raise(tuple(self._services), Lifecycle(self._home, self._book, tell=on_progress or _silent))
        return self.endpoints

    def down(self, on_progress: OnProgress | None = None) -> tuple[str, ...]:
        """Stop what runs, Connect before Kafka; return when no process is left, with the names of those that ran.

        Raises Misconfigured where the home is not ours.
        """
        self._home.folder.demand_ours()
        ran: tuple[str, ...] = ()
        if self._home.folder.is_there:
            with self._alone():
                lifecycle = Lifecycle(self._home, self._book, tell=on_progress or _silent)
                ran = self._lower(lifecycle)
        if self._guard:
            self._guard.dismiss()
        return ran

    def erase(self, on_progress: OnProgress | None = None) -> tuple[str, ...]:
        """Stop everything and remove all data. Returns as `down`. Raises as `demand_erasable`, and then has touched nothing."""
        self.demand_erasable()
        ran = self.down(on_progress)
        for service in self._services.values():
            service.erase()
        self._home.folder.remove()
        return ran

    def demand_tellable(self) -> None:
        """Raises Misconfigured for a home that the services cannot be told of; asked before anything is made there."""
        demand_one_line(self._home.root)
        if "kafka" in self._services:
            path_for_java(self._home.root)

    def demand_erasable(self) -> None:
        """Raises Misconfigured where the home, or something in it, is not ours."""
        self._home.folder.demand_erasable()

    def start(self, service: str) -> None:
        """Start one service on the ports and data that it had; harmless when it runs. Raises as `up` does."""
        with self._alone():
            self._raise((service,), Lifecycle(self._home, self._book, tell=_silent, may_move=False))

    def stop(self, service: str) -> None:
        """Stop one service in order."""
        with self._alone():
            Lifecycle(self._home, self._book, tell=_silent).take_down(self._services[service])

    def kill(self, service: str) -> None:
        """SIGKILL to a service and all that it started, as a power cut would end it."""
        with self._alone():
            if identity := process.recorded(self._home.record(service)):
                process.kill(identity)

    def status(self) -> tuple[ServiceStatus, ...]:
        """Each service now. Asks the services; takes up to some seconds where one hangs. Raises as `down` does."""
        self._home.folder.demand_ours()
        return tuple(self._status(service) for service in self._services.values())

    @property
    def endpoints(self) -> Endpoints:
        """Where the services are, or will be."""
        return Endpoints(
            bootstrap_servers=self._brokers.kept_servers,
            connect_url=f"http://{LOOPBACK}:{self._book.kept('connect') or 0}",
            metrics_url=f"http://{LOOPBACK}:{self._book.kept(METRICS) or 0}/metrics" if self._serves_metrics else "",
            postgres_host=LOOPBACK,
            postgres_port=self._book.kept("postgres") or 0,
            mariadb_port=self._book.kept("mariadb") or 0,
            mysql_port=self._book.kept("mysql") or 0,
            secrets=self._home.secrets,
        )

    def _lower(self, lifecycle: Lifecycle) -> tuple[str, ...]:
        """Stop what runs; brokers at the same time, for the last one alone would wait for the others in vain."""
        brokers = [service for name, service in self._services.items() if name in self._brokers.names]
        others = [service for name, service in self._services.items() if name not in self._brokers.names]
        ran = [service.name for service in others if service.name == Connect.name and lifecycle.take_down(service)]
        if brokers:
            with ThreadPoolExecutor(len(brokers)) as pool:
                ran += [service.name for service, was in zip(brokers, pool.map(lifecycle.take_down, brokers), strict=True) if was]
        ran += [service.name for service in others if service.name != Connect.name and lifecycle.take_down(service)]
        return tuple(ran)

    def _demand_metrics(self) -> None:
        """Raises Misconfigured where Connect runs already and does not serve what it was asked to serve."""
        identity = process.recorded(self._home.record(Connect.name)) if self._serves_metrics else None
        if identity is not None and identity.is_alive and is_free(self._book.port(METRICS)):
            raise Misconfigured("connect runs already and does not serve its metrics: stop it first, with `yibao stack down`")

    def _count(self, asked: int | None) -> int:
        """How many brokers the stack has. Raises Misconfigured where it was made with another number."""
        try:
            made = int(self._home.brokers.read_text("ascii"))
        except FileNotFoundError:
            made = 1 if self._home.record("kafka").exists() else 0
        if asked not in (None, 1, MOST):
            raise Misconfigured(f"a stack has 1 or {MOST} brokers, not {asked}")
        if asked and made and asked != made:
            was = f"the stack in {self._home.root} was made with {made} of them, not {asked}"
            raise Misconfigured(f"brokers: {was}. Choose another --home, or remove it with `yibao stack down --erase`")
        return made or asked or 1

    def _status(self, service: Service) -> ServiceStatus:
        identity = process.recorded(self._home.record(service.name))
        alive = identity is not None and identity.is_alive
        return ServiceStatus(
            service=service.name,
            pid=identity.pid if identity and alive else None,
            port=self._book.kept(service.ports[0]),
            ready=alive and service.is_ready(),
            log=self._home.log(service.name),
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A context in which nobody else, in this process or another, changes the services of this home."""
        self._home.folder.claim()
        try:
            self._home.lay_out()
            lock = open_private(self._home.run / "lock", "ab")
        except OSError as error:
            raise Misconfigured(f"the stack cannot use {self._home.root}: {error.strerror}. Choose another directory") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _raise(self, names: Sequence[str], lifecycle: Lifecycle) -> None:
        """Bring services up, or leave none that this call started. Brokers wait for each other, and Connect for all of them."""
        wanted = [self._services[name] for name in names]
        first = [service for service in wanted if service.name != Connect.name]
        rounds = [first, [service for service in wanted if service.name == Connect.name]]
        if self._guard:
            self._guard.watch()
        try:
            in_rounds(lifecycle, rounds)
        except BaseException:
            lifecycle.take_down_started()
            raise


def _silent(_: Progress) -> None:
    """For who does not want to know."""
