"""The sample hospital of one scenario: its database, its live days, and what must be reported of them.

Each transaction writes its own number beside its rows, so that after a crash of the database it is known whether it was committed.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import psycopg
from psycopg import sql

from sandbox.hospital import Expected, Oracle, Transaction, Verb, Workload, create_schema
from sandbox.hospital.tables import BY_VISIT, FEES, PATIENTS, VISITS
from sandbox.stack import Endpoints
from streams.errors import Unreachable
from streams.private_files import open_private
from streams.spec.fields import ServiceCode
from tests.chaos import nightly
from tests.chaos.in_flight import Mended, Overlapping
from tests.chaos.rearranged import Exchange, allow_exchange, play, rearranged
from yibao.demonstration.demo_site import write_password

_SLOT_S = 90.0
_BEFORE = 1 / 6
_CHANGES_A_VISIT = 22
_SERVICES = dict(zip((table.name for table in BY_VISIT), (ServiceCode.VISIT, ServiceCode.SETTLEMENT, ServiceCode.FEE), strict=True))


class Hospital:
    """database: its name. changes: about how many row changes it makes in all, a sixth of them before capture begins. rearranges:
    it exchanges keys of lines, moves lines to another visit and back, and its nights are in parts (`nightly`).
    """

    def __init__(
        self, endpoints: Endpoints, *, database: str, changes: int, seed: int, expected: Path, rearranges: bool = False
    ) -> None:
        self.changes = 0
        self.rearranged = 0
        """How many transactions exchanged keys or moved a line."""
        self.rows: Counter[str] = Counter()
        self.is_live = False
        self.error: BaseException | None = None
        self.mended = Mended(_SERVICES)
        """What capture may not have seen as it was."""
        self._endpoints = endpoints
        self._admin = f"host={endpoints.postgres_host} port={endpoints.postgres_port} user=postgres dbname="
        self._database = database
        self._file = open_private(expected, "wb")
        self._oracle = Oracle(self._write)
        self._rearranges = rearranges
        self._days = _days(changes, seed=seed, rearranges=rearranges)
        self.total = sum(len(transaction.changes) for transaction in self._days())
        self._transactions: Iterator[tuple[int, Transaction]] = enumerate(self._days(), start=1)
        self._before = int(sum(1 for _ in self._days()) * _BEFORE)
        self._patients: dict[str, str] = {}
        self._gone: dict[tuple[str, str], tuple[str, int]] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._link: psycopg.Connection | None = None

    def create(self) -> None:
        """Make the database, and commit what stands in it before capture begins."""
        with psycopg.connect(f"{self._admin}postgres", autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._database)))
        with psycopg.connect(f"{self._admin}{self._database}", autocommit=True) as conn:
            create_schema(conn, password=write_password(self._endpoints))
            nightly.create_past(conn)
            if self._rearranges:
                allow_exchange(conn)
            conn.execute("CREATE SCHEMA chaos; CREATE TABLE chaos.progress (n bigint); INSERT INTO chaos.progress VALUES (0)")
        for number, transaction in islice(self._transactions, self._before):
            self._commit(number, transaction)
        self._oracle.start_capture()
        self.mended.unread.clear()  # of these the oracle knows that nobody saw them
        self.mended.spoilt.clear()

    def wait_for_capture(self, slot: str) -> None:
        """Return when the replication slot streams: the snapshot is through."""
        deadline = time.monotonic() + _SLOT_S
        with psycopg.connect(f"{self._admin}postgres", autocommit=True) as conn:
            while time.monotonic() < deadline:
                found = conn.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (slot,)).fetchone()
                if found is not None and found[0]:
                    return
                time.sleep(0.2)
        raise Unreachable(f"capture did not begin to stream from slot {slot} within {_SLOT_S:.0f} s")

    def overlapping(self, slot: str) -> Overlapping:
        """Its transactions, several open at a time, to be begun before capture is."""
        return Overlapping(f"{self._admin}{self._database}", self._transactions, self._follow, slot=slot)

    def live(self, rate: float) -> None:
        """Begin the live days, in a thread of their own. rate: changes a second."""
        self.is_live = True
        self._thread = threading.Thread(target=self._live, args=(rate,), name="hospital", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Commit nothing more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        self._disconnect()
        self._file.close()

    def expect(self, last: int, file: Path) -> None:
        """Write what must be reported of the transactions up to one, as if nothing had come after it."""
        with open_private(file, "wb") as out:
            oracle = Oracle(lambda expected: out.write(expected.line()))
            for number, transaction in enumerate(islice(self._days(), last), start=1):
                oracle.follow(transaction)
                if number == self._before:
                    oracle.start_capture()
            oracle.finish()

    def differences(self) -> list[str]:
        """Where the database does not hold as many rows as were committed: then nothing that follows can be believed."""
        with psycopg.connect(f"{self._admin}{self._database}", autocommit=True) as conn:
            found = {table.name: _count(conn, table.name) for table in (PATIENTS, *BY_VISIT)}
            found[FEES.name] = nightly.lines(conn)
        return [f"{name}: {count} rows, {self.rows[name]} committed" for name, count in found.items() if count != self.rows[name]]

    def remove(self, slot: str) -> None:
        """Drop the slot and the database."""
        with psycopg.connect(f"{self._admin}postgres", autocommit=True) as conn:
            kill = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active"
            conn.execute(kill, (slot,))
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                try:
                    conn.execute(
                        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (slot,)
                    )
                    break
                except psycopg.errors.ObjectInUse:
                    time.sleep(0.2)
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self._database)))

    def _live(self, rate: float) -> None:
        try:
            started, before = time.monotonic(), self.changes
            for number, transaction in self._transactions:
                if self._stopped.is_set():
                    return
                self._commit(number, transaction)
                ahead_s = (self.changes - before) / rate - (time.monotonic() - started)
                if ahead_s > 0.02:
                    time.sleep(ahead_s)
            if self._rearranges:
                nightly.end(self._connected())
            self._oracle.finish()
            self._file.flush()
        except BaseException as exc:  # noqa: BLE001 - carried to the thread that waits
            self.error = exc
        finally:
            self.is_live = False

    def _commit(self, number: int, transaction: Transaction) -> None:
        """Commit exactly once, whatever becomes of the database meanwhile."""
        while not self._stopped.is_set():
            try:
                link = self._connected()
                found = link.execute("SELECT n FROM chaos.progress").fetchone()
                if found is None or found[0] < number:
                    with link.transaction():
                        play(link, transaction)
                        link.execute("UPDATE chaos.progress SET n = %s", (number,))
                for visit_key in transaction.closes:
                    nightly.move(link, visit_key, in_parts=self._rearranges)
                break
            except psycopg.OperationalError:
                self._disconnect()
                time.sleep(0.2)
        else:
            return
        self._follow(transaction)

    def _connected(self) -> psycopg.Connection:
        if self._link is None:
            self._link = psycopg.connect(f"{self._admin}{self._database}", autocommit=True, connect_timeout=3)
        return self._link

    def _disconnect(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def _follow(self, transaction: Transaction) -> None:
        self._oracle.follow(transaction)
        self.mended.take(transaction)
        self.changes += len(transaction.changes)
        self.rearranged += isinstance(transaction, Exchange) or any(change.left is not None for change in transaction.changes)
        for change in transaction.changes:
            self.rows[change.table.name] += {Verb.INSERT: 1, Verb.UPDATE: 0, Verb.DELETE: -1}[change.verb]
            if change.table is VISITS:
                self._patients[f"{change.row['jzlsh']}"] = f"{change.row['brid']}"
            if change.verb is Verb.DELETE and change.table in BY_VISIT:
                patient = self._patients.get(f"{change.row['jzlsh']}", "")
                self._gone[_SERVICES[change.table.name], f"{change.key}"] = patient, time.time_ns() // 1_000_000

    def unseeable(self, came: Mapping[str, int]) -> set[tuple[str, str]]:
        """Service and key of the rows that were deleted before anybody could see the patient of their visit, who stands in a topic
        of its own: capture wrote it later, because that topic had no leader. came: when (ms) each patient stood there.
        """
        never = 1 << 62
        return {row for row, (patient, at_ms) in self._gone.items() if came.get(patient, never) > at_ms}

    def _write(self, expected: Expected) -> None:
        self._file.write(expected.line())


def _days(changes: int, *, seed: int, rearranges: bool) -> Callable[[], Iterator[Transaction]]:
    """All transactions, from the first one on each time. changes: at least so many."""
    visits = max(20, -(-changes // _CHANGES_A_VISIT))
    while sum(len(transaction.changes) for transaction in Workload(visits=visits, seed=seed)) < changes:
        visits += visits // 50 + 1
    workload = Workload(visits=visits, seed=seed)
    return lambda: rearranged(workload) if rearranges else iter(workload)


def _count(conn: psycopg.Connection, table: str) -> int:
    found = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(_name(table))).fetchone()
    assert found is not None
    return int(found[0])


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))
