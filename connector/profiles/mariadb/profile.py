"""MariaDB: the binary log, read as a replica reads it, numbered by GTID."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final

from connector.contract import CapturedTable, CaptureSource
from connector.facts import Facts
from connector.findings import Finding
from connector.numbers import Known, Numbers
from connector.preparation import Step
from connector.profiles.advice import TRUST_STORE, Advice
from connector.profiles.mariadb.checks import check
from connector.profiles.mariadb.counting import condition_of_keys, count_rows, read_keys
from connector.profiles.mariadb.facts import read_facts
from connector.profiles.mariadb.groups import count_dangling, count_groups, count_otherwise
from connector.profiles.mariadb.names import quoted_table, split_table
from connector.profiles.mariadb.preparation import preparation
from connector.profiles.mariadb.reading import read_catalogue
from connector.profiles.mariadb.room import read_room
from connector.profiles.mariadb.rows import read_rows
from connector.profiles.mariadb.shared_numbers import highest_numbers, numbers_among, numbers_in_both
from connector.questions import Counted, Groups, Links, Products, Sums
from connector.room import Room

_SSL: Final = {"disable": "disable", "require": "trust", "verify-ca": "verify-ca", "verify-full": "verify-full"}
"""By what a site calls it: what the connector does."""
_LOWEST_ID: Final = 1_000_000
_IDS: Final = 1_000_000_000


class MariadbProfile:
    """How Debezium captures MariaDB, and what must be true of the database for it."""

    connector_class: ClassVar[str] = "io.debezium.connector.mariadb.MariaDbConnector"
    plugin_is: ClassVar[str] = "Debezium's archive for MariaDB, unpacked in a folder of its own (debezium-connector-mariadb)"
    oldest_plugin: ClassVar[tuple[int, int, int]] = (3, 5, 0)
    harm_of_older: ClassVar[str] = "was never run, and what it does at a restart in mid-transaction is not known"
    place: ClassVar[tuple[str, ...]] = ("database.server.id", "database.hostname", "database.port")
    authorities: ClassVar[str] = TRUST_STORE
    looks: ClassVar[bool] = True
    keeps_log: ClassVar[bool] = False

    def advice(self, source: CaptureSource) -> Advice:
        """About the number under which the log is read: of two readers with one number, the server ends the first."""
        return Advice(
            place=f"server id {server_id(source)}",
            another=f"give this source a number of its own (sources.{source.name}.server_id in site.yaml)",
            shared="the server lets only the last one in that asks, so that both stand by turns",
            tells_reader="",
            kept="the server keeps its log for binlog_expire_logs_seconds, whoever has read it",
            drop="",
            senders="max_connections",
            more_senders="SET GLOBAL max_connections = {more};  -- and in my.cnf",
            zone="time_zone",
            zone_mend="SET GLOBAL time_zone = '+08:00';  -- the offset of {zone}, and in my.cnf; sessions that stand keep theirs",
        )

    def options(self, source: CaptureSource) -> Mapping[str, str]:
        """Log reader, position and snapshot. The account needs SELECT and `catalogue.NEEDED`, nothing else."""
        return {
            "database.hostname": source.host,
            "database.port": str(source.port),
            "database.user": source.user,
            "database.password": source.password_reference,
            "database.server.id": str(server_id(source)),
            "database.ssl.mode": _SSL[source.sslmode],
            **({"database.ssl.truststore": source.connect_ca_file} if source.connect_ca_file else {}),
            "database.include.list": ",".join(sorted({split_table(table.name)[0] for table in source.tables})),
            "include.schema.changes": "false",
            # As a number: exact up to 9223372036854775807. `precise` would be bytes.
            "bigint.unsigned.handling.mode": "long",
            "event.converting.failure.handling.mode": "fail",
            "inconsistent.schema.handling.mode": "fail",
            "snapshot.mode": "initial",
            # All writes of the server are held while the structures are read, some moments; without it, log and snapshot have no
            # common place.
            "snapshot.locking.mode": "minimal",
            "snapshot.fetch.size": "10000",
            # Snapshots on demand then need no table of ours in the hospital's database.
            "read.only": "true",
        }

    def heartbeat_query(self, table: str) -> str:
        """Touch the only row of the heartbeat table (`id` = 1, `ts`)."""
        return f"UPDATE {quoted_table(table)} SET ts = now(6) WHERE id = 1"  # noqa: S608 - the name is quoted, it comes from the site file

    def preparation(self, source: CaptureSource, *, connect_host: str) -> tuple[Step, ...]:
        """Settings, heartbeat, account, rights."""
        return preparation(source, connect_host=connect_host)

    def preflight(self, source: CaptureSource, *, password: str) -> tuple[Finding, ...]:
        """Read the catalogue once, then judge it; see `checks`."""
        return check(source, read_catalogue(source, password=password))

    def numbers_in_both(self, first: Numbers, second: Numbers, *, password: str) -> int | None:
        """Compare two columns in the database."""
        return numbers_in_both(first, second, password=password)

    def highest_numbers(self, numbers: Numbers, *, password: str) -> Known | None:
        """Read them by the column's own order."""
        return highest_numbers(numbers, password=password)

    def numbers_among(self, numbers: Numbers, wanted: Sequence[str], *, password: str) -> Known | None:
        """Look for them as text without blanks at its ends."""
        return numbers_among(numbers, wanted, password=password)

    def condition_of_keys(self, table: CapturedTable, keys: Sequence[str | tuple[str, ...]]) -> str:
        """Compared as the columns' own type, so that the key's index serves."""
        return condition_of_keys(table, keys)

    def count_rows(self, source: CaptureSource, table: CapturedTable, *, where: str | None, password: str) -> int:
        """As the capturing account sees them."""
        return count_rows(source, table, where=where, password=password)

    def read_keys(
        self, source: CaptureSource, table: CapturedTable, *, where: str | None, password: str
    ) -> Iterator[tuple[str, ...]]:
        """As the server writes them."""
        return read_keys(source, table, where=where, password=password)

    def read_rows(
        self, source: CaptureSource, table: CapturedTable, *, where: Mapping[str, str], most: int, password: str
    ) -> list[dict[str, str | None]]:
        """By the columns' own type, so that an index serves."""
        return read_rows(source, table, where=where, most=most, password=password)

    def count_groups(self, source: CaptureSource, asked: Groups, *, longest_s: int, password: str) -> Counted | None:
        """In one statement."""
        return count_groups(source, asked, longest_s=longest_s, password=password)

    def count_dangling(self, source: CaptureSource, asked: Links, *, longest_s: int, password: str) -> int | None:
        """In one statement, compared as the server compares them."""
        return count_dangling(source, asked, longest_s=longest_s, password=password)

    def count_otherwise(self, source: CaptureSource, asked: Products | Sums, *, longest_s: int, password: str) -> int | None:
        """In one statement, exact."""
        return count_otherwise(source, asked, longest_s=longest_s, password=password)

    def read_facts(self, source: CaptureSource, *, password: str) -> Facts:
        """From the server's settings and the information schema."""
        return read_facts(source, password=password)

    def reader_of(self, source: CaptureSource, *, password: str) -> str | None:
        """Nobody that is known: to see who reads the log, an account needs more than capture does (PROCESS)."""
        del source, password
        return None

    def read_room(self, source: CaptureSource, *, password: str) -> Room:
        """From the server's settings."""
        return read_room(source, password=password)

    def give_up(self, source: CaptureSource, *, password: str) -> bool:
        """Nothing is kept for a capture: the server removes its log by its own settings."""
        del source, password
        return True


def server_id(source: CaptureSource) -> int:
    """The number under which a source's log is read: the site's, or one that is made of its name."""
    return source.server_id or _LOWEST_ID + zlib.crc32(source.name.encode()) % _IDS
