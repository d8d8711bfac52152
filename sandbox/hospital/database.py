"""The sample hospital in PostgreSQL: its schema, the capture's role and publication, and the workload played into it."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import sql

from sandbox.hospital.catalogue import reference_rows
from sandbox.hospital.changes import Change, Transaction, Verb
from sandbox.hospital.tables import TABLES, Cell, Table

Connection: TypeAlias = "psycopg.Connection[Any]"

PUBLICATION: Final = "yibao_his"
ROLE: Final = "yibao_capture"
HEARTBEAT: Final = "cdc.heartbeat"
# Between two syncs, so that a broken statement is told soon and the pipeline's queue stays small.
_CHANGES_A_SYNC: Final = 200
_SHORTEST_NAP_S: Final = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come."""

    transactions: int
    changes: int
    elapsed_s: float


def create_schema(conn: Connection, *, password: str, role: str = ROLE) -> None:
    """Create schema `his` with its reference data, and what capture needs: role, publication, heartbeat table.

    What is there already is dropped, rows and all. The role may read the captured tables, replicate, and touch the heartbeat;
    nothing else. Needs a superuser.
    """
    with conn.transaction():
        conn.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(PUBLICATION)))
        conn.execute("DROP SCHEMA IF EXISTS his CASCADE")
        conn.execute("DROP SCHEMA IF EXISTS cdc CASCADE")
        conn.execute("CREATE SCHEMA his")
        conn.execute("CREATE SCHEMA cdc")
        for table in TABLES:
            _create_table(conn, table)
        conn.execute("CREATE TABLE cdc.heartbeat (id integer PRIMARY KEY, ts timestamptz NOT NULL)")
        conn.execute("INSERT INTO cdc.heartbeat VALUES (1, now())")
        with conn.cursor() as cursor:
            for table, row in reference_rows():
                cursor.execute(_insert(table), row)
        _create_role(conn, role, password)


def _create_table(conn: Connection, table: Table) -> None:
    columns = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(kind)) for n, kind in table.columns.items())
    name = _name(table.name)
    conn.execute(sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY ({}))").format(name, columns, sql.Identifier(table.key)))
    conn.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(name, sql.Literal(table.title)))
    # Deletes must carry the visit key, which is no part of the primary key.
    conn.execute(sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(name))
    if table.visit_key is not None:
        conn.execute(sql.SQL("CREATE INDEX ON {} ({})").format(name, sql.Identifier(table.visit_key)))


def _create_role(conn: Connection, role: str, password: str) -> None:
    who = sql.Identifier(role)
    exists = conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None
    verb = sql.SQL("ALTER ROLE" if exists else "CREATE ROLE")
    conn.execute(sql.SQL("{} {} LOGIN REPLICATION PASSWORD {}").format(verb, who, sql.Literal(password)))
    tables = sql.SQL(", ").join(_name(table.name) for table in TABLES)
    conn.execute(sql.SQL("GRANT USAGE ON SCHEMA his, cdc TO {}").format(who))
    conn.execute(sql.SQL("GRANT SELECT ON {}, cdc.heartbeat TO {}").format(tables, who))
    conn.execute(sql.SQL("GRANT UPDATE ON cdc.heartbeat TO {}").format(who))
    conn.execute(sql.SQL("CREATE PUBLICATION {} FOR TABLE {}, cdc.heartbeat").format(sql.Identifier(PUBLICATION), tables))


def run(
    conn: Connection,
    transactions: Iterable[Transaction],
    *,
    rate: float | None = None,
    on_commit: Callable[[Transaction], object] | None = None,
    on_progress: Callable[[Progress], object] | None = None,
) -> Progress:
    """Commit transactions one by one, at most `rate` changes a second (None: as fast as the database takes them).

    `conn` must be in autocommit. on_commit: called with each transaction after it was sent, in order. on_progress: about twice a
    second and at the end.
    """
    started = time.monotonic()
    player = _Player(conn, started=started, on_progress=on_progress)
    with conn.pipeline() as pipeline:
        for transaction in transactions:
            player.send(transaction)
            if on_commit is not None:
                on_commit(transaction)
            ahead_s = player.changes / rate - (time.monotonic() - started) if rate else 0.0
            if ahead_s > _SHORTEST_NAP_S or player.unsynced >= _CHANGES_A_SYNC:
                pipeline.sync()
                player.unsynced = 0
            if ahead_s > _SHORTEST_NAP_S:
                time.sleep(ahead_s)
    return player.tell(force=True)


class _Player:
    """Sends transactions and counts."""

    def __init__(self, conn: Connection, *, started: float, on_progress: Callable[[Progress], object] | None) -> None:
        self._conn = conn
        self._cursor = conn.cursor()
        self._started = self._told = started
        self._on_progress = on_progress
        self.transactions = self.changes = self.unsynced = 0

    def send(self, transaction: Transaction) -> None:
        self._cursor.execute("BEGIN")
        for change in transaction.changes:
            self._cursor.execute(statement(change, self._conn), values(change))
        self._cursor.execute("COMMIT")
        self.transactions += 1
        self.changes += len(transaction.changes)
        self.unsynced += len(transaction.changes) + 2
        self.tell()

    def tell(self, *, force: bool = False) -> Progress:
        now = time.monotonic()
        progress = Progress(transactions=self.transactions, changes=self.changes, elapsed_s=now - self._started)
        if self._on_progress is not None and (force or now - self._told >= 0.5):
            self._told = now
            self._on_progress(progress)
        return progress


def statement(change: Change, conn: Connection) -> bytes:
    """The statement of a change; rendered once for each table, verb and set of columns."""
    place = change.table.name, change.verb, change.changed  # a key that changes is among them
    if place not in _STATEMENTS:
        _STATEMENTS[place] = _composed(change).as_bytes(conn)
    return _STATEMENTS[place]


def values(change: Change) -> Mapping[str, Cell]:
    """What the statement of a change is executed with."""
    return change.row if change.was is None else {**change.row, _WAS: change.was}


_WAS = "key that it had"
_STATEMENTS: dict[tuple[str, Verb, tuple[str, ...]], bytes] = {}


def _composed(change: Change) -> sql.Composed:
    match change.verb:
        case Verb.INSERT:
            return _insert(change.table)
        case Verb.UPDATE:
            return _update(change.table, change.changed, by=change.table.key if change.was is None else _WAS)
        case Verb.DELETE:
            where = sql.SQL("{} = {}").format(sql.Identifier(change.table.key), sql.Placeholder(change.table.key))
            return sql.SQL("DELETE FROM {} WHERE {}").format(_name(change.table.name), where)


def _insert(table: Table) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    values = sql.SQL(", ").join(map(sql.Placeholder, table.columns))
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(_name(table.name), names, values)


def _update(table: Table, changed: tuple[str, ...], *, by: str) -> sql.Composed:
    assignments = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in changed)
    where = sql.SQL("{} = {}").format(sql.Identifier(table.key), sql.Placeholder(by))
    return sql.SQL("UPDATE {} SET {} WHERE {}").format(_name(table.name), assignments, where)


def _name(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))
