"""`python -m tests.bench.hospital_load KIND`: what capture costs the hospital's own database, while it works.

KIND: `postgresql`, or `mariadb` after `make databases-proof` (which fetches server and connector). A table of many lines is read
whole (the first snapshot), then followed, then read again on demand; beside it the hospital writes, at a steady rate, three new
lines and a correction a transaction. By phase: how long these transactions took and the longest one, the server's CPU and its
reads and writes on disk. Each phase but the snapshots lasts as long as asked for; the first one is without capture.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final, cast

import psycopg
import pymysql
import yaml

from connector.profiles import profile_of
from sandbox.stack import Stack
from sandbox.stack.mariadb import SUPERUSER
from streams.broker_wiring import broker_access
from streams.mapping import capture_sources, load_site
from streams.seal import generate_key_pair
from streams.topics.broker import Broker
from tests.in_process import yibao

_MAPPING: Final = Path(__file__).parents[1] / "databases" / "mapping.yaml"
_PASSWORD: Final = "capture-of-a-busy-hospital"
_TABLES: Final = """
CREATE SCHEMA his;
CREATE TABLE his.settle (
  settle_no varchar(30) PRIMARY KEY, visit_id varchar(30) NOT NULL, name varchar(50), cert_no varchar(20), settled_at {wall},
  total decimal(16, 2), written_at {instant} NULL);
CREATE TABLE his.charge (
  charge_id bigint PRIMARY KEY, visit_id varchar(30) NOT NULL, occurred_at {wall}, amount decimal(16, 2), item_code varchar(10));
CREATE TABLE his.item (code varchar(10) PRIMARY KEY, name varchar(50));
INSERT INTO his.item VALUES ('D1', 'aspirin')
"""
_TYPES: Final = {
    "postgresql": {"wall": "timestamp", "instant": "timestamptz"},
    "mariadb": {"wall": "datetime", "instant": "timestamp"},
}
_AT_ONCE: Final = 10_000
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_MB: Final = 1_000_000
_RUN = cast("Callable[..., tuple[int, str, str]]", yibao)
_FIRST_NEW: Final = 100_000_000


@dataclass(slots=True, kw_only=True)
class Used:
    """What the server's processes have used until now."""

    at: float = field(default_factory=time.monotonic)
    cpu_s: float = 0.0
    read: int = 0
    written: int = 0


class Hospital:
    """A database that works, of one kind."""

    def __init__(self, kind: str, stack: Stack, *, lines: int) -> None:
        self.kind, self._stack, self._lines = kind, stack, lines
        self.took: list[float] = []
        self._ends = threading.Event()

    def connected(self) -> Any:
        """A session that may do everything."""
        at = self._stack.endpoints
        if self.kind == "mariadb":
            return pymysql.connect(host=at.postgres_host, port=at.mariadb_port, user=SUPERUSER, autocommit=False)
        return psycopg.connect(host=at.postgres_host, port=at.postgres_port, user="postgres", dbname="postgres")

    @property
    def port(self) -> int:
        """Of the server."""
        at = self._stack.endpoints
        return at.mariadb_port or 0 if self.kind == "mariadb" else at.postgres_port

    def run(self, *statements: str) -> None:
        """One after the other, committed."""
        with closing(self.connected()) as link, closing(link.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            link.commit()

    def make(self) -> None:
        """Tables, and many lines."""
        self.run(*_TABLES.format_map(_TYPES[self.kind]).split(";"))
        with closing(self.connected()) as link, closing(link.cursor()) as cursor:
            for first in range(0, self._lines, _AT_ONCE):
                rows = [(number, f"V{number // 20}") for number in range(first, min(first + _AT_ONCE, self._lines))]
                cursor.executemany("INSERT INTO his.charge VALUES (%s, %s, '2026-03-01 07:30:00', 1.00, 'D1')", rows)
                link.commit()

    @contextmanager
    def at_work(self, per_s: float) -> Iterator[None]:
        """While the block lasts, so many transactions a second."""
        worker = threading.Thread(target=self._work, args=(1 / per_s,), daemon=True)
        worker.start()
        try:
            yield
        finally:
            self._ends.set()
            worker.join()

    def _work(self, every_s: float) -> None:
        number, due = _FIRST_NEW, time.monotonic()
        with closing(self.connected()) as link, closing(link.cursor()) as cursor:
            while not self._ends.is_set():
                due += every_s
                time.sleep(max(0.0, due - time.monotonic()))
                began = time.monotonic()
                rows = [(number + one, f"V{number % self._lines}") for one in range(3)]
                cursor.executemany("INSERT INTO his.charge VALUES (%s, %s, '2026-03-01 07:30:00', 1.00, 'D1')", rows)
                cursor.execute("UPDATE his.charge SET amount = amount + 1 WHERE charge_id = %s", (number % self._lines,))
                link.commit()
                self.took.append(time.monotonic() - began)
                number += 3

    def _first(self) -> str:
        """The number of the server's first process."""
        with closing(self.connected()) as link, closing(link.cursor()) as cursor:
            cursor.execute("SELECT @@pid_file" if self.kind == "mariadb" else "SHOW data_directory")
            ((named,),) = cursor.fetchall()
        file = Path(named) if self.kind == "mariadb" else Path(named) / "postmaster.pid"
        return file.read_text().split()[0]

    def used(self) -> Used:
        """CPU and disk of the server's processes, those that ended with them."""
        found = Used()
        for folder in _tree(self._first()):
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                disk = dict(line.split(": ") for line in (folder / "io").read_text().splitlines())
            except (OSError, ProcessLookupError):
                continue
            found.cpu_s += sum(map(int, stat[11:15])) / _TICKS
            found.read += int(disk["read_bytes"])
            found.written += int(disk["write_bytes"])
        return found


def _tree(first: str) -> Iterator[Path]:
    """A process, and those that it began."""
    yield Path("/proc") / first
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "stat").read_text().rpartition(")")[2].split()[1] == first:
                yield folder


def site_of(hospital: Hospital, stack: Stack, folder: Path) -> Path:
    """The site that reports from it; what the database's administrator does before is done."""
    (folder / "mapping.yaml").write_bytes(_MAPPING.read_bytes())
    (folder / "p.pem").write_text(generate_key_pair().public.pem)
    password = stack.secrets / "busy"
    password.write_text(_PASSWORD)
    source = {
        "kind": hospital.kind,
        "host": stack.endpoints.postgres_host,
        "port": hospital.port,
        "database": "his" if hospital.kind == "mariadb" else "postgres",
        "user": "capture",
        "password_file": f"{password}",
        "sslmode": "disable",
        "heartbeat_table": "cdc.heartbeat",
        "mapping": "mapping.yaml",
    }
    document = {
        "site": "busy",
        "kafka": {"bootstrap_servers": stack.endpoints.bootstrap_servers, "replication_factor": 1, "partitions": 3},
        "connect": {"url": stack.endpoints.connect_url, "heartbeat_s": 1},
        "sources": {"his": source},
        "institutions": [{"code": "P36110200002", "name": "大药房", "public_key_file": "p.pem"}],
        "platform": {"url": "http://127.0.0.1:8800"},
    }
    file = folder / "site.yaml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    (captured,) = capture_sources(load_site(file))
    steps = profile_of(captured.kind).preparation(captured, connect_host="127.0.0.1")
    hospital.run(*(statement for step in steps for statement in step.statements if not statement.startswith("ALTER SYSTEM")))
    login = "capture@'127.0.0.1' IDENTIFIED BY" if hospital.kind == "mariadb" else "capture PASSWORD"
    hospital.run(f"ALTER {'USER' if hospital.kind == 'mariadb' else 'ROLE'} {login} '{_PASSWORD}'")
    if hospital.kind == "mariadb":
        hospital.run("ALTER USER capture@'127.0.0.1' ACCOUNT UNLOCK")
    return file


def typed(site: Path, *words: str) -> None:
    """A command. Raises SystemExit where it fails."""
    code, out, err = _RUN(*words, "-c", str(site))
    if code:
        raise SystemExit(f"yibao {' '.join(words)}: {out}{err}")


def captured(site: Path) -> int:
    """Rows and changes of the source's tables in its topic."""
    loaded = load_site(site)
    with Broker(broker_access(loaded)) as broker:
        return sum(broker.ends(loaded.topics.rows("his")).values())


@contextmanager
def running(home: Path, services: Sequence[str]) -> Iterator[Stack]:
    """A stack as a hospital has it, that survives a power cut; it ends with the block."""
    stack = Stack(home, services, durable=True, bound=True)
    try:
        stack.up()
        yield stack
    finally:
        stack.erase()


def phase(hospital: Hospital, words: str, act: Callable[[], object]) -> None:
    """Print what a phase cost."""
    hospital.took.clear()
    before = hospital.used()
    act()
    after, took = hospital.used(), sorted(hospital.took)
    lasted = after.at - before.at
    slowest = took[min(len(took) - 1, int(len(took) * 0.99))]
    print(
        f"{words:28} {lasted:6.1f} s  {len(took) / lasted:6.1f} transactions/s  p50 {median(took) * 1000:6.1f} ms  "
        f"p99 {slowest * 1000:7.1f}  longest {took[-1] * 1000:7.1f}  CPU {(after.cpu_s - before.cpu_s) / lasted:5.2f} cores  "
        f"read {(after.read - before.read) / _MB:7.1f} MB  written {(after.written - before.written) / _MB:7.1f} MB",
        flush=True,
    )


def main() -> int:
    """Measure."""
    asked = argparse.ArgumentParser(prog="python -m tests.bench.hospital_load", description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("kind", choices=sorted(_TYPES))
    asked.add_argument("--lines", type=int, default=500_000)
    asked.add_argument("--per-second", type=float, default=50.0)
    asked.add_argument("--seconds", type=float, default=30.0)
    chosen = asked.parse_args()
    services = ("mariadb", "kafka", "connect") if chosen.kind == "mariadb" else ("postgres", "kafka", "connect")
    with tempfile.TemporaryDirectory() as home, running(Path(home) / "stack", services) as stack:
        hospital = Hospital(chosen.kind, stack, lines=chosen.lines)
        hospital.make()
        folder = Path(home) / "site"
        folder.mkdir()
        site = site_of(hospital, stack, folder)
        typed(site, "topics", "apply")
        print(f"{chosen.kind}: {chosen.lines} lines, load of the machine {os.getloadavg()[0]:.1f}", flush=True)

        def first_snapshot() -> None:
            typed(site, "connector", "apply")
            while captured(site) < chosen.lines:
                time.sleep(0.2)

        def rest() -> None:
            time.sleep(chosen.seconds)

        with hospital.at_work(chosen.per_second):
            rest()
            phase(hospital, "without capture", rest)
            phase(hospital, "first snapshot", first_snapshot)
            rest()
            phase(hospital, "followed", rest)
            phase(hospital, "read again, on demand", lambda: typed(site, "resnapshot", "his.charge"))
            phase(hospital, "read again, until its end", rest)
            phase(hospital, "followed", rest)
    return 0


if __name__ == "__main__":
    sys.exit(main())
