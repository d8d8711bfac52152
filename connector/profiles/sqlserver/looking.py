"""What a person asks a SQL Server, since this product does not: statements that change nothing. Never run on a server."""

from typing import Final

from connector.contract import CaptureSource
from connector.preparation import Step
from connector.profiles.sqlserver.names import literal, quoted

_OF_TABLES: Final = "SCHEMA_NAME(t.schema_id) + N'.' + t.name IN ({tables})"
_QUERIES: Final = (
    "SELECT SERVERPROPERTY('ProductVersion') AS version, SERVERPROPERTY('Edition') AS edition, SYSDATETIMEOFFSET() AS clock;",
    "SELECT servicename, status_desc FROM sys.dm_server_services WHERE servicename LIKE N'SQL Server Agent%';",
    "EXEC sys.sp_cdc_help_jobs;",
    """SELECT OBJECT_SCHEMA_NAME(source_object_id) AS s, OBJECT_NAME(source_object_id) AS t, capture_instance, start_lsn,
  has_drop_pending FROM cdc.change_tables ORDER BY 1, 2, 4;""",
    """SELECT t.name, i.name AS primary_key FROM sys.tables t
  LEFT JOIN sys.indexes i ON i.object_id = t.object_id AND i.is_primary_key = 1 WHERE {of_tables};""",
    """SELECT t.name, c.name AS column_name, y.name AS type, c.max_length, c.precision, c.scale, c.collation_name,
  y.is_user_defined, c.is_computed, c.is_nullable FROM sys.tables t JOIN sys.columns c ON c.object_id = t.object_id
  JOIN sys.types y ON y.user_type_id = c.user_type_id WHERE {of_tables} ORDER BY 1, c.column_id;""",
    """SELECT t.name, COUNT(*) AS partitions FROM sys.partitions p JOIN sys.tables t ON t.object_id = p.object_id
  WHERE p.index_id IN (0, 1) AND {of_tables} GROUP BY t.name HAVING COUNT(*) > 1;""",
    "SELECT TOP (20) entry_time, error_number, error_message FROM sys.dm_cdc_errors ORDER BY entry_time DESC;",
)


def looked_at(source: CaptureSource) -> Step:
    """The last step of the preparation."""
    of_tables = _OF_TABLES.replace("{tables}", ", ".join(literal(table.name) for table in source.tables))
    return Step(
        title="To look at, now and after each change of the vendor's",
        why="nobody but a person does. In this order:\n"
        "the version is 13.0.4001 (2016 SP1) or higher; the agent runs; the jobs capture and cleanup are there;\n"
        "each table has one instance, or two while it is switched; each has a primary key, which is the mapping's key;\n"
        "the columns are of types that are carried (docs/databases/sqlserver.md); of a partitioned table, no partitions are\n"
        "switched into it or out of it: that is not captured; the last scans of the log had no errors.",
        statements=tuple(query.replace("{of_tables}", of_tables) for query in _QUERIES),
        undo=(f"USE {quoted(source.database)};",),
    )
