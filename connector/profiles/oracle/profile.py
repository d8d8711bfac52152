"""Oracle: its redo log, read by LogMiner. Never run on a real server."""

from collections.abc import Mapping
from typing import ClassVar, Final

from connector.contract import CaptureSource
from connector.errors import Misconfigured
from connector.preparation import Step
from connector.profiles.advice import Advice
from connector.profiles.oracle.names import containers, quoted_table
from connector.profiles.oracle.preparation import preparation
from connector.profiles.unseen import UnseenDatabase

_LOOK: Final = "run the last step of `yibao source prepare {source}` there, and read what it says"


_ENCRYPTED: Final[Mapping[str, str]] = {
    "driver.oracle.net.encryption_client": "REQUIRED",
    "driver.oracle.net.encryption_types_client": "(AES256)",
    "driver.oracle.net.crypto_checksum_client": "REQUIRED",
    "driver.oracle.net.crypto_checksum_types_client": "(SHA256)",
}
"""Oracle's own encryption of the connection, which names no server."""


def _encryption(source: CaptureSource) -> Mapping[str, str]:
    if source.sslmode in ("verify-ca", "verify-full"):
        raise Misconfigured(
            f"source {source.name}: sslmode {source.sslmode} is not built for Oracle, and nothing else would check who answers; set"
            " `sslmode: require` (Oracle's own encryption) and, over a network, `insecure: true`; see docs/databases/oracle.md"
        )
    return _ENCRYPTED if source.sslmode == "require" else {}


class OracleProfile(UnseenDatabase):
    """How Debezium captures Oracle."""

    connector_class: ClassVar[str] = "io.debezium.connector.oracle.OracleConnector"
    plugin_is: ClassVar[str] = "Debezium's archive for Oracle, unpacked in a folder of its own (debezium-connector-oracle)"
    oldest_plugin: ClassVar[tuple[int, int, int]] = (3, 6, 1)
    harm_of_older: ClassVar[str] = "was never looked at, and what it says of a change's place is not known"
    place: ClassVar[tuple[str, ...]] = ("database.hostname", "database.port", "database.dbname", "database.pdb.name")
    authorities: ClassVar[str] = "none: Oracle's own encryption asks for no certificate (docs/databases/oracle.md)"
    keeps_log: ClassVar[bool] = False
    named: ClassVar[str] = "an Oracle"
    page: ClassVar[str] = "docs/databases/oracle.md"
    unchecked: ClassVar[tuple[tuple[str, str], ...]] = (
        ("its version, ARCHIVELOG and supplemental logging", f"19c or newer, all three on: {_LOOK}"),
        ("its character set", f"AL32UTF8 or ZHS16GBK, and no US7ASCII that holds other bytes: {_LOOK}"),
        ("tables, columns, keys and types", f"each has a primary key that is the mapping's, and types that are carried: {_LOOK}"),
        ("the rights of its user", f"it reads the tables and the log, and changes the heartbeat: {_LOOK}"),
        ("numbers that stand in two tables", "ask the vendor, or compare them there: SELECT … INTERSECT SELECT …"),
        (
            "whether it is still what its capture was applied against",
            (
                "after each change of the vendor's: `yibao source prepare {source}` again; after a restore, a switch-over or "
                "RESETLOGS: `yibao connector forget {source}`"
            ),
        ),
    )

    def advice(self, source: CaptureSource) -> Advice:
        """About a log that anybody may read."""
        return Advice(
            place=f"redo log of {source.database}",
            another="leave one of the two out of its site: they read the same, and do not hinder each other",
            shared="both report the same rows",
            tells_reader="",
            kept="the server keeps archived logs by the retention of its backups, whoever has read them",
            drop="",
            senders="processes",
            more_senders="ALTER SYSTEM SET processes = {more} SCOPE = SPFILE;  -- then restart",
            zone="the server's time zone",
            zone_mend="set the operating system's zone to {zone}",
        )

    def options(self, source: CaptureSource) -> Mapping[str, str]:
        """Login, LogMiner, snapshot. Raises Misconfigured for a way of TLS that is not built."""
        database, pluggable = containers(source)
        return {
            "database.hostname": source.host,
            "database.port": str(source.port),
            "database.user": source.user,
            "database.password": source.password_reference,
            "database.dbname": database,
            **({} if pluggable is None else {"database.pdb.name": pluggable}),
            **_encryption(source),
            "include.schema.changes": "false",
            "event.converting.failure.handling.mode": "fail",
            "snapshot.mode": "initial",
            # Reads all tables as of one moment; held is a lock that no program's reading or writing of rows waits for.
            "snapshot.locking.mode": "shared",
            "snapshot.fetch.size": "10000",
            "database.connection.adapter": "logminer",
            # Knows what tables looked like before a change of them; `online_catalog` does not, `redo_log_catalog` ends with 3.7.
            "log.mining.strategy": "hybrid",
            # A transaction is waited for as long as it takes: given up, its rows would be missing.
            "log.mining.transaction.retention.ms": "0",
        }

    def heartbeat_query(self, table: str) -> str:
        """Touch the only row of the heartbeat table (`ID` = 1, `TS`)."""
        return f"UPDATE {quoted_table(table)} SET TS = SYSTIMESTAMP WHERE ID = 1"  # noqa: S608 - the name is quoted, it comes from the site file

    def preparation(self, source: CaptureSource, *, connect_host: str) -> tuple[Step, ...]:
        """Logs, heartbeat, user, tables, rights, and what a person looks at."""
        del connect_host
        return preparation(source)
