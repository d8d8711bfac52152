"""What capture promises to whoever reads its topics. The only module of `connector` that `streams` may import.

Every row of a visit, settlement, fee or header table of a source arrives in one topic with one partition (`Topics.rows`), in the
order of the database's log; rows of lookup tables arrive in compacted topics of their own. Values are Debezium's JSON envelope
without a schema (`before`, `after`, `source`, `op`), with decimals as text and times in ISO form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from connector.contract.envelopes import BY_TRANSACTION as BY_TRANSACTION
from connector.contract.envelopes import UNAVAILABLE as UNAVAILABLE
from connector.contract.envelopes import DatabaseKind as DatabaseKind
from connector.contract.envelopes import Mark as Mark
from connector.contract.envelopes import Op as Op
from connector.contract.envelopes import Position as Position
from connector.contract.envelopes import mark as mark
from connector.contract.envelopes import place_in_log as place_in_log
from connector.contract.envelopes import position as position
from connector.contract.envelopes import table_of as table_of
from connector.contract.envelopes import transaction_of as transaction_of
from connector.contract.envelopes import whole as whole
from connector.contract.topics import Topics as Topics


class TableRole(StrEnum):
    """What the rows of a table describe."""

    VISIT = "visit"
    SETTLEMENT = "settlement"
    FEE = "fee"
    HEADER = "header"
    LINK = "link"
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


@dataclass(frozen=True, slots=True)
class Reading:
    """One way in which the mapping reads a column."""

    column: str
    """The column."""
    field: str
    """The interface field that it is read for."""
    kind: Literal["text", "decimal", "date", "datetime"]
    """What its value is read as."""
    form: Literal["unix", "format", "compact", "fen"] | None = None
    """How the value stands in the column, where not as databases write it: seconds or milliseconds since 1970, by a pattern,
    perhaps as `20240101`, as hundredths."""
    exact: bool = False
    """Whether every digit of a decimal is reported; otherwise it is rounded."""


@dataclass(frozen=True, slots=True)
class AskedLookup:
    """A column by which rows of a lookup table are asked for."""

    column: str
    """The column."""
    table: str
    """The lookup table."""
    named_by: str
    """Its column that holds the same."""


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
    readings: tuple[Reading, ...] = ()
    """What the mapping makes of columns, to be checked likewise."""
    lookups: tuple[AskedLookup, ...] = ()
    """Columns by which lookups are asked, to be checked likewise."""
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
    further: tuple[TableRole, ...] = ()
    """What its rows are at once, beside `role`."""


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
    server_id: int | None = None
    """MariaDB, MySQL: the number under which the log is read; None for one that is made of the source's name."""
    connect_ca_file: str | None = None
    """The same certificates as a path that the Connect workers see."""
    sharded: tuple[str, ...] = ()
    """Of tables that are begun anew each year or month, their names with `*` in the place of that (`his.charge_*`)."""
