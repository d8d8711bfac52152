"""Judge a PostgreSQL catalogue against what is to be captured: every finding at once, each with the SQL that mends it. Pure."""

from collections.abc import Iterator

from connector.contract import CapturedTable, CaptureSource
from connector.findings import Finding, Severity
from connector.profiles.columns import missing_column, nearest, unlisted
from connector.profiles.links import check_links
from connector.profiles.postgresql.catalogue import OLDEST, UNDECLARED, Catalogue, Server, Slot, Table
from connector.profiles.postgresql.column_types import (
    alike_without_blanks,
    check_times,
    check_visit_keys,
    retype,
    seen,
)
from connector.profiles.postgresql.identity import check_identity, check_key, full_identity, is_unidentified
from connector.profiles.postgresql.names import quoted, quoted_table, split_table
from connector.profiles.postgresql.publication import check_publication
from connector.profiles.readings import check_readings
from connector.profiles.seen import seen_in

_ORDINARY, _PARTITIONED = "r", "p"
_NAME, _NAME_BYTES = "name", 63


def check(source: CaptureSource, catalogue: Catalogue) -> tuple[Finding, ...]:
    """Everything that prevents capture or needs attention: server, role, slot, tables, columns, keys, types, publication,
    heartbeat.
    """
    if not catalogue.server.is_legible:
        return tuple(_server(source, catalogue.server))
    column = seen_in(catalogue.tables, seen)
    return (
        *_server(source, catalogue.server),
        *_slot(source, catalogue.slot, catalogue.server),
        *(finding for table in source.tables for finding in _table(source, table, catalogue)),
        *unlisted(source, catalogue.tables),
        *check_visit_keys(source, catalogue),
        *(finding for table in source.tables for finding in check_readings(table, column)),
        *check_links(source, column, alike_without_blanks),
        *check_publication(source, catalogue),
        *_heartbeat(source, catalogue),
    )


def _server(source: CaptureSource, server: Server) -> Iterator[Finding]:
    if server.wal_level != "logical":
        yield Finding(
            where="wal_level",
            what=f"is {server.wal_level}, so the log does not carry rows",
            mend="ALTER SYSTEM SET wal_level = 'logical';  -- then restart the server",
        )
    if server.version < OLDEST:
        yield Finding(
            where="server version",
            what=f"{server.version // 10_000} is older than 14",
            mend="upgrade the server, or capture from a logical replica that is newer",
        )
    if server.encoding == UNDECLARED:
        yield Finding(
            where=f"database {source.database}",
            what="is SQL_ASCII: it does not know what its bytes mean, and at the first text that is not UTF-8 capture would end",
            mend=f"createdb -T template0 -E UTF8 {source.database}_utf8 && pg_dump --encoding=GBK {source.database} | "
            f"psql {source.database}_utf8  # what its programs wrote, in place of GBK; then name the new database in site.yaml",
        )
    if server.in_recovery:
        yield Finding(
            where="server",
            what="is a standby, which takes no heartbeat and makes slots that a failover loses",
            mend="point host and port at the primary",
        )
    if not server.may_replicate:
        yield Finding(where=f"role {source.user}", what="may not replicate", mend=f"ALTER ROLE {quoted(source.user)} REPLICATION;")
    if server.slot_keep_size == "-1":
        yield Finding(
            where="max_slot_wal_keep_size",
            what="is unlimited: while capture is down the log can fill the database's disk",
            mend="ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf();  -- below the free disk space",
            severity=Severity.WARNS,
        )


def _slot(source: CaptureSource, slot: Slot | None, server: Server) -> Iterator[Finding]:
    where = f"slot {source.slot}"
    drop = f"SELECT pg_drop_replication_slot('{source.slot}');"
    if slot is None:
        if server.free_slots < 1:
            yield Finding(
                where="max_replication_slots",
                what=f"all {server.max_slots} replication slots are taken",
                mend=f"ALTER SYSTEM SET max_replication_slots = {server.max_slots + 4};  -- then restart the server",
            )
        return
    if slot.database != source.database:
        yield Finding(
            where=where, what=f"exists already in database {slot.database}", mend="give this source another slot name in site.yaml"
        )
    if slot.plugin != "pgoutput":
        yield Finding(where=where, what=f"exists already with plugin {slot.plugin}, not pgoutput", mend=drop)
    if slot.wal_status == "lost":
        yield Finding(
            where=where,
            what="has lost its place: the log that capture had not read yet is gone",
            mend=f"{drop}  -- then: yibao connector forget {source.name}, which begins anew and reads every row, and yibao resume",
        )


def _table(source: CaptureSource, wanted: CapturedTable, catalogue: Catalogue) -> Iterator[Finding]:
    table = catalogue.tables.get(wanted.name)
    if table is None:
        yield Finding(
            where=wanted.name,
            what=f"does not exist{nearest(wanted.name, catalogue.tables)}",
            mend="correct the table's name in the mapping, in the catalogue's upper and lower case",
        )
        return
    if table.kind not in (_ORDINARY, _PARTITIONED):
        yield Finding(where=wanted.name, what="is no table: the log knows only tables", mend="map the tables behind it")
        return
    if not table.may_select:
        schema = split_table(wanted.name)[0]
        yield Finding(
            where=wanted.name,
            what=f"may not be read by {source.user}",
            mend=f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(source.user)}; "
            f"GRANT SELECT ON {quoted_table(wanted.name)} TO {quoted(source.user)};",
        )
    if table.rows_hidden:
        yield Finding(
            where=wanted.name,
            what=f"has a row security policy for {source.user}: the rows that it hides would be missing",
            mend=f"ALTER ROLE {quoted(source.user)} BYPASSRLS;",
        )
    if table.is_owned:
        yield Finding(
            where=wanted.name,
            what=f"belongs to {source.user}, which could change and drop it: capture needs to read it",
            mend=f"give capture a login of its own: yibao source prepare {source.name}",
            severity=Severity.WARNS,
        )
    yield from _columns(wanted, table)
    yield from _twins(wanted, table)
    yield from check_key(wanted, table)
    yield from check_identity(wanted, table)
    yield from check_times(wanted, table)


def _columns(wanted: CapturedTable, table: Table) -> Iterator[Finding]:
    for column in wanted.columns:
        if column not in table.columns:
            yield missing_column(wanted, column, table.columns)
        elif table.columns[column].generated:
            yield Finding(
                where=f"{wanted.name}.{column}",
                what="is computed by the database, and the log does not carry such columns",
                mend="map the columns that it is computed from, or let a trigger fill an ordinary column",
            )
        elif table.columns[column].type.startswith("_"):
            yield Finding(
                where=f"{wanted.name}.{column}",
                what=f"is {table.columns[column].shown}: capture cuts long texts and not long arrays, and one of more than 8 MB "
                "would end the capture of the whole source",
                mend="take it from the mapping, or let a trigger fill an ordinary text column with what of it is reported",
            )
        elif table.columns[column].type == _NAME:
            yield Finding(
                where=f"{wanted.name}.{column}",
                what="is of PostgreSQL's own type name: a snapshot reads its value, and the log brings it as NULL",
                mend=retype(table.name, table.columns[column], f"varchar({_NAME_BYTES})"),
            )


def _twins(wanted: CapturedTable, table: Table) -> Iterator[Finding]:
    """Columns whose names differ only in case: Debezium ends when it reads the structure of such a table."""
    seen: dict[str, str] = {}
    for column in table.columns:
        if (other := seen.setdefault(column.lower(), column)) != column:
            yield Finding(
                where=f"{wanted.name}.{column}",
                what=f"differs from {other} only in case, which Debezium refuses",
                mend=f"ALTER TABLE {quoted_table(wanted.name)} RENAME COLUMN {quoted(column)} TO {quoted(column + '_2')};",
            )


def _heartbeat(source: CaptureSource, catalogue: Catalogue) -> Iterator[Finding]:
    name = source.heartbeat_table
    if name is None:
        yield Finding(
            where="heartbeat_table",
            what="is not set: while the captured tables are quiet and others are not, the server keeps its log for us",
            mend="create one and name it in site.yaml: CREATE TABLE cdc.heartbeat (id int PRIMARY KEY, ts timestamptz NOT NULL);",
            severity=Severity.WARNS,
        )
        return
    table = catalogue.tables.get(name)
    first_row = f"INSERT INTO {quoted_table(name)} VALUES (1, now());"  # noqa: S608 - for a person to read, with quoted names
    if table is None or not {"id", "ts"} <= table.columns.keys():
        made = f"CREATE TABLE {quoted_table(name)} (id int PRIMARY KEY, ts timestamptz NOT NULL); {first_row}"
        yield Finding(
            where=name,
            what="does not exist" if table is None else "lacks its columns id and ts: it is another table",
            mend=made if table is None else "name one of its own as heartbeat_table in site.yaml",
        )
    elif not (table.may_update and table.may_select):
        yield Finding(
            where=name,
            what=f"may not be updated by {source.user}",
            mend=f"GRANT USAGE ON SCHEMA {quoted(split_table(name)[0])} TO {quoted(source.user)}; "
            f"GRANT SELECT, UPDATE ON {quoted_table(name)} TO {quoted(source.user)};",
        )
    elif is_unidentified(table, table.identity):
        yield Finding(
            where=name,
            what="has neither a primary key nor a replica identity: while it is published, PostgreSQL refuses the heartbeat",
            mend=full_identity(name),
        )
    elif not catalogue.heartbeat_stands:
        yield Finding(
            where=name,
            what="has no row with id = 1, so no heartbeat reaches the log and the server keeps it for us",
            mend=first_row,
        )
