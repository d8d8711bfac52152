"""The sample hospital's part of a demonstration: its database, what stands in it before capture, and its live days."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice

import psycopg

from sandbox.hospital import Expected, Oracle, Transaction, Verb, Workload, create_schema, run
from sandbox.stack import Endpoints
from streams.errors import Fatal, Unreachable
from streams.private_files import open_private
from streams.spec.interface import SERVICES
from yibao.demonstration.demo_site import DATABASE, write_password
from yibao.demonstration.settings import DemoSettings

_SLOT_S = 180.0


class Hospital:
    """The database and its workload. Expectations are written to the settings' file as visits close."""

    def __init__(self, settings: DemoSettings, endpoints: Endpoints) -> None:
        self._settings = settings
        self._admin = f"host={endpoints.postgres_host} port={endpoints.postgres_port} user=postgres dbname="
        self._file = open_private(settings.expected_file, "wb")  # it holds the records themselves
        self._oracle = Oracle(self._write)
        workload = Workload(visits=settings.visits, seed=settings.seed)
        self._transactions: Iterator[Transaction] = iter(workload)
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self.rows: Counter[str] = Counter()
        self.changes = 0

    def create(self, endpoints: Endpoints) -> None:
        """Make the database, and commit what stands in it before capture begins."""
        with psycopg.connect(f"{self._admin}postgres", autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {DATABASE}")
        with psycopg.connect(f"{self._admin}{DATABASE}", autocommit=True) as conn:
            create_schema(conn, password=write_password(endpoints))
            share = self._settings.before / max(1, self._settings.visits)
            total = sum(1 for _ in Workload(visits=self._settings.visits, seed=self._settings.seed))
            run(conn, islice(self._transactions, int(total * share)), on_commit=self._follow)
        self._oracle.start_capture()

    def wait_for_capture(self, slot: str, *, tell: Callable[[], object]) -> None:
        """Return when the replication slot streams: the snapshot is through. Raises Unreachable when that takes too long."""
        deadline = time.monotonic() + _SLOT_S
        with psycopg.connect(f"{self._admin}{DATABASE}", autocommit=True) as conn:
            while time.monotonic() < deadline:
                found = conn.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (slot,)).fetchone()
                if found is not None and found[0]:
                    return
                tell()
                time.sleep(0.2)
        raise Unreachable(f"capture did not begin to stream from slot {slot} within {_SLOT_S:.0f} s; see the log of connect")

    def live(self) -> None:
        """Begin the live days, in a thread of their own."""
        self._thread = threading.Thread(target=self._live, name="hospital", daemon=True)
        self._thread.start()

    def expected(self) -> dict[str, int]:
        """Records by service that must be reported of what is committed now."""
        return {service: self._oracle.so_far[service] for service in SERVICES}

    @property
    def is_live(self) -> bool:
        """Whether the live days still go on. Raises Fatal when they broke."""
        if self._error is not None:
            raise Fatal(f"the sample hospital stopped: {type(self._error).__name__}", exit_code=1) from self._error
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Commit nothing more."""
        self._stopped.set()
        if self._thread is not None:
            with suppress(RuntimeError):  # interrupted while it was being started
                self._thread.join(timeout=10)
        self._file.close()

    def _live(self) -> None:
        try:
            with psycopg.connect(f"{self._admin}{DATABASE}", autocommit=True) as conn:
                run(conn, self._until_stopped(), rate=self._settings.rate, on_commit=self._follow)
            self._oracle.finish()
            self._file.flush()
        except BaseException as exc:  # noqa: BLE001 - carried to the thread that waits
            self._error = exc

    def _until_stopped(self) -> Iterator[Transaction]:
        for transaction in self._transactions:
            if self._stopped.is_set():
                return
            yield transaction

    def _follow(self, transaction: Transaction) -> None:
        self._oracle.follow(transaction)
        self.changes += len(transaction.changes)
        for change in transaction.changes:
            if change.verb is Verb.INSERT:
                self.rows[change.table.name] += 1
            elif change.verb is Verb.DELETE:
                self.rows[change.table.name] -= 1

    def _write(self, expected: Expected) -> None:
        self._file.write(expected.line())
