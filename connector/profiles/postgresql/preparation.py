"""What the administrator of a PostgreSQL prepares for a capture, and nothing that it does not need. Pure.

Statements that a second run must not repeat ask first, in blocks without parameters: any client runs them.
"""

from connector.contract import CapturedTable, CaptureSource, TableRole
from connector.preparation import MADE, Step
from connector.profiles.postgresql.names import quoted, quoted_table, split_table

_KEPT_LOG = "50GB"
_OWNS = "SELECT FROM pg_class JOIN pg_roles r ON r.oid = relowner WHERE r.rolname = {name} AND relkind IN ('r', 'p', 'v', 'm', 'S')"
_DROP_SLOT = (
    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = {name} AND NOT active"
    " AND plugin = 'pgoutput' AND database = current_database();"
)
"""Of this database, and of the kind that capture makes: a standby may read by one of the same name."""


def preparation(source: CaptureSource) -> tuple[Step, ...]:
    """In their order: identities before the publication, for a table that is published without one takes no updates."""
    return (
        _logging(),
        *([] if source.heartbeat_table is None else [_heartbeat(source.heartbeat_table)]),
        _role(source),
        _rights(source),
        _identities(source),
        _publication(source),
        _slot(source),
    )


def _logging() -> Step:
    return Step(
        title="Logging",
        why="the log must carry rows: wal_level takes effect with a restart of the server (elsewhere with a parameter group).\n"
        f"{_KEPT_LOG}: so much log is kept for a capture that is down; choose less than the free disk space.",
        statements=(
            "ALTER SYSTEM SET wal_level = 'logical';",
            f"ALTER SYSTEM SET max_slot_wal_keep_size = '{_KEPT_LOG}';",
            "SELECT pg_reload_conf();",
        ),
        kept="the server's settings stay: others may rely on them by now (ALTER SYSTEM RESET …).",
    )


def _heartbeat(name: str) -> Step:
    schema, table = split_table(name)[0], quoted_table(name)
    return Step(
        title=f"Heartbeat table {name}",
        why="one row that capture touches, so that the log moves on while the captured tables are quiet.",
        statements=(
            f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)};",
            f"CREATE TABLE IF NOT EXISTS {table} (id int PRIMARY KEY, ts timestamptz NOT NULL);",
            f"INSERT INTO {table} (id, ts) VALUES (1, now()) ON CONFLICT DO NOTHING;",  # noqa: S608 - for a person to read, with quoted names
        ),
        kept=f"the table stays: another source may touch it. Where none does: DROP TABLE {table};",
    )


def _role(source: CaptureSource) -> Step:
    role, name = quoted(source.user), _text(source.user)
    return Step(
        title=f"Login {source.user}",
        why=f"it logs in from this machine and from Kafka Connect; in pg_hba.conf: hostssl {quoted(source.database)} {role} "
        "<their addresses> scram-sha-256\n"
        f"It has no password yet. Set one without writing it into a file: \\password {role} in psql.\n"
        "The comment is how the way back knows it from a login that was there before.",
        statements=(
            _when(_OWNS.format(name=name), _raise(f"{source.user} owns tables: give capture a login that owns nothing")),
            _unless(
                f"SELECT FROM pg_roles WHERE rolname = {name}", f"CREATE ROLE {role}; COMMENT ON ROLE {role} IS {_text(MADE)};"
            ),
            f"ALTER ROLE {role} LOGIN REPLICATION;",
            f"GRANT CONNECT ON DATABASE {quoted(source.database)} TO {role};",
        ),
        undo=(_role_undone(source),),
        kept="all of its rights at once, or nothing: a login that owns something, or has rights in another database or by\n"
        "another source, stays as it is, with an error. One that was there before prepare stays as it is, with a notice.",
    )


def _role_undone(source: CaptureSource) -> str:
    """Together: rights that were taken from a login that stays would be missing to whoever else logs in by it."""
    role, given = quoted(source.user), reversed(_granted(source))
    revoked = " ".join(
        f"REVOKE {right} ON {what} FROM {role};" for right, what in (*given, ("CONNECT", f"DATABASE {quoted(source.database)}"))
    )
    kept = f"login {source.user} owns something, or may do more than source {source.name} needs, and keeps all of it: "
    way = f"Where another source logged in by it that is taken back as well: type this, then run that way back: {revoked}"
    refused = f"ERRCODE = 'dependent_objects_still_exist', MESSAGE = {_text(kept)} || SQLERRM, HINT = {_text(way)}"
    still = f"RAISE EXCEPTION USING {refused};"
    return _undone(
        f"SELECT FROM pg_roles WHERE rolname = {_text(source.user)}",
        "coalesce(shobj_description(oid, 'pg_authid'), '')",
        f"BEGIN {revoked} DROP ROLE {role}; EXCEPTION WHEN dependent_objects_still_exist THEN {still} END;",
        f"login {source.user} is left with all of its rights: prepare did not make it. Of these, take back by hand what it did not "
        "have before, and nobody else logs in for: "
        f"{revoked} ALTER ROLE {role} NOREPLICATION; Where it is capture's alone: COMMENT ON ROLE {role} IS '{MADE}'; and run "
        "this again.",
    )


def _granted(source: CaptureSource) -> tuple[tuple[str, str], ...]:
    """What the login may do, and on what."""
    names = [table.name for table in source.tables]
    schemas = dict.fromkeys(split_table(name)[0] for name in (*names, *_beat(source)))
    return (
        ("USAGE", f"SCHEMA {', '.join(map(quoted, schemas))}"),
        *(("SELECT", quoted_table(name)) for name in names),
        *(("SELECT, UPDATE", quoted_table(name)) for name in _beat(source)),
    )


def _rights(source: CaptureSource) -> Step:
    role = quoted(source.user)
    return Step(
        title="Rights",
        why="it reads the mapped tables and touches the heartbeat; it changes nothing else, and owns nothing.",
        statements=tuple(f"GRANT {right} ON {what} TO {role};" for right, what in _granted(source)),
        kept="they go with the login.",
    )


def _identities(source: CaptureSource) -> Step:
    return Step(
        title="Replica identities",
        why="the log must hold what a changed or deleted row was: all of it, for by that its visit is found; of a lookup the key,\n"
        "as it does where the primary key holds it. Of a partitioned table each partition; what makes new ones must do the same.\n"
        "A brief lock of each table.",
        statements=(_FULL.format(tables=",\n      ".join(map(_identified_by, source.tables))),),
        kept="the identities stay, for others may read the log by them: ALTER TABLE … REPLICA IDENTITY DEFAULT;",
    )


_FULL = """\
DO $$
DECLARE bare regclass;
BEGIN
  FOR bare IN
    WITH wanted (name, key) AS (VALUES
      {tables}
    ), leaves AS (
      SELECT name, key, name AS leaf FROM wanted
      UNION SELECT name, key, relid FROM wanted, pg_partition_tree(name)
    )
    SELECT leaf FROM leaves JOIN pg_class ON oid = leaf
    WHERE relkind = 'r' AND relreplident <> 'f' AND NOT (key IS NOT NULL AND relreplident = 'd' AND key <@ coalesce(
      (SELECT array_agg(attname::text) FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)
        WHERE indrelid = name AND indisprimary), ARRAY[]::text[]))
  LOOP
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', bare);
  END LOOP;
END $$;"""


def _identified_by(table: CapturedTable) -> str:
    """A table and, of a lookup, the columns that its primary key must hold; NULL: the whole row."""
    key = f"ARRAY[{', '.join(map(_text, table.key))}]" if table.role is TableRole.LOOKUP else "NULL"
    return f"({_text(quoted_table(table.name))}::regclass, {key}::text[])"


def _publication(source: CaptureSource) -> Step:
    name, marked = quoted(source.publication), f"COMMENT ON PUBLICATION {quoted(source.publication)} IS {_text(MADE)};"
    mine = [quoted_table(one) for one in (*(table.name for table in source.tables), *_beat(source))]
    there = f"SELECT FROM pg_publication WHERE pubname = {_text(source.publication)}"
    return Step(
        title=f"Publication {source.publication}",
        why="what of the log is handed out: these tables whole, no others. One that somebody else reads by is refused.",
        statements=(
            _unless(there, f"CREATE PUBLICATION {name}; {marked}"),
            _when(
                _OTHERS.format(name=_text(source.publication), made=_text(MADE), mine=", ".join(map(_text, mine))),
                _raise(
                    f"publication {source.publication} hands out other tables or in another way, and prepare did not make it: name "
                    f"another one as `publication` of source {source.name}, or, where nobody else reads by it: {marked}"
                ),
            ),
            f"ALTER PUBLICATION {name} SET TABLE {', '.join(mine)};",
            f"ALTER PUBLICATION {name} SET (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);",
        ),
        undo=(
            _undone(
                there,
                "coalesce(obj_description(oid, 'pg_publication'), '')",
                f"DROP PUBLICATION {name};",
                f"publication {source.publication} is left: prepare did not make it. Where nobody else reads by it: "
                f"DROP PUBLICATION {name};",
            ),
        ),
        kept="one that was there before prepare stays, with a notice.",
    )


_OTHERS = """\
SELECT FROM pg_publication p WHERE pubname = {name} AND coalesce(obj_description(p.oid, 'pg_publication'), '') <> {made} AND (
  NOT (pubinsert AND pubupdate AND pubdelete AND pubtruncate) OR to_jsonb(p) ->> 'pubviaroot' IS DISTINCT FROM 'true'
  OR EXISTS (SELECT FROM pg_publication_rel r WHERE prpubid = p.oid AND
    coalesce(to_jsonb(r) ->> 'prqual', to_jsonb(r) ->> 'prattrs') IS NOT NULL)
  OR EXISTS (SELECT FROM pg_publication_tables t
    CROSS JOIN LATERAL (SELECT format('%I.%I', schemaname, tablename)::regclass AS leaf) named WHERE t.pubname = p.pubname
    AND NOT coalesce(pg_partition_root(leaf)::regclass, leaf) = ANY (ARRAY[{mine}]::regclass[]))
  OR EXISTS (SELECT FROM unnest(ARRAY[{mine}]::regclass[]) AS wanted (one)
    WHERE NOT puballtables AND NOT EXISTS (SELECT FROM pg_publication_rel WHERE prpubid = p.oid AND prrelid = one)))"""
"""A publication that nobody marked, and that hands out anything otherwise than is asked here: other tables, fewer of them, some of
their rows or columns, some of what is done to them.
"""


def _slot(source: CaptureSource) -> Step:
    return Step(
        title=f"Slot {source.slot}",
        why="capture makes it when it begins; nothing is to be done. From then on the server keeps its log until that is read.",
        statements=(),
        undo=(
            _when(
                f"SELECT FROM pg_replication_slots WHERE slot_name = {_text(source.slot)} AND active",
                _raise(f"capture still reads with slot {source.slot}: stop the connector first"),
            ),
            _DROP_SLOT.format(name=_text(source.slot)),
        ),
        kept=f"stop the connector before: yibao connector delete {source.name}.",
    )


def _beat(source: CaptureSource) -> tuple[str, ...]:
    return () if source.heartbeat_table is None else (source.heartbeat_table,)


def _unless(there: str, statements: str) -> str:
    return f"DO $$ BEGIN IF NOT EXISTS ({there}) THEN {statements} END IF; END $$;"


def _when(there: str, statements: str) -> str:
    return f"DO $$ BEGIN IF EXISTS ({there}) THEN {statements} END IF; END $$;"


def _undone(there: str, comment: str, statements: str, left: str) -> str:
    """What was made is taken back; what was there before is told to be left. comment: what it bears, of a row of `there`."""
    made = f"{there} AND {comment} = {_text(MADE)}"
    told = f"IF EXISTS ({there}) THEN RAISE NOTICE '%', {_text(left)}; END IF;"
    return f"DO $$ BEGIN IF EXISTS ({made}) THEN {statements} ELSE {told} END IF; END $$;"


def _raise(what: str) -> str:
    return f"RAISE EXCEPTION '%', {_text(what)};"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
