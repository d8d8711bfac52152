"""Read PostgreSQL's catalogue once, as the capture role and without a lock on a hospital's table."""

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from connector.contract import CaptureSource
from connector.profiles.postgresql.catalogue import Catalogue, Column, Publication, Published, Server, Slot, Table
from connector.profiles.postgresql.login import logged_in
from connector.profiles.postgresql.names import split_table

_COLUMN_LISTS = 150_000
"""The first server whose publications can have column lists and row filters."""

_SERVER = """
SELECT current_setting('wal_level'), current_setting('server_version_num')::int, current_setting('max_replication_slots')::int,
       (SELECT count(*) FROM pg_replication_slots), coalesce(current_setting('max_slot_wal_keep_size', true), '-1'),
       (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user), pg_is_in_recovery(),
       current_setting('server_encoding')
"""

_TABLES = """
SELECT n.nspname || '.' || c.relname, c.relkind::text, c.relreplident::text,
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
       has_table_privilege(c.oid, 'UPDATE'), row_security_active(c.oid),
       pg_get_userbyid(c.relowner) = current_user
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

_PARTITIONS = """
SELECT n.nspname || '.' || c.relname, ln.nspname || '.' || l.relname, l.relreplident::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL pg_partition_tree(c.oid) p
     JOIN pg_class l ON l.oid = p.relid JOIN pg_namespace ln ON ln.oid = l.relnamespace
WHERE n.nspname = ANY(%s) AND c.relkind = 'p' AND p.isleaf AND l.relkind = 'r'
ORDER BY 1, 2
"""

_PARTITIONED_BY = """
SELECT n.nspname || '.' || c.relname, array_agg(DISTINCT a.attname::text)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL pg_partition_tree(c.oid) p
     JOIN pg_partitioned_table t ON t.partrelid = p.relid
     JOIN pg_attribute a ON a.attrelid = t.partrelid AND a.attnum = ANY(t.partattrs::int2[])
WHERE n.nspname = ANY(%s) AND c.relkind = 'p'
GROUP BY 1
"""

_COLUMNS = """
SELECT n.nspname || '.' || c.relname, a.attname, t.typname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated <> ''
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_type b ON b.oid = a.atttypid JOIN pg_type t ON t.oid = CASE WHEN b.typtype = 'd' THEN b.typbasetype ELSE b.oid END
WHERE n.nspname = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY 1, a.attnum
"""

_UNIQUE = """
SELECT n.nspname || '.' || c.relname, array_agg(a.attname::text), i.indisprimary AND i.indimmediate
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place) ON k.place <= i.indnkeyatts
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE n.nspname = ANY(%s) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
GROUP BY 1, i.indexrelid, 3
"""

_PUBLICATION = (
    "SELECT puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication WHERE pubname = %s"
)

_PUBLISHED = """
SELECT t.schemaname || '.' || t.tablename,
       (SELECT array_agg(a.attname::text) FROM pg_attribute a
        WHERE r.prattrs IS NOT NULL AND a.attrelid = r.prrelid AND a.attnum = ANY(r.prattrs::int2[])),
       r.prqual IS NOT NULL
FROM pg_publication p JOIN pg_publication_tables t ON t.pubname = p.pubname
     JOIN pg_namespace n ON n.nspname = t.schemaname
     JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
     LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid
WHERE p.pubname = %s
"""

_PUBLISHED_WHOLE = "SELECT schemaname || '.' || tablename, NULL::text[], false FROM pg_publication_tables WHERE pubname = %s"

_SLOT = "SELECT database, plugin, active, wal_status FROM pg_replication_slots WHERE slot_name = %s"


def read_catalogue(source: CaptureSource, *, password: str) -> Catalogue:
    """Read what the checks look at, as the capture role. Raises Unreachable when nothing answers, Misconfigured when the login is
    refused.
    """
    names = [table.name for table in source.tables] + ([source.heartbeat_table] if source.heartbeat_table else [])
    schemas = sorted({split_table(name)[0] for name in names})
    with logged_in(source, password=password) as connection:
        server = _server(connection)
        if not server.is_legible:
            return Catalogue(server=server, tables={}, publication=None, slot=None)
        tables = _tables(connection, schemas)
        return Catalogue(
            server=server,
            tables=tables,
            publication=_publication(connection, source.publication, version=server.version),
            slot=_slot(connection, source.slot),
            heartbeat_stands=_heartbeat_stands(connection, tables.get(source.heartbeat_table or "")),
        )


def _server(connection: psycopg.Connection[TupleRow]) -> Server:
    row = connection.execute(_SERVER).fetchone()
    assert row is not None
    level, version, max_slots, slots, keep, may_replicate, in_recovery, encoding = row
    return Server(
        wal_level=level,
        version=version,
        free_slots=max_slots - slots,
        max_slots=max_slots,
        slot_keep_size=keep,
        may_replicate=bool(may_replicate),
        in_recovery=in_recovery,
        encoding=encoding,
    )


def _tables(connection: psycopg.Connection[TupleRow], schemas: list[str]) -> dict[str, Table]:
    columns: dict[str, dict[str, Column]] = {}
    for table, name, type_name, shown, not_null, generated in connection.execute(_COLUMNS, (schemas,)):
        columns.setdefault(table, {})[name] = Column(name=name, type=type_name, shown=shown, not_null=not_null, generated=generated)
    unique: dict[str, list[frozenset[str]]] = {}
    primary: dict[str, frozenset[str]] = {}
    for table, names, identifies in connection.execute(_UNIQUE, (schemas,)):
        unique.setdefault(table, []).append(frozenset(names))
        if identifies:
            primary[table] = frozenset(names)
    partitions: dict[str, dict[str, str]] = {}
    for table, name, identity in connection.execute(_PARTITIONS, (schemas,)):
        partitions.setdefault(table, {})[name] = identity
    partitioned_by = {table: frozenset(names) for table, names in connection.execute(_PARTITIONED_BY, (schemas,))}
    return {
        name: Table(
            name=name,
            kind=kind,
            identity=identity,
            may_select=may_select,
            may_update=may_update,
            columns=columns.get(name, {}),
            unique=tuple(unique.get(name, ())),
            primary=primary.get(name, frozenset()),
            partitions=partitions.get(name, {}),
            partitioned_by=partitioned_by.get(name, frozenset()),
            rows_hidden=rows_hidden,
            is_owned=is_owned,
        )
        for name, kind, identity, may_select, may_update, rows_hidden, is_owned in connection.execute(_TABLES, (schemas,))
    }


def _publication(connection: psycopg.Connection[TupleRow], name: str, *, version: int) -> Publication | None:
    row = connection.execute(_PUBLICATION, (name,)).fetchone()
    if row is None:
        return None
    published = _PUBLISHED if version >= _COLUMN_LISTS else _PUBLISHED_WHOLE
    carried = dict(zip(("insert", "update", "delete", "truncate"), row[1:5], strict=True))
    tables = {
        table: Published(columns=None if columns is None else frozenset(columns), filtered=filtered)
        for table, columns, filtered in connection.execute(published, (name,))
    }
    return Publication(
        missing_operations=tuple(operation for operation, on in carried.items() if not on),
        via_root=row[5],
        tables=tables,
    )


def _slot(connection: psycopg.Connection[TupleRow], name: str) -> Slot | None:
    row = connection.execute(_SLOT, (name,)).fetchone()
    return None if row is None else Slot(database=row[0], plugin=row[1], active=row[2], wal_status=row[3])


def _heartbeat_stands(connection: psycopg.Connection[TupleRow], table: Table | None) -> bool:
    """Whether the heartbeat table has the row that capture touches; also False where the table is missing or may not be read."""
    if table is None or not table.may_select or "id" not in table.columns:
        return False
    name = sql.Identifier(*split_table(table.name))
    return connection.execute(sql.SQL("SELECT 1 FROM {} WHERE id::text = '1'").format(name)).fetchone() is not None
