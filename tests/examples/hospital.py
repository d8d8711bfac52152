"""The hospital's database: made by its scripts, changed by its steps, asked for what must be reported."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self, TypeAlias

import psycopg
from psycopg import sql

from tests.examples.files import SERVICES, Example, Step

Row: TypeAlias = Mapping[str, object]
_KEYS = {"mdtrt_d": "MDTRT_ID", "setl_d": "SETL_ID", "fee_list_d": "BKKP_SN"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the hospital's own tables say at one moment."""

    records: Mapping[tuple[str, str], Row]
    """By service and number: the fields that the query gives."""
    sums: Mapping[str, Decimal]
    """By settlement: what its lines come to."""
    waiting: Mapping[str, int]
    """Rows that wait, by what they wait for."""
    letters: Mapping[tuple[str, str], int]
    """Dead letters by class and rule, without those of records that were reported and are gone."""
    rows: int
    """Rows that count."""


class Hospital:
    """Sessions in the example's database. A context: closed at its end, and what it made dropped."""

    def __init__(self, example: Example, *, host: str, port: int) -> None:
        self._example = example
        self._at: dict[str, Any] = {"host": host, "port": port, "user": "postgres", "autocommit": True}
        self._open = ExitStack()
        self._made = False

    def make(self, *, password: str) -> None:
        """Run its scripts, as its administrator would."""
        with psycopg.connect(**self._at, dbname="postgres") as conn:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._example.name)))
        self._made = True
        self.open()
        for script in ("schema.sql", "capture.sql"):
            self._run((self._example.folder / script).read_text("utf-8"))
            self._run("RESET search_path")
        role = sql.Identifier(f"capture_{self._example.name}")
        self._conn.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(password)))
        self._run(self._example.session)

    def open(self) -> None:
        """Begin to ask and to edit; the database is there."""
        self._conn = self._open.enter_context(psycopg.connect(**self._at, dbname=self._example.name))
        self._asking = self._open.enter_context(psycopg.connect(**self._at, dbname=self._example.name))
        self._prepared = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        if self._made:
            self._drop()

    def _drop(self) -> None:
        with psycopg.connect(**self._at, dbname="postgres") as conn:
            name = sql.Identifier(self._example.name)
            _drop_slots(conn, self._example.name)
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            conn.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"capture_{self._example.name}")))

    def play(self, step: Step) -> None:
        """Run the statements of a step, each committed by itself unless the step says BEGIN."""
        for statement in statements(step.script):
            self._run(statement)

    def expected(self) -> Expected:
        """Ask all queries of expected.sql in one snapshot. Raises ValueError where two records have one number."""
        if not self._prepared:
            self._asking.execute(self._example.preparing.encode())
            self._prepared = True
        with self._asking.transaction():
            self._asking.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            found = {name: self._rows(query) for name, query in self._example.queries.items()}
        records: dict[tuple[str, str], Row] = {}
        for service in SERVICES:
            for row in found[service]:
                identity = service, f"{row[_KEYS[service]]}"
                if identity in records:
                    raise ValueError(f"expected.sql: two records {identity}")
                records[identity] = row
        return Expected(
            records=records,
            sums={f"{row['SETL_ID']}": Decimal(f"{row['LINES']}") for row in found["sums"]},
            waiting={f"{row['KIND']}": rows for row in found["waiting"] if (rows := int(f"{row['ROWS']}"))},
            letters={(f"{row['CLASS']}", f"{row['RULE']}"): rows for row in found["letters"] if (rows := int(f"{row['ROWS']}"))},
            rows=int(f"{found['rows'][0]['ROWS']}"),
        )

    def _rows(self, query: str) -> Sequence[Row]:
        cursor = self._asking.execute(query.encode())
        names = [column.name.upper() for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _run(self, script: str) -> None:
        self._conn.execute(script.encode())


def statements(script: str) -> Sequence[str]:
    """The statements of a script, each ended by `;` at the end of a line."""
    return [text for part in script.split(";\n") if (text := part.strip())]


def sent(value: object) -> str | Decimal:
    """A value of a query as the interface writes it; amounts as numbers, for their zeros do not count."""
    match value:
        case None:
            return ""
        case Decimal():
            return value
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case date():
            return f"{value:%Y-%m-%d}"
        case _:
            return f"{value}"


def is_same(value: object, reported: str) -> bool:
    """Whether a reported value is the one of a query."""
    wanted = sent(value)
    if isinstance(wanted, Decimal):
        return reported != "" and Decimal(reported) == wanted
    return wanted == reported


def _drop_slots(conn: "psycopg.Connection[Any]", database: str) -> None:
    """Drop what capture left, once the server noticed that it reads no more."""
    slots = "SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s"
    while left := conn.execute(slots, [database]).fetchall():
        for name, reader in left:
            if reader is None:
                conn.execute("SELECT pg_drop_replication_slot(%s)", [name])
            else:
                conn.execute("SELECT pg_terminate_backend(%s, 10000)", [reader])
