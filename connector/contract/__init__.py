"""What capture promises to whoever reads its topics. The only module of `connector` that `streams` may import.

Every row of a visit, settlement, fee or header table of a source arrives in one topic with one partition (`Topics.rows`), in the
order of the database's log; rows of lookup tables arrive in compacted topics of their own. Values are Debezium's JSON envelope
without a schema (`before`, `after`, `source`, `op`), with decimals as text and times in ISO form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias, cast

from connector.contract.topics import Topics as Topics

UNAVAILABLE = "__debezium_unavailable_value"
"""Debezium's placeholder for a column that did not change and was not sent (PostgreSQL TOAST)."""


_STREAMED: Final = (None, "false")
"""What `source.snapshot` says of a change that was read from the log."""


class Op(StrEnum):
    """Debezium's operation codes."""

    CREATE = "c"
    READ = "r"
    UPDATE = "u"
    DELETE = "d"
    TRUNCATE = "t"


_READ: Final = Op.READ
_DELETE: Final = Op.DELETE


class DatabaseKind(StrEnum):
    """Kinds of source database. Each has its own rule for comparing positions."""

    POSTGRESQL = "postgresql"


class TableRole(StrEnum):
    """What the rows of a table describe."""

    VISIT = "visit"
    SETTLEMENT = "settlement"
    FEE = "fee"
    HEADER = "header"
    LOOKUP = "lookup"


FactsDocument: TypeAlias = Mapping[str, Any]
"""What a source's capture was applied against, as it is kept: only `connector.facts` reads what is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One thing in which a database is no longer what capture was applied against."""

    where: str
    """What is concerned: the server, the publication, a table or a column."""
    what: str
    """How it differs; continues a sentence that begins with `where`."""
    tables: tuple[str, ...]
    """The tables whose rows must be read again."""
    another_server: bool = False
    """Whether places in the log of before say nothing about those of now."""

    def __str__(self) -> str:
        """The whole sentence."""
        return f"{self.where} {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotState:
    """How a replication slot stands; it decides nothing."""

    active: bool
    """Whether somebody reads with it."""
    retained_bytes: int
    """Log that the database keeps for it."""
    safe_bytes: int | None
    """So much more may be written before it loses its place; None where nothing limits that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at a database found."""

    drifts: tuple[Drift, ...]
    """In what it differs from what capture was applied against."""
    facts: FactsDocument
    """What to compare with next time: what was applied, and what is known more by now."""
    adds: bool
    """Whether there is more in it than before, except that the log went on."""
    slot: SlotState | None = None
    """The replication slot; None where there is none."""


Position: TypeAlias = tuple[int, ...]
"""Where in its database's log a change stands. For people: neither the order of the log nor that of another server is the order in
which transactions were committed.
"""


class Mark(NamedTuple):
    """By what a change is recognised when capture sends it again (`streams.domain.again`).

    It says nothing of which content is newer: that is told by the order in the topic alone.
    """

    place: Position
    """In the log of its database. PostgreSQL: the LSN and 0 for a delete, 1 for everything else, because a key that is changed
    arrives as a delete and a create at one LSN. Of one row on one server it rises with every change.
    """
    ts_us: int
    """Microseconds of its commit, by the server's clock."""
    server: str = ""
    """Which life of the database its place belongs to; `""` where nobody said."""


def position(kind: DatabaseKind, source: Mapping[str, object]) -> Position | None:
    """The position of a change, from the envelope's `source` block; None where the change carries none.

    PostgreSQL: the LSN of the change itself; of a row that a snapshot read, that of the snapshot.
    """
    match kind:
        case DatabaseKind.POSTGRESQL:
            lsn = source.get("lsn")
            return (lsn,) if isinstance(lsn, int) else None


def mark(op: Op, source: Mapping[str, object], where: Position | None) -> Mark | None:
    """The mark of a change that comes from the log. None of a row that was read, by whatever snapshot: what is read is never a
    repetition.

    where: the `position` of the change.
    """
    if where is None or op is _READ or source.get("snapshot") not in _STREAMED:
        return None
    ts_us = source.get("ts_us")
    if not isinstance(ts_us, int):
        ts_us = int(cast("int", source["ts_ms"])) * 1000
    return Mark((*where, 0 if op is _DELETE else 1), ts_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedTable:
    """One table to capture. Names are in the catalogue's upper and lower case."""

    name: str
    """`schema.table`."""
    role: TableRole
    """What its rows describe."""
    key: tuple[str, ...]
    """Columns that identify a row."""
    visit_key: tuple[str, ...]
    """Columns with the visit key; of a table whose rows hang under a header, those that count where no header is named; () for a
    lookup."""
    columns: tuple[str, ...]
    """All columns that may leave the database, key columns included."""
    lookup: str | None = None
    """Name of the lookup, as in `Topics.lookup`; None for other roles."""
    wall_clock: frozenset[str] = frozenset()
    """Columns that the mapping reads as times without a zone, to be checked against the catalogue."""
    instants: frozenset[str] = frozenset()
    """Columns that the mapping reads as times with a zone, to be checked against the catalogue."""
    settlement: str | None = None
    """Of a fee table, the column that names the line's settlement, to be checked against the catalogue."""
    trimmed: bool = False
    """Whether its visit key is taken without blanks at the ends of its parts."""
    under: tuple[str, ...] = ()
    """Tables that hold the headers of its rows, to be checked against the catalogue."""
    header: tuple[str, ...] = ()
    """Columns that name a row's header."""
    named_by: tuple[str, ...] = ()
    """Columns by which rows under it name its own rows; () where none hang under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSource:
    """One database to capture: where it is, how to log in, what to take."""

    name: str
    """Name of the source in site.yaml, and Debezium's `topic.prefix`."""
    kind: DatabaseKind
    """Kind of database."""
    host: str
    """Host, as the Connect workers and this machine reach it."""
    port: int
    """Port."""
    database: str
    """Name of the database."""
    user: str
    """Login that captures."""
    password_file: str
    """File with that login's password on this machine, for the preflight."""
    password_reference: str
    """What Connect resolves through a config provider, such as `${directory:/secrets:pg.password}`. A password itself never
    enters a connector's configuration."""
    sslmode: str
    """As PostgreSQL names it: `disable`, `require`, `verify-ca` or `verify-full`."""
    publication: str
    """Publication that carries the tables, made by the database's administrator."""
    slot: str
    """Replication slot of this source."""
    heartbeat_table: str | None
    """`schema.table` with the row that capture touches, so that the log moves on while the captured tables are quiet; None for
    none."""
    tables: tuple[CapturedTable, ...]
    """Tables to capture, each with its columns."""
    ca_file: str | None = None
    """Certificates that `verify-ca` and `verify-full` check against, as a path on this machine."""
    connect_ca_file: str | None = None
    """The same certificates as a path that the Connect workers see."""
