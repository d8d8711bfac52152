"""What PostgreSQL's catalogue says about the tables to capture, as the checks look at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

OLDEST = 140_000
"""The oldest supported server, as `server_version_num`. Of an older one only `Server` is read: its catalogue differs."""

UNDECLARED = "SQL_ASCII"
"""The encoding of a database that takes whatever bytes it is given and converts none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Settings of the server, and rights of the role that captures."""

    wal_level: str
    """As the server says it; capture needs `logical`."""
    version: int
    """As `server_version_num`: 160003 is 16.3."""
    free_slots: int
    """Replication slots that can still be created."""
    max_slots: int
    """Replication slots that the server allows in all."""
    slot_keep_size: str
    """`max_slot_wal_keep_size` in the server's words; `-1` is unlimited."""
    may_replicate: bool
    """Whether the role may replicate."""
    in_recovery: bool
    """Whether the server is a standby."""
    encoding: str = "UTF8"
    """Encoding of the database, as PostgreSQL names it."""

    @property
    def is_legible(self) -> bool:
        """Whether its catalogue says what it seems to say: the server is new enough, and knows what its bytes mean."""
        return self.version >= OLDEST and self.encoding != UNDECLARED


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    name: str
    """Its name."""
    type: str
    """The base type's name, domains resolved (`varchar`, `int8`, `timestamptz`)."""
    shown: str
    """The type as a person writes it."""
    not_null: bool
    """Whether the database refuses NULL in it."""
    generated: bool = False
    """Whether the database computes it from other columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One relation of the database."""

    name: str
    """`schema.table`."""
    kind: str
    """The letter of `relkind`: `r` table, `p` partitioned table, `v` view, `m` materialised view, `f` foreign table."""
    identity: str
    """The letter of `relreplident`: `d` default, `f` full, `i` index, `n` nothing."""
    may_select: bool
    """Whether the role may read it."""
    may_update: bool
    """Whether the role may change it (asked for the heartbeat table)."""
    columns: Mapping[str, Column]
    """Its columns by name."""
    unique: tuple[frozenset[str], ...]
    """The column sets of its unique indexes."""
    primary: frozenset[str] = frozenset()
    """The columns of its primary key; empty where there is none, or a deferrable one, which the log cannot use."""
    partitions: Mapping[str, str] = field(default_factory=dict)
    """The identity of each partition that holds rows, by the partition's name."""
    partitioned_by: frozenset[str] = frozenset()
    """The columns by which it, and its partitions in their turn, are partitioned."""
    is_owned: bool = False
    """Whether it belongs to the role."""
    rows_hidden: bool = False
    """Whether a row security policy shows the role only some of the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """How a publication carries one table."""

    columns: frozenset[str] | None
    """Its column list; None for all columns."""
    filtered: bool
    """Whether it has a row filter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a publication carries."""

    missing_operations: tuple[str, ...]
    """Those of insert, update, delete and truncate that it leaves out."""
    via_root: bool
    """Whether rows of partitions appear under the name of their partitioned table."""
    tables: Mapping[str, Published]
    """Its tables by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A replication slot that already exists under the configured name."""

    database: str | None
    plugin: str | None
    active: bool
    wal_status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything that the checks look at; of a server that is not legible only the server."""

    server: Server
    """The server. Of one that is too old nothing else is read."""
    tables: Mapping[str, Table]
    """Tables, views and the like in the schemas of the captured tables, by name."""
    publication: Publication | None
    """None where it does not exist."""
    slot: Slot | None
    """None where it does not exist."""
    heartbeat_stands: bool = True
    """Whether the heartbeat table has the row that capture touches."""
