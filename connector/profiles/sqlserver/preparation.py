"""What the administrator of a SQL Server prepares for a capture, and nothing that it does not need. Pure. Never run on a server.

By Microsoft's documentation of change data capture: sys.sp_cdc_enable_db, sys.sp_cdc_enable_table, sys.sp_cdc_change_job.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

from connector.contract import CapturedTable, CaptureSource
from connector.preparation import MADE, Step
from connector.profiles.sqlserver.looking import looked_at
from connector.profiles.sqlserver.names import literal, quoted, quoted_table, split_table

ROLE: Final = "yibao_cdc_reader"
"""Who may read the change tables."""
_KEPT_MINUTES: Final = 10_080
_NO_SNAPSHOTS: Final = "IF (SELECT snapshot_isolation_state FROM sys.databases WHERE database_id = DB_ID()) = 0"
_MARK: Final = "yibao"
"""Name of the extended property by which the way back knows what the preparation made."""


def preparation(source: CaptureSource) -> tuple[Step, ...]:
    """In their order; all in the captured database, by a member of sysadmin."""
    beat = source.heartbeat_table
    return (
        _database(source),
        _login(source),
        *([] if beat is None else [_heartbeat(beat)]),
        *(_table(table) for table in source.tables),
        _rights(source),
        _jobs(),
        looked_at(source),
    )


def instance_of(table: CapturedTable) -> str:
    """The name of a table's capture instance: another one where its columns are others, so that both can stand while the second one
    takes over. 100 characters at most, as SQL Server allows.
    """
    schema, name = split_table(table.name)
    columns = sha256("\n".join([table.name, *sorted(table.columns)]).encode()).hexdigest()[:8]
    return f"yibao_{schema}_{name}"[:90] + f"_{columns}"


def _database(source: CaptureSource) -> Step:
    name = quoted(source.database)
    return Step(
        title=f"Database {source.database}: change data capture",
        why="SQL Server 2016 SP1 or newer (Standard has it since then), and SQL Server Agent must run: without it nothing is\n"
        "captured, and the log grows. The snapshot is read under snapshot isolation: it blocks no program of the hospital.",
        statements=(
            f"USE {name};",
            "IF (SELECT is_cdc_enabled FROM sys.databases WHERE database_id = DB_ID()) = 0 EXEC sys.sp_cdc_enable_db;",
            f"{_NO_SNAPSHOTS} ALTER DATABASE {name} SET ALLOW_SNAPSHOT_ISOLATION ON;",
        ),
        kept="change data capture and snapshot isolation stay: others may use them by now. Where none does:\n"
        "EXEC sys.sp_cdc_disable_db;",
    )


def _login(source: CaptureSource) -> Step:
    user, name = quoted(source.user), literal(source.user)
    make = (
        f"CREATE USER {user} FOR LOGIN {user}; EXEC sys.sp_addextendedproperty @name = {literal(_MARK)}, @value = {literal(MADE)},"
        f" @level0type = N'USER', @level0name = {name};"
    )
    return Step(
        title=f"User {source.user}",
        why="its login is made by hand, in a session that keeps no history and never in a file:\n"
        f"CREATE LOGIN {user} WITH PASSWORD = N'…', CHECK_POLICY = ON;\n"
        "The extended property is how the way back knows the user from one that was there before.",
        statements=(
            f"IF DATABASE_PRINCIPAL_ID({name}) IS NULL BEGIN {make} END;",
            f"IF DATABASE_PRINCIPAL_ID(N'{ROLE}') IS NULL CREATE ROLE {ROLE};",
            f"ALTER ROLE {ROLE} ADD MEMBER {user};",
        ),
        undo=(
            f"IF IS_ROLEMEMBER(N'{ROLE}', {name}) = 1 ALTER ROLE {ROLE} DROP MEMBER {user};",
            f"{_if_marked(source.user)} DROP USER {user};",
        ),
        kept="the login stays, and a user that was there before. Where nobody else uses them:\n"
        f"DROP USER {user}; DROP LOGIN {user};",
    )


def _object(table: str) -> str:
    return f"OBJECT_ID({literal(quoted_table(table))})"


def _if_marked(user: str) -> str:
    """Begins a statement that is run where the preparation made the user."""
    return (
        f"IF EXISTS (SELECT 1 FROM sys.extended_properties WHERE class = 4 AND name = {literal(_MARK)}"  # noqa: S608 - for a person to read, with quoted names
        f" AND major_id = DATABASE_PRINCIPAL_ID({literal(user)}) AND CAST(value AS nvarchar(100)) = {literal(MADE)})"
    )


def _heartbeat(name: str) -> Step:
    table, (schema, _) = quoted_table(name), split_table(name)
    first = f"INSERT INTO {table} (id, ts) VALUES (1, SYSUTCDATETIME());"  # noqa: S608 - for a person to read, with quoted names
    make = f"CREATE TABLE {table} (id int NOT NULL PRIMARY KEY, ts datetime2(6) NOT NULL);"
    return Step(
        title=f"Heartbeat table {name}",
        why="one row that capture touches, so that the log moves on while the database is quiet.",
        statements=(
            f"IF SCHEMA_ID({literal(schema)}) IS NULL EXEC({literal(f'CREATE SCHEMA {quoted(schema)}')});",
            f"IF {_object(name)} IS NULL {make}",
            f"IF NOT EXISTS (SELECT 1 FROM {table} WHERE id = 1) {first}",  # noqa: S608 - the same
            *_enabled(name, "yibao_heartbeat", ("id", "ts")),
        ),
        undo=tuple(_disabled(name, "yibao_heartbeat")),
        kept=f"the table stays: another source may touch it. Where none does: DROP TABLE {table};",
    )


def _table(table: CapturedTable) -> Step:
    schema, name = split_table(table.name)
    instance = instance_of(table)
    return Step(
        title=f"Table {table.name}: capture instance {instance}",
        why="it holds the mapped columns for good: one that the vendor adds later is not in it, one that he drops, or drops and\n"
        "adds again, stays NULL in it. Where the mapping takes other columns: run prepare again. It makes a second instance\n"
        "beside the first, of another name (two a table, no more); where the same columns were dropped and added again, make one\n"
        "by hand, named otherwise. Capture goes over to it by itself at its first change. Then, and not before, drop the first:\n"
        f"SELECT capture_instance, start_lsn FROM cdc.change_tables WHERE source_object_id = {_object(table.name)};\n"
        f"EXEC sys.sp_cdc_disable_table @source_schema = {literal(schema)}, @source_name = {literal(name)},"
        " @capture_instance = N'<the first>';",
        statements=_enabled(table.name, instance, table.columns),
        undo=tuple(_disabled(table.name, instance)),
        kept="instances that others made stay.",
    )


def _enabled(table: str, instance: str, columns: Sequence[str]) -> tuple[str, ...]:
    schema, name = split_table(table)
    listed = literal(", ".join(quoted(column) for column in columns))
    return (
        (
            f"IF NOT EXISTS {_standing(instance)}"
            f" EXEC sys.sp_cdc_enable_table @source_schema = {literal(schema)}, @source_name = {literal(name)},"
            f" @capture_instance = {literal(instance)}, @captured_column_list = {listed}, @role_name = N'{ROLE}',"
            " @supports_net_changes = 0;"
        ),
    )


def _disabled(table: str, instance: str) -> Iterator[str]:
    schema, name = split_table(table)
    yield (
        f"IF EXISTS {_standing(instance)}"
        f" EXEC sys.sp_cdc_disable_table @source_schema = {literal(schema)}, @source_name = {literal(name)},"
        f" @capture_instance = {literal(instance)};"
    )


def _standing(instance: str) -> str:
    return f"(SELECT 1 FROM cdc.change_tables WHERE capture_instance = {literal(instance)})"  # noqa: S608 - the same


def _rights(source: CaptureSource) -> Step:
    user = quoted(source.user)
    beat = source.heartbeat_table
    touched = [] if beat is None else [f"SELECT, UPDATE ON {quoted_table(beat)}"]
    tables = [*(f"SELECT ON {quoted_table(table.name)}" for table in source.tables), *touched]
    return Step(
        title="Rights",
        why="it reads the mapped tables for the snapshot, and what was captured of them; it changes the heartbeat's row alone.",
        statements=(*(f"GRANT {right} TO {user};" for right in ("SELECT ON SCHEMA::cdc", "EXECUTE ON SCHEMA::cdc", *tables)),),
        kept="they go with the user. Of one that was there before prepare they stay; what it has for capture alone, by hand:\n"
        + "\n".join(f"REVOKE {right} FROM {user};" for right in ("SELECT ON SCHEMA::cdc", "EXECUTE ON SCHEMA::cdc", *tables)),
    )


def _jobs() -> Step:
    return Step(
        title="Jobs of the agent",
        why="so long capture may be down (7 days, in minutes): what the cleanup job removes before it is read is lost; mind the\n"
        "disk. "
        "The capture job reads the log all the time; where it stands, nothing is captured and the log cannot be shortened.",
        statements=(
            f"EXEC sys.sp_cdc_change_job @job_type = N'cleanup', @retention = {_KEPT_MINUTES};",
            "EXEC sys.sp_cdc_stop_job @job_type = N'cleanup';",
            "EXEC sys.sp_cdc_start_job @job_type = N'cleanup';",
        ),
        kept="the jobs stay as they are: they are one for the database. The server's own retention was 4320 (three days).",
    )
