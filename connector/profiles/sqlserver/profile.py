"""SQL Server: its change tables, which its own agent fills from the log. Never run on a real server."""

from collections.abc import Mapping
from typing import ClassVar, Final

from connector.contract import CaptureSource
from connector.preparation import Step
from connector.profiles.advice import TRUST_STORE, Advice
from connector.profiles.sqlserver.names import quoted_table
from connector.profiles.sqlserver.preparation import preparation
from connector.profiles.unseen import UnseenDatabase

_LOOK: Final = "run the last step of `yibao source prepare {source}` there, and read what it says"


class SqlServerProfile(UnseenDatabase):
    """How Debezium captures SQL Server."""

    connector_class: ClassVar[str] = "io.debezium.connector.sqlserver.SqlServerConnector"
    plugin_is: ClassVar[str] = "Debezium's archive for SQL Server, unpacked in a folder of its own (debezium-connector-sqlserver)"
    oldest_plugin: ClassVar[tuple[int, int, int]] = (3, 6, 1)
    harm_of_older: ClassVar[str] = "was never looked at, and what it says of a change's place is not known"
    place: ClassVar[tuple[str, ...]] = ("database.hostname", "database.port", "database.names")
    authorities: ClassVar[str] = TRUST_STORE
    keeps_log: ClassVar[bool] = False
    named: ClassVar[str] = "a SQL Server"
    page: ClassVar[str] = "docs/databases/sqlserver.md"
    unchecked: ClassVar[tuple[tuple[str, str], ...]] = (
        ("its version and SQL Server Agent", f"2016 SP1 or newer, and the agent runs: {_LOOK}"),
        ("tables, columns, keys and types", f"each has a primary key that is the mapping's, and types that are carried: {_LOOK}"),
        ("capture instances", f"one a table, with all mapped columns, as the tables are now: {_LOOK}"),
        ("the rights of its user", f"it reads the tables and the schema cdc, and changes the heartbeat: {_LOOK}"),
        ("numbers that stand in two tables", "ask the vendor, or compare them there: SELECT … INTERSECT SELECT …"),
        (
            "whether it is still what its capture was applied against",
            (
                "after each change of the vendor's: `yibao source prepare {source}` again, which makes a second capture instance "
                "where columns changed; after a restore or another server: `yibao connector forget {source}`"
            ),
        ),
    )

    def advice(self, source: CaptureSource) -> Advice:
        """About a log that anybody may read."""
        return Advice(
            place=f"change tables of {source.database}",
            another="leave one of the two out of its site: they read the same, and do not hinder each other",
            shared="both report the same rows",
            tells_reader="",
            kept="the server keeps its change tables for the retention of its cleanup job, whoever has read them",
            drop="",
            senders="user connections",
            more_senders="EXEC sp_configure 'user connections', {more};",
            zone="the server's time zone",
            zone_mend="set the operating system's zone to {zone}",
        )

    def options(self, source: CaptureSource) -> Mapping[str, str]:
        """Login, TLS, snapshot."""
        encrypted = source.sslmode != "disable"
        checked = source.sslmode in ("verify-ca", "verify-full")
        return {
            "database.hostname": source.host,
            "database.port": str(source.port),
            "database.user": source.user,
            "database.password": source.password_reference,
            "database.names": source.database,
            "driver.encrypt": "true" if encrypted else "false",
            "driver.trustServerCertificate": "false" if checked else "true",
            **({"driver.trustStore": source.connect_ca_file} if checked and source.connect_ca_file else {}),
            "include.schema.changes": "false",
            "event.converting.failure.handling.mode": "fail",
            "snapshot.mode": "initial",
            # The default would lock every table against writers until the whole snapshot is read.
            "snapshot.isolation.mode": "snapshot",
            "snapshot.fetch.size": "10000",
            # By the server's own functions, which refuse a place that was cleaned up; read directly, what is gone is passed over.
            "data.query.mode": "function",
        }

    def heartbeat_query(self, table: str) -> str:
        """Touch the only row of the heartbeat table (`id` = 1, `ts`)."""
        return f"UPDATE {quoted_table(table)} SET ts = SYSUTCDATETIME() WHERE id = 1"  # noqa: S608 - the name is quoted, it comes from the site file

    def preparation(self, source: CaptureSource, *, connect_host: str) -> tuple[Step, ...]:
        """Change data capture, user, heartbeat, instances, rights, jobs, and what a person looks at."""
        del connect_host
        return preparation(source)
