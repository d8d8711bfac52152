"""What PostgreSQL's catalogue says about the tables to capture, as the checks look at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

OLDEST = 140_000
"""The oldest server, by its `server_version_num`, of which more is read than the server itself: the catalogues differ."""

UNDECLARED = "SQL_ASCII"
"""The encoding of a database that takes whatever bytes it is given and converts none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Settings of the server and rights of the role. free_slots: replication slots that may still be made.

    encoding: the database's, as PostgreSQL names it.
    """

    wal_level: str
    version: int
    free_slots: int
    max_slots: int
    slot_keep_size: str
    may_replicate: bool
    in_recovery: bool
    encoding: str = "UTF8"

    @property
    def is_legible(self) -> bool:
        """Whether its catalogue says what it seems to say: the server is new enough, and knows what its bytes mean."""
        return self.version >= OLDEST and self.encoding != UNDECLARED


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """type: the base type's name, domains resolved (`varchar`, `int8`, `timestamptz`). shown: as a person writes it.

    generated: computed by the database from other columns.
    """

    name: str
    type: str
    shown: str
    not_null: bool
    generated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One relation. kind, identity: the letters of `relkind` and `relreplident`. unique: the column sets of its unique indexes.

    primary: the columns of the primary key, none where it is deferrable: the log cannot use that one. partitions: the identity of
    each that holds rows, by name. rows_hidden: a row security policy shows the role only some of the rows.
    """

    name: str
    kind: str
    identity: str
    may_select: bool
    may_update: bool
    columns: Mapping[str, Column]
    unique: tuple[frozenset[str], ...]
    primary: frozenset[str] = frozenset()
    partitions: Mapping[str, str] = field(default_factory=dict)
    rows_hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """How a publication carries one table. columns: its column list, None for all. filtered: it has a row filter."""

    columns: frozenset[str] | None
    filtered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """missing_operations: of insert, update, delete, truncate those it leaves out. via_root: partitions appear as their root."""

    missing_operations: tuple[str, ...]
    via_root: bool
    tables: Mapping[str, Published]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A replication slot that exists already under the configured name."""

    database: str | None
    plugin: str | None
    active: bool
    wal_status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything the checks look at; of a server that is not legible only the server. publication, slot: None where there is none.

    heartbeat_stands: the heartbeat table has the row that is touched.
    """

    server: Server
    tables: Mapping[str, Table]
    publication: Publication | None
    slot: Slot | None
    heartbeat_stands: bool = True
