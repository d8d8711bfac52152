"""Judge a MariaDB against what is to be captured: every finding at once, each with the statement that mends it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

from connector.contract import CapturedTable, CaptureSource, DatabaseKind
from connector.findings import Finding, Severity
from connector.profiles.columns import missing_column, nearest, unlisted
from connector.profiles.links import check_links
from connector.profiles.mariadb.catalogue import NEEDED, Catalogue, Server, Table
from connector.profiles.mariadb.names import literal, quoted, quoted_list, quoted_table, split_table
from connector.profiles.mariadb.types import alike, check_types, check_visit_keys, seen
from connector.profiles.readings import check_readings
from connector.profiles.seen import seen_in

_OLDEST: Final = (10, 11)
_THREE_DAYS_S: Final = 259_200
_WITH_RIGHTS: Final = (10, 5)
"""From here on the server names the right to read where its log ends `BINLOG MONITOR`."""


def check(source: CaptureSource, catalogue: Catalogue) -> tuple[Finding, ...]:
    """Everything that prevents capture or needs attention: server, log, account, tables, columns, keys, types, heartbeat."""
    server = catalogue.server
    if server.kind is not DatabaseKind.MARIADB or server.release < _WITH_RIGHTS:
        return (
            Finding(
                where="server version",
                what=f"is {server.version}: captured is MariaDB 10.11 or newer",
                mend="of a MySQL, say `kind: mysql` in site.yaml; or upgrade it, or capture from one that replicates it",
            ),
        )
    return (*_log(server), *_kept(server), *check_account(source, server, NEEDED), *check_tables(source, catalogue))


def check_tables(source: CaptureSource, catalogue: Catalogue) -> tuple[Finding, ...]:
    """Tables, columns, keys, types, heartbeat: the same for MariaDB and MySQL."""
    column = seen_in(catalogue.tables, seen)
    zero_dates = "NO_ZERO_DATE" not in catalogue.server.settings.get("sql_mode", "")
    return (
        *(finding for table in source.tables for finding in _table(source, table, catalogue, zero_dates=zero_dates)),
        *unlisted(source, catalogue.tables),
        *check_visit_keys(source, catalogue),
        *(finding for table in source.tables for finding in check_readings(table, column)),
        *check_links(source, column, alike),
        *_heartbeat(source, catalogue),
    )


def _log(server: Server) -> Iterator[Finding]:
    settings = server.settings
    yield from check_log(settings, "[mariadb]")
    if settings.get("gtid_strict_mode") != "ON":
        yield Finding(
            where="gtid_strict_mode",
            what="is off: the numbers of transactions may fall, and by them a change is known that capture sends again",
            mend="SET GLOBAL gtid_strict_mode = ON;  -- and in my.cnf",
        )
    if not server.domains:
        yield Finding(
            where="gtid_binlog_pos",
            what="is empty: nothing was written since the log was begun, and a capture that begins so ends at the first change",
            mend="write something, such as the heartbeat: UPDATE cdc.heartbeat SET ts = now(6) WHERE id = 1;",
        )
    if server.domains > 1:
        yield Finding(
            where="gtid_domain_id",
            what=f"the log numbers transactions in {server.domains} domains, each for itself: numbers of two cannot be compared",
            mend="capture from a server whose log has one domain (one primary, every session with the server's gtid_domain_id)",
        )


def _kept(server: Server) -> Iterator[Finding]:
    """What was never run, and how long the log is kept."""
    if server.release < _OLDEST:
        yield Finding(
            where="server version",
            what=f"is {server.version}: older than 10.11, with which capture was never run",
            mend="upgrade the server",
            severity=Severity.WARNS,
        )
    if server.settings.get("log_bin_compress") == "ON":
        yield Finding(
            where="log_bin_compress",
            what="is on: capture of a compressed log was never run",
            mend="SET GLOBAL log_bin_compress = OFF;  -- and in my.cnf",
            severity=Severity.WARNS,
        )
    yield from check_kept(server.settings)


def check_log(settings: Mapping[str, str], section: str) -> Iterator[Finding]:
    """Whether the server writes a log of whole rows. section: of my.cnf."""
    if settings.get("log_bin") != "ON":
        yield Finding(
            where="log_bin",
            what="is off: the server writes no log that capture could read",
            mend=f"log_bin=binlog and server_id=<a number of its own> under {section} in my.cnf, then restart the server",
        )
    if (form := settings.get("binlog_format")) != "ROW":
        yield Finding(
            where="binlog_format",
            what=f"is {form}, so the log does not carry rows",
            mend="SET GLOBAL binlog_format = 'ROW';  -- and in my.cnf; sessions that stand keep theirs until they log in again",
        )
    if (image := settings.get("binlog_row_image")) not in ("FULL", None):
        yield Finding(
            where="binlog_row_image",
            what=f"is {image}: a changed row arrives without the columns that did not change, a deleted one without its visit",
            mend="SET GLOBAL binlog_row_image = 'FULL';  -- and in my.cnf; sessions that stand keep theirs until they log in again",
        )


def check_kept(settings: Mapping[str, str]) -> Iterator[Finding]:
    """Whether it keeps its log for an outage."""
    kept = settings.get("binlog_expire_logs_seconds", "0").partition(".")[0]
    if 0 < int(kept) < _THREE_DAYS_S:
        yield Finding(
            where="binlog_expire_logs_seconds",
            what=f"is {kept}: a log that capture could not read for so long is removed, and its changes are lost",
            mend=f"SET GLOBAL binlog_expire_logs_seconds = {7 * 86_400};  -- and in my.cnf; mind the disk",
            severity=Severity.WARNS,
        )


def check_account(source: CaptureSource, server: Server, needed: Sequence[str]) -> Iterator[Finding]:
    """On the whole server it may read the log, see where that ends, and hold all writes for a moment before the first snapshot."""
    if missing := [right for right in needed if right not in server.rights]:
        yield Finding(
            where=f"account {source.user}",
            what=f"lacks {', '.join(missing)}",
            mend=f"GRANT {', '.join(missing)} ON *.* TO {literal(source.user)}@'<host of Connect>';",
        )
    if source.sslmode == "verify-full" and _is_address(source.host):
        yield Finding(
            where=f"sources.{source.name}.host",
            what=f"is {source.host}: whoever reads the log asks the server's certificate for the name that this address has where "
            "Connect runs, and not for the address",
            mend="write the name for which the certificate was made",
            severity=Severity.WARNS,
        )


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(host))
    return False


def _table(source: CaptureSource, wanted: CapturedTable, catalogue: Catalogue, *, zero_dates: bool) -> Iterator[Finding]:
    table = catalogue.tables.get(wanted.name)
    grant = f"GRANT SELECT ON {quoted_table(wanted.name)} TO {literal(source.user)}@'<host of Connect>';"
    if table is None:
        yield Finding(
            where=wanted.name,
            what=f"does not exist, or {source.user} may not read it{nearest(wanted.name, catalogue.tables)}",
            mend=f"correct the name in the mapping (`database.table`, upper and lower case as it is), or: {grant}",
        )
        return
    if not table.is_table:
        yield Finding(where=wanted.name, what="is a view: the log knows only tables", mend="map the tables behind it")
        return
    if not table.may_select:
        yield Finding(where=wanted.name, what=f"may not be read by {source.user}", mend=grant)
    if table.engine.lower() != "innodb":
        yield Finding(
            where=wanted.name,
            what=f"is kept by {table.engine}, which knows no transactions: what was rolled back stays reported, a snapshot is "
            "of no one moment, and a crash of the server can part table and log",
            mend=f"ALTER TABLE {quoted_table(wanted.name)} ENGINE = InnoDB;  -- rewrites the table",
            severity=Severity.WARNS,
        )
    for name in table.cascades:
        yield Finding(
            where=f"{wanted.name}, foreign key {name}",
            what="changes rows when another table's row is changed or deleted (CASCADE, SET NULL), and the log does not carry "
            "that: rows that are gone would stay reported",
            mend=f"ALTER TABLE {quoted_table(wanted.name)} DROP FOREIGN KEY {quoted(name)}, ADD …;  -- the same with RESTRICT, and "
            "let the program or a trigger delete",
        )
    yield from _columns(wanted, table)
    yield from _key(wanted, table)
    yield from check_types(wanted, table, zero_dates=zero_dates)


def _columns(wanted: CapturedTable, table: Table) -> Iterator[Finding]:
    for column in wanted.columns:
        if column not in table.columns:
            yield missing_column(wanted, column, table.columns)


def _key(wanted: CapturedTable, table: Table) -> Iterator[Finding]:
    """The mapping's key identifies one row: it is unique and never NULL."""
    known = [column for column in wanted.key if column in table.columns]
    if len(known) < len(wanted.key):
        return
    if not any(unique <= {*wanted.key} for unique in table.unique):
        yield Finding(
            where=f"{wanted.name} ({', '.join(wanted.key)})",
            what="is neither the primary key nor unique: rows would take each other for the same",
            mend=f"ALTER TABLE {quoted_table(wanted.name)} ADD UNIQUE ({quoted_list(wanted.key)});  -- or name the right key",
        )
    for column in map(table.columns.__getitem__, known):
        if not column.not_null:
            yield Finding(
                where=f"{wanted.name}.{column.name}",
                what="is part of the key and may be NULL",
                mend=f"ALTER TABLE {quoted_table(wanted.name)} MODIFY {quoted(column.name)} {column.shown} NOT NULL;",
            )


def _heartbeat(source: CaptureSource, catalogue: Catalogue) -> Iterator[Finding]:
    name = source.heartbeat_table
    example = name or "cdc.heartbeat"
    first_row = f"INSERT INTO {quoted_table(example)} VALUES (1, now(6));"  # noqa: S608 - for a person to read, with quoted names
    make = (
        f"CREATE DATABASE IF NOT EXISTS {quoted(split_table(example)[0])}; CREATE TABLE {quoted_table(example)} "
        f"(id int PRIMARY KEY, ts datetime(6) NOT NULL); {first_row} "
        f"GRANT SELECT, UPDATE ON {quoted_table(example)} TO {literal(source.user)}@'<host of Connect>';"
    )
    if name is None:
        yield Finding(
            where="heartbeat_table",
            what="is not set: while the server is quiet, nobody sees whether its log is still read",
            mend=f"create one and name it in site.yaml: {make}",
            severity=Severity.WARNS,
        )
    elif not catalogue.heartbeat_stands:
        yield Finding(where=name, what=f"does not exist, has no row with id = 1, or {source.user} may not change it", mend=make)
