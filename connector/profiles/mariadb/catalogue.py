"""What MariaDB or MySQL says about the tables to capture, as the checks look at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.contract import DatabaseKind

NEEDED = ("RELOAD", "REPLICATION SLAVE", "BINLOG MONITOR")
"""What the account needs on the whole server: a lock of a moment before the first snapshot, the log, and where the log ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Settings of the server, and what the account may do on all of it."""

    version: str
    """As the server says it."""
    settings: Mapping[str, str]
    """By name in lower case; what the server does not know is left out."""
    rights: frozenset[str]
    """In the server's words."""

    @property
    def kind(self) -> DatabaseKind:
        """Which of the two it is: they speak the same protocol, and have other logs."""
        return DatabaseKind.MARIADB if "mariadb" in self.version.lower() else DatabaseKind.MYSQL

    @property
    def release(self) -> tuple[int, int]:
        """The first two numbers of its version."""
        numbers = [part for part in self.version.replace("-", ".").split(".") if part.isdecimal()]
        return int(numbers[0]), int(numbers[1])

    @property
    def domains(self) -> int:
        """How many domains its log numbers transactions in; 0 while nothing was written."""
        named = self.settings.get("gtid_binlog_pos", "")
        return len({one.partition("-")[0] for one in named.split(",") if one.strip()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    name: str
    """Its name."""
    type: str
    """The type's name (`varchar`, `bigint`, `datetime`)."""
    shown: str
    """The type as a person writes it (`bigint(20) unsigned`)."""
    not_null: bool
    """Whether the database refuses NULL in it."""
    virtual: bool = False
    """Whether it is computed when it is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table or view."""

    name: str
    """`database.table`."""
    is_table: bool
    """Whether it is no view."""
    engine: str
    """Where its rows are kept (`InnoDB`)."""
    columns: Mapping[str, Column]
    """Its columns by name."""
    unique: tuple[frozenset[str], ...] = ()
    """The column sets of its unique indexes."""
    may_select: bool = True
    """Whether the account may read the mapped columns."""
    cascades: tuple[str, ...] = ()
    """Its foreign keys by which another table's change changes its rows, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything that the checks look at."""

    server: Server
    """The server. Of one of another kind nothing else is read."""
    tables: Mapping[str, Table] = field(default_factory=dict)
    """Tables and views of the captured databases that the account sees, by name."""
    heartbeat_stands: bool = True
    """Whether the heartbeat table has the row that capture touches, and capture may touch it."""
