"""Read from MariaDB or MySQL what the checks look at. Some hundred rows, no lock on a hospital's table."""

import re
from collections.abc import Sequence
from typing import Final

import pymysql

from connector.contract import CapturedTable, CaptureSource
from connector.profiles.mariadb.catalogue import Catalogue, Column, Server, Table
from connector.profiles.mariadb.login import Session, logged_in
from connector.profiles.mariadb.names import quoted_list, quoted_table, split_table

_SETTINGS: Final = (
    "log_bin",
    "binlog_format",
    "binlog_row_image",
    "log_bin_compress",
    "gtid_strict_mode",
    "gtid_binlog_pos",
    "gtid_mode",
    "gtid_executed",
    "binlog_row_value_options",
    "binlog_transaction_compression",
    "binlog_expire_logs_seconds",
    "sql_mode",
    "read_only",
)

_RIGHTS: Final = """
SELECT privilege_type FROM information_schema.user_privileges
WHERE grantee = concat('''', replace(current_user(), '@', '''@'''), '''')
"""
_TABLES: Final = "SELECT concat(table_schema, '.', table_name), table_type, coalesce(engine, '') FROM information_schema.tables"
_COLUMNS: Final = """
SELECT concat(table_schema, '.', table_name), column_name, lower(data_type), column_type, is_nullable = 'NO',
       extra LIKE '%%VIRTUAL%%'
FROM information_schema.columns
"""
_UNIQUE: Final = """
SELECT concat(table_schema, '.', table_name), index_name, column_name FROM information_schema.statistics
"""
_CASCADES: Final = re.compile(r"CONSTRAINT `((?:[^`]|``)+)` FOREIGN KEY [^\n]* ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL)")
"""In what a table is made by. The information schema shows foreign keys to nobody who may but read."""
_TABLE: Final = "BASE TABLE"
_NO_RIGHT: Final = frozenset({1142, 1143, 1044})


def read_catalogue(source: CaptureSource, *, password: str) -> Catalogue:
    """Read what the checks look at, as the capturing account. Raises Unreachable, Misconfigured, Refused."""
    names = [table.name for table in source.tables] + ([source.heartbeat_table] if source.heartbeat_table else [])
    databases = sorted({split_table(name)[0] for name in names})
    with logged_in(source, password=password) as session:
        server = _server(session)
        if server.kind is not source.kind:
            return Catalogue(server=server)
        tables = _tables(session, databases, source.tables)
        return Catalogue(server=server, tables=tables, heartbeat_stands=_heartbeat_stands(session, source.heartbeat_table))


def _server(session: Session) -> Server:
    ((version,),) = session.rows("SELECT version()")
    return Server(
        version=f"{version}",
        settings=session.settings(*_SETTINGS),
        rights=frozenset(f"{right}" for (right,) in session.rows(_RIGHTS)),
    )


def _tables(session: Session, databases: Sequence[str], wanted: Sequence[CapturedTable]) -> dict[str, Table]:
    marks = ", ".join(["%s"] * len(databases))
    columns: dict[str, dict[str, Column]] = {}
    for table, name, kind, shown, not_null, virtual in session.rows(f"{_COLUMNS} WHERE table_schema IN ({marks})", databases):
        columns.setdefault(table, {})[name] = Column(
            name=name, type=kind, shown=shown, not_null=bool(not_null), virtual=bool(virtual)
        )
    unique: dict[tuple[str, str], set[str]] = {}
    for table, index, column in session.rows(f"{_UNIQUE} WHERE non_unique = 0 AND table_schema IN ({marks})", databases):
        unique.setdefault((table, index), set()).add(column)
    by_name = {one.name: one for one in wanted}
    return {
        name: Table(
            name=name,
            is_table=kind == _TABLE,
            engine=engine,
            columns=(known := columns.get(name, {})),
            unique=tuple(frozenset(one) for (table, _), one in unique.items() if table == name),
            may_select=name not in by_name or _may_select(session, by_name[name], known),
            cascades=_cascades(session, name) if name in by_name and kind == _TABLE else (),
        )
        for name, kind, engine in session.rows(f"{_TABLES} WHERE table_schema IN ({marks})", databases)
    }


def _may_select(session: Session, wanted: CapturedTable, known: dict[str, Column]) -> bool:
    columns = tuple(name for name in wanted.columns if name in known)
    try:
        session.rows(f"SELECT {quoted_list(columns) or '1'} FROM {quoted_table(wanted.name)} LIMIT 0")  # noqa: S608 - quoted names
    except pymysql.Error as exc:
        if exc.args and exc.args[0] in _NO_RIGHT:
            return False
        raise
    return True


def _cascades(session: Session, table: str) -> tuple[str, ...]:
    """Foreign keys by which another table's change changes rows of this one; none where the account may not read all of it."""
    try:
        ((_, made_by, *_),) = session.rows(f"SHOW CREATE TABLE {quoted_table(table)}")
    except pymysql.Error as exc:
        if exc.args and exc.args[0] in _NO_RIGHT:
            return ()
        raise
    return tuple(sorted(name.replace("``", "`") for name in _CASCADES.findall(f"{made_by}")))


def _heartbeat_stands(session: Session, table: str | None) -> bool:
    """Whether the statement of the heartbeat finds its row and may change it. It changes nothing: the server plans it only."""
    if table is None:
        return False
    name = quoted_table(table)
    try:
        session.rows("SET SESSION TRANSACTION READ WRITE")
        session.rows(f"EXPLAIN UPDATE {name} SET ts = now(6) WHERE id = 1")  # noqa: S608 - a quoted name
        return bool(session.rows(f"SELECT 1 FROM {name} WHERE id = 1"))  # noqa: S608 - a quoted name
    except pymysql.Error:
        return False
    finally:
        session.rows("SET SESSION TRANSACTION READ ONLY")
