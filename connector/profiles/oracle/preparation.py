"""What the administrator of an Oracle prepares for a capture, and nothing that it does not need. Pure. Never run on a server.

By Debezium's documentation of its connector for Oracle ("Setting up Oracle"), with rights table by table in place of those on all.
"""

from typing import Final

from connector.contract import CapturedTable, CaptureSource
from connector.preparation import Step
from connector.profiles.oracle.looking import looked_at
from connector.profiles.oracle.names import containers, literal, quoted, quoted_table, split_table

_GROUP: Final = "YIBAO_ALL"
_SYSTEM: Final = (
    "CREATE SESSION",
    "SELECT ANY TRANSACTION",
    "LOGMINING",
    "CREATE TABLE",
)
_PACKAGES: Final = ("DBMS_LOGMNR", "DBMS_LOGMNR_D")
_VIEWS: Final = (
    "V_$DATABASE",
    "V_$LOG",
    "V_$LOG_HISTORY",
    "V_$LOGMNR_LOGS",
    "V_$LOGMNR_CONTENTS",
    "V_$LOGMNR_PARAMETERS",
    "V_$LOGFILE",
    "V_$ARCHIVED_LOG",
    "V_$ARCHIVE_DEST_STATUS",
    "V_$TRANSACTION",
    "V_$MYSTAT",
    "V_$STATNAME",
)


def preparation(source: CaptureSource) -> tuple[Step, ...]:
    """In their order, as SYSDBA."""
    beat = source.heartbeat_table
    return (
        _logging(source),
        *([] if beat is None else [_heartbeat(source, beat)]),
        _user(source),
        *(_table(table) for table in source.tables),
        _rights(source),
        looked_at(source),
    )


def _everywhere(source: CaptureSource) -> str:
    """What a grant to a common user ends with."""
    return "" if containers(source)[1] is None else " CONTAINER=ALL"


def _inside(source: CaptureSource) -> tuple[str, ...]:
    """Goes into the container of the tables, where there is one."""
    pluggable = containers(source)[1]
    return () if pluggable is None else (f"ALTER SESSION SET CONTAINER = {quoted(pluggable)};",)


def _outside(source: CaptureSource) -> tuple[str, ...]:
    return () if containers(source)[1] is None else ("ALTER SESSION SET CONTAINER = CDB$ROOT;",)


def _logging(source: CaptureSource) -> Step:
    return Step(
        title="Archived logs and supplemental logging",
        why="ARCHIVELOG needs a restart, once, by hand:\n"
        "SHUTDOWN IMMEDIATE; STARTUP MOUNT; ALTER DATABASE ARCHIVELOG; ALTER DATABASE OPEN;\n"
        "Archived logs must stay for as long as an outage of capture may last, and as the longest transaction: have RMAN keep\n"
        "seven days of them, and mind the disk (db_recovery_file_dest_size):\n"
        "RMAN> CONFIGURE RETENTION POLICY TO RECOVERY WINDOW OF 7 DAYS;",
        statements=(*_outside(source), "ALTER DATABASE ADD SUPPLEMENTAL LOG DATA;"),
        kept="archived logs and minimal supplemental logging stay: backups and others rely on them by now.",
    )


def _heartbeat(source: CaptureSource, name: str) -> Step:
    table, (schema, _) = quoted_table(name), split_table(name)
    first = f"INSERT INTO {table} (ID, TS) SELECT 1, SYSTIMESTAMP FROM DUAL WHERE NOT EXISTS"  # noqa: S608 - for a person to read
    return Step(
        title=f"Heartbeat table {name}",
        why="one row that capture touches, so that its place in the log moves on while the captured tables are quiet: else it\n"
        f"needs archived logs that are gone. The schema {schema} and this table are made by hand where they are not there:\n"
        f"CREATE USER {quoted(schema)} NO AUTHENTICATION; ALTER USER {quoted(schema)} QUOTA 1M ON USERS;\n"
        f"CREATE TABLE {table} (ID NUMBER(9) PRIMARY KEY, TS TIMESTAMP(6) NOT NULL);",
        statements=(*_inside(source), f"{first} (SELECT 1 FROM {table} WHERE ID = 1);", "COMMIT;"),  # noqa: S608 - the same
        kept=f"the table stays: another source may touch it. Where none does: DROP TABLE {table};",
    )


def _user(source: CaptureSource) -> Step:
    user = quoted(source.user)
    common = " A common user's name begins with C##." if containers(source)[1] else ""
    return Step(
        title=f"User {source.user}",
        why="made by hand, in a session that keeps no history and never in a file; it needs room for one small table,\n"
        f"LOG_MINING_FLUSH (in each container).{common} \n"
        f'CREATE USER {user} IDENTIFIED BY "…" DEFAULT TABLESPACE USERS QUOTA 10M ON USERS{_everywhere(source)};',
        statements=(
            *_outside(source),
            *(f"GRANT {right} TO {user}{_everywhere(source)};" for right in _of_user(source)),
        ),
        kept="the user stays: Oracle has no comments on users that tell one that was there before from one made for this.\n"
        f"Where nobody else uses it: DROP USER {user} CASCADE;",
    )


def _of_user(source: CaptureSource) -> tuple[str, ...]:
    return (
        *_SYSTEM,
        *(["SET CONTAINER"] if containers(source)[1] else []),
        *(f"EXECUTE ON {package}" for package in _PACKAGES),
        *(f"SELECT ON {view}" for view in _VIEWS),
    )


def _table(table: CapturedTable) -> Step:
    name = quoted_table(table.name)
    schema, own = split_table(table.name)
    stands = (
        f"SELECT COUNT(*) INTO n FROM ALL_LOG_GROUPS WHERE OWNER = {literal(schema)} AND TABLE_NAME = {literal(own)}"  # noqa: S608 - the same
        " AND LOG_GROUP_TYPE = 'ALL COLUMN LOGGING'"
    )
    add = literal(f"ALTER TABLE {name} ADD SUPPLEMENTAL LOG DATA (ALL) COLUMNS")
    return Step(
        title=f"Table {table.name}: all columns in the log",
        why="without it the log names changed columns alone: a line that changes would arrive without its visit.",
        statements=(f"DECLARE n NUMBER; BEGIN {stands}; IF n = 0 THEN EXECUTE IMMEDIATE {add}; END IF; END;\n/",),
        kept="it stays: others may rely on it by now. Where nobody does: "
        f"ALTER TABLE {name} DROP SUPPLEMENTAL LOG DATA (ALL) COLUMNS;",
    )


def _rights(source: CaptureSource) -> Step:
    user, beat = quoted(source.user), source.heartbeat_table
    rights = [
        *(f"{right} ON {quoted_table(table.name)}" for table in source.tables for right in ("SELECT", "FLASHBACK")),
        *([] if beat is None else [f"SELECT ON {quoted_table(beat)}", f"UPDATE ON {quoted_table(beat)}"]),
    ]
    return Step(
        title="Rights",
        why="it reads the mapped tables as they were at one moment (FLASHBACK), and changes the heartbeat's row alone.",
        statements=tuple(f"GRANT {right} TO {user};" for right in rights),
        kept="they go with the user. Of one that was there before they stay; what it has for capture alone, by hand:\n"
        + "\n".join(f"REVOKE {right} FROM {user};" for right in rights),
    )
