"""What a change event says of itself, by kind of database: its table, its transaction, its place in the log, and its mark."""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

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


_LSN: Final = re.compile("[0-9a-fA-F]{8}:[0-9a-fA-F]{8}:[0-9a-fA-F]{4}")
_SCN: Final = re.compile("[0-9]{1,18}")
_RS_ID: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{1,8})\.([0-9a-fA-F]{8})\.([0-9a-fA-F]{4})")
BY_TRANSACTION: Final = 7
"""How many numbers the place of a change has where its first two, of the transaction, rise with every commit, and the others prove
nothing but that two changes are one: within a transaction they need not rise (SQL Server, of which Debezium 3.6.1 itself
warns; Oracle, of which nobody says that they do).
"""

_PAIR: Final = 2
_READ: Final = Op.READ
_UUID_ENDS: Final = ":"
"""In a GTID of MySQL, behind the UUID of the server that numbered the transaction; of MariaDB no GTID has one."""
_DELETE: Final = Op.DELETE


class DatabaseKind(StrEnum):
    """Kinds of source database. Each has its own rule for comparing positions."""

    POSTGRESQL = "postgresql"
    MARIADB = "mariadb"
    MYSQL = "mysql"
    SQLSERVER = "sqlserver"
    ORACLE = "oracle"

    @property
    def keeps_history(self) -> bool:
        """Whether its log names no columns, so that a connector keeps what its tables looked like, in a topic of its own."""
        return self is not DatabaseKind.POSTGRESQL


Position: TypeAlias = tuple[int, ...]
"""Where in its database's log a change stands. For people: neither the order of the log nor that of another server is the order in
which transactions were committed.
"""


class Mark(NamedTuple):
    """By what a change is recognised when capture sends it again (`streams.domain.again`).

    It says nothing of which content is newer: that is told by the order in the topic alone.
    """

    place: Position
    """In the log of its database: the position, and 0 for a delete, 1 for everything else, because a key that is changed arrives
    as a delete and a create at one position. Of one row on one server it rises with every change.
    """
    ts_us: int
    """Microseconds of its commit, by the server's clock. MariaDB: of its statement, in whole seconds; a row that was changed later
    was locked until then, so of one row it does not fall either. MySQL: of its commit, as the server wrote that down.
    """
    server: str = ""
    """Which life of the database its place belongs to; `""` where nobody said. MySQL: also which server numbered its transaction,
    for the numbers of two of them say nothing of each other.
    """


def position(kind: DatabaseKind, source: Mapping[str, object]) -> Position | None:
    """The position of a change, from the envelope's `source` block; None where the change carries none.

    PostgreSQL: the LSN of the change itself; of a row that a snapshot read, that of the snapshot. MariaDB: the number in its GTID,
    which rises with every transaction of a server and goes on where a replica is promoted; then the number of the log's file, the
    byte in it and the row in the event. A row that the first snapshot read carries none. MySQL: the same; a GTID is the server's
    UUID, perhaps a tag, and the number.

    SQL Server: LSN of the transaction's commit, LSN of the change, number of the event at it. Oracle: SCN of the transaction's
    commit, SCN of the change, its record in the redo log. So many numbers, with what `mark` adds, as no other kind has: see
    `BY_TRANSACTION`.
    """
    match kind:
        case DatabaseKind.POSTGRESQL:
            lsn = source.get("lsn")
            return (lsn,) if type(lsn) is int else None
        case DatabaseKind.MARIADB:
            return _in_binlog(source, "-")
        case DatabaseKind.MYSQL:
            return _in_binlog(source, _UUID_ENDS)
        case DatabaseKind.SQLSERVER:
            return _in_change_table(source)
        case DatabaseKind.ORACLE:
            return _in_redo(source)


def _in_binlog(source: Mapping[str, object], before_number: str) -> Position | None:
    gtid, file, at, row = (source.get(name) for name in ("gtid", "file", "pos", "row"))
    if not (isinstance(gtid, str) and isinstance(file, str) and type(at) is int and type(row) is int):
        return None
    number, of_file = gtid.rpartition(before_number)[2], file.rpartition(".")[2]
    return (int(number), int(of_file), at, row) if number.isdecimal() and of_file.isdecimal() else None


def _in_change_table(source: Mapping[str, object]) -> Position | None:
    """As Debezium documents it: `00000027:00000ac0:0007`, and `2` as a number or as a text. A row that a snapshot read has no LSN
    of a change.
    """
    commit, change, number = _lsn(source.get("commit_lsn")), _lsn(source.get("change_lsn")), source.get("event_serial_no")
    if commit is None or change is None or not (type(number) is int or (type(number) is str and _SCN.fullmatch(number))):
        return None
    return *commit, *change, int(number), 0


def _lsn(value: object) -> tuple[int, int] | None:
    """Ten bytes, in hexadecimal digits, as two numbers: more than eight are in no number that is kept."""
    if type(value) is not str or not _LSN.fullmatch(value):
        return None
    first, rest = value.split(":", 1)
    return int(first, 16), int(rest.replace(":", ""), 16)


def _in_redo(source: Mapping[str, object]) -> Position | None:
    """As Debezium documents it: SCNs as texts of digits, `rs_id` as `001234.00012345.0124`, `ssn` as a number. A row that a
    snapshot read has no `commit_scn`.
    """
    commit, scn, record, number = (source.get(name) for name in ("commit_scn", "scn", "rs_id", "ssn"))
    if not (type(commit) is str and _SCN.fullmatch(commit) and type(scn) is str and _SCN.fullmatch(scn) and type(number) is int):
        return None
    if type(record) is not str or not (found := _RS_ID.fullmatch(record.strip())):
        return None
    thread, block, at = found.groups()
    return 0, int(commit), int(scn), int(thread, 16), int(block + at, 16), number


def mark(op: Op, source: Mapping[str, object], where: Position | None) -> Mark | None:
    """The mark of a change that comes from the log. None of a row that was read, by whatever snapshot: what is read is never a
    repetition.

    where: the `position` of the change.
    """
    if where is None or op is _READ or source.get("snapshot") not in _STREAMED:
        return None
    ts_us = source.get("ts_us")
    if type(ts_us) is not int:
        ts_us = whole(source["ts_ms"]) * 1000
    return Mark((*where, 0 if op is _DELETE else 1), ts_us, _numbered_by(source))


def _numbered_by(source: Mapping[str, object]) -> str:
    """Of a MySQL, a short name for who numbered the change's transaction: a server, and perhaps a tag."""
    gtid = source.get("gtid")
    if type(gtid) is not str or _UUID_ENDS not in gtid:
        return ""
    return _short(gtid.rpartition(_UUID_ENDS)[0])


@lru_cache(maxsize=64)
def _short(numbered_by: str) -> str:
    """Twelve characters: it stands in the state of every row."""
    return sha256(numbered_by.encode()).hexdigest()[:12]


def whole(value: object) -> int:
    """A number as JSON has it. Raises TypeError and ValueError as `int` does: no type is taken for granted of what was read."""
    return int(value)  # type: ignore[call-overload, no-any-return]


def table_of(source: Mapping[str, object]) -> str:
    """`schema.table` of a change, from the envelope's `source` block. A MariaDB's or MySQL's database is one."""
    return f"{source.get('schema') or source.get('db')}.{source.get('table')}"


def transaction_of(source: Mapping[str, object]) -> str:
    """Its transaction, as the database names it; `""` where capture does not say.

    MariaDB, MySQL: the GTID; SQL Server: the LSN of its commit. A row that was read carries that of the log's change before it,
    and belongs to none.
    """
    if named := source.get("txId"):
        return f"{named}"
    named = source.get("gtid") or source.get("commit_lsn")
    return f"{named}" if named and source.get("snapshot") in _STREAMED else ""


def place_in_log(source: Mapping[str, object]) -> object:
    """What two changes have in common that stand at one place of the log, as the delete and the create of a changed key do; None
    where it is not said.
    """
    if (lsn := source.get("lsn")) is not None:
        return lsn
    if (gtid := source.get("gtid")) is None:
        return _pair_in_change_table(source) or _record_of_redo(source)
    return f"{gtid} {source.get('file')} {source.get('pos')} {source.get('row')}"


def _pair_in_change_table(source: Mapping[str, object]) -> object:
    """SQL Server: a changed key is the first and the second event at one LSN. Of more that stand there, nothing says which belong
    together.
    """
    where = _in_change_table(source)
    if where is None:
        return None
    *lsns, number, _ = where
    return f"{lsns} {'pair' if number <= _PAIR else number}"


def _record_of_redo(source: Mapping[str, object]) -> object:
    """Oracle: one record of the log changes one row, and its key with it."""
    where = _in_redo(source)
    return None if where is None else " ".join(map(str, where))
