"""PostgreSQL: logical replication by pgoutput, a publication made by the database's administrator, one slot per source."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from connector.contract import CapturedTable, CaptureSource
from connector.facts import Facts
from connector.findings import Finding
from connector.numbers import Known, Numbers
from connector.preparation import Step
from connector.profiles.advice import Advice
from connector.profiles.postgresql.checks import check
from connector.profiles.postgresql.counting import condition_of_keys, count_rows, read_keys
from connector.profiles.postgresql.facts import read_facts
from connector.profiles.postgresql.groups import count_dangling, count_groups, count_otherwise
from connector.profiles.postgresql.names import quoted_table
from connector.profiles.postgresql.preparation import preparation
from connector.profiles.postgresql.reader import reader_of
from connector.profiles.postgresql.reading import read_catalogue
from connector.profiles.postgresql.room import give_up, read_room
from connector.profiles.postgresql.rows import read_rows
from connector.profiles.postgresql.shared_numbers import highest_numbers, numbers_among, numbers_in_both
from connector.questions import Counted, Groups, Links, Products, Sums
from connector.room import Room


class PostgresqlProfile:
    """How Debezium captures PostgreSQL, and what must be true of the database for it."""

    connector_class: ClassVar[str] = "yibao.connect.WholeTransactionPostgresConnector"
    plugin_is: ClassVar[str] = (
        "Debezium's jars for PostgreSQL and yibao-connect-postgres.jar beside them in the same folder (make setup brings both: "
        ".yibao/java/plugins/debezium-connector-postgres)"
    )
    oldest_plugin: ClassVar[tuple[int, int, int]] = (3, 7, 0)
    harm_of_older: ClassVar[str] = (
        "skips rows at a restart, in silence, where several share a position in the log (COPY, statements of many rows)"
    )

    place: ClassVar[tuple[str, ...]] = ("slot.name", "database.hostname", "database.port")
    """A slot belongs to the whole server."""
    authorities: ClassVar[str] = "the authority's certificates, as PEM"
    looks: ClassVar[bool] = True
    keeps_log: ClassVar[bool] = True

    def advice(self, source: CaptureSource) -> Advice:
        """About its slot."""
        return Advice(
            place=f"slot {source.slot}",
            another=f"give this source a slot of its own (sources.{source.name}.slot in site.yaml)",
            shared="what one has read, the other never gets",
            tells_reader="pg_replication_slots and pg_stat_activity tell which it is",
            kept=f"the database keeps its log for slot {source.slot}",
            drop=f"SELECT pg_drop_replication_slot('{source.slot}');",
            senders="max_wal_senders",
            more_senders="ALTER SYSTEM SET max_wal_senders = {more};  -- then restart the server",
            zone="TimeZone",
            zone_mend="ALTER ROLE <the hospital's own roles> SET timezone = '{zone}';",
        )

    def options(self, source: CaptureSource) -> Mapping[str, str]:
        """Log reader, position and snapshot. The role needs SELECT and REPLICATION, nothing else: it creates no publication."""
        return {
            "database.hostname": source.host,
            "database.port": str(source.port),
            "database.dbname": source.database,
            "database.user": source.user,
            "database.password": source.password_reference,
            "database.sslmode": source.sslmode,
            **({"database.sslrootcert": source.connect_ca_file} if source.connect_ca_file else {}),
            "plugin.name": "pgoutput",
            "publication.name": source.publication,
            "publication.autocreate.mode": "disabled",
            "slot.name": source.slot,
            "slot.drop.on.stop": "false",
            # The default skips in silence what lies between the stored position and the slot's.
            "offset.mismatch.strategy": "trust_offset",
            "lsn.flush.mode": "connector",
            # What other tools write into the log (pg_logical_emit_message) would go to a topic that nobody made, and end capture.
            "message.prefix.exclude.list": ".*",
            "snapshot.mode": "initial",
            "snapshot.isolation.mode": "repeatable_read",
            "snapshot.fetch.size": "10000",
            # Snapshots on demand then need no table of ours in the hospital's database.
            "read.only": "true",
        }

    def heartbeat_query(self, table: str) -> str:
        """Touch the only row of the heartbeat table (`id` = 1, `ts`)."""
        return f"UPDATE {quoted_table(table)} SET ts = now() WHERE id = 1"  # noqa: S608 - the name is quoted, it comes from the site file

    def preparation(self, source: CaptureSource, *, connect_host: str) -> tuple[Step, ...]:  # noqa: ARG002 - pg_hba.conf says that
        """Settings, heartbeat, login, rights, identities, publication."""
        return preparation(source)

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
        """As the capture role sees them."""
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
        """From the catalogue."""
        return read_facts(source, password=password)

    def reader_of(self, source: CaptureSource, *, password: str) -> str | None:
        """Whoever has the slot."""
        return reader_of(source, password=password)

    def read_room(self, source: CaptureSource, *, password: str) -> Room:
        """From the server's settings and the slot."""
        return read_room(source, password=password)

    def give_up(self, source: CaptureSource, *, password: str) -> bool:
        """Drop the slot."""
        return give_up(source, password=password)
