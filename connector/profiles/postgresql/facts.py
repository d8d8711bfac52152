"""Read from PostgreSQL's catalogue what capture relies on and names do not tell. A few rows, no lock on a hospital's table."""

import psycopg
from psycopg.rows import TupleRow

from connector.contract import CaptureSource, SlotState
from connector.errors import Refused
from connector.facts import Facts, PublicationFacts, ServerFacts, TableFacts
from connector.profiles.postgresql.login import logged_in

_SERVER = """
SELECT (SELECT system_identifier FROM pg_control_system())::text,
       CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
       (coalesce(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END, '0/0')
        - '0/0')::bigint,
       EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND wal_status IS DISTINCT FROM 'lost')
"""

_SLOT = """
SELECT active, coalesce((CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END
        - restart_lsn)::bigint, 0), safe_wal_size
FROM pg_replication_slots WHERE slot_name = %s
"""

_PUBLICATION = """
SELECT oid::bigint, concat(CASE WHEN pubinsert THEN 'i' END, CASE WHEN pubupdate THEN 'u' END, CASE WHEN pubdelete THEN 'd' END,
       CASE WHEN pubtruncate THEN 't' END, CASE WHEN pubviaroot THEN 'r' END)
FROM pg_publication WHERE pubname = %s
"""

_TABLES = """
SELECT n.nspname || '.' || c.relname, c.oid::bigint, c.relreplident::text,
       coalesce((SELECT r.oid::bigint FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                 WHERE p.pubname = %s AND r.prrelid = c.oid),
                (SELECT 0 FROM pg_publication_tables t
                 WHERE t.pubname = %s AND t.schemaname = n.nspname AND t.tablename = c.relname))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname || '.' || c.relname = ANY(%s) AND c.relkind IN ('r', 'p')
"""

_COLUMNS = """
SELECT n.nspname || '.' || c.relname, a.attname, a.attnum,
       CASE WHEN t.typname IN ('text', 'varchar') THEN 'text'
            WHEN b.typtype = 'd' THEN format_type(b.typbasetype, b.typtypmod) ELSE format_type(a.atttypid, a.atttypmod) END
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_type b ON b.oid = a.atttypid JOIN pg_type t ON t.oid = CASE WHEN b.typtype = 'd' THEN b.typbasetype ELSE b.oid END
WHERE n.nspname || '.' || c.relname = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
"""


def read_facts(source: CaptureSource, *, password: str) -> Facts:
    """What stands in the database now. Raises Unreachable, Misconfigured, Refused.

    A text stays a text whatever its longest length is; of other types length and scale count, for values are written by them.
    """
    wanted = {table.name: frozenset(table.columns) for table in source.tables}
    with logged_in(source, password=password) as connection:
        return Facts(
            server=_server(connection, source),
            publication=_publication(connection, source.publication),
            tables=_tables(connection, source.publication, wanted),
        )


def _server(connection: psycopg.Connection[TupleRow], source: CaptureSource) -> ServerFacts:
    row = connection.execute(_SERVER, (source.slot,)).fetchone()
    if row is None:
        raise Refused(f"source {source.name}: the database does not say which server it is")
    slot = connection.execute(_SLOT, (source.slot,)).fetchone()
    state = None if slot is None else SlotState(active=slot[0], retained_bytes=slot[1], safe_bytes=slot[2])
    return ServerFacts(system=row[0], timeline=row[1], log=row[2], slot=row[3], slot_name=source.slot, slot_state=state)


def _publication(connection: psycopg.Connection[TupleRow], name: str) -> PublicationFacts | None:
    row = connection.execute(_PUBLICATION, (name,)).fetchone()
    return None if row is None else PublicationFacts(oid=row[0], operations=row[1], name=name)


def _tables(connection: psycopg.Connection[TupleRow], publication: str, wanted: dict[str, frozenset[str]]) -> dict[str, TableFacts]:
    names = list(wanted)
    columns: dict[str, dict[str, tuple[int, str]]] = {}
    for table, column, number, kind in connection.execute(_COLUMNS, (names,)):
        if column in wanted[table]:
            columns.setdefault(table, {})[column] = (number, kind)
    return {
        name: TableFacts(oid=oid, published=published, identity=identity, columns=columns.get(name, {}))
        for name, oid, identity, published in connection.execute(_TABLES, (publication, publication, names))
    }
