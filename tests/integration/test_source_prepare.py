"""What `yibao source prepare` prints: after it nothing stands against capture on a real PostgreSQL, the checks miss what of it
somebody takes back, and the way back leaves nothing.
"""

from dataclasses import replace

import psycopg
import pytest

from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole
from connector.errors import Misconfigured
from connector.preparation import MADE
from connector.profiles import profile_of
from tests.integration.capture_steps import superuser

pytestmark = pytest.mark.stack

DATABASE, ROLE, PASSWORD, PUBLICATION = "unprepared", "o'reader", "a-password-of-its-own", 'the "pub"'
TABLES = (
    'CREATE TABLE his.visit (id int PRIMARY KEY, no varchar(20), "Order" text)',
    "CREATE TABLE his.charge (id bigint, day date, no varchar(20), PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
    "CREATE TABLE his.charge_old PARTITION OF his.charge FOR VALUES FROM (MINVALUE) TO ('2026-01-01')",
    "CREATE TABLE his.charge_new PARTITION OF his.charge FOR VALUES FROM ('2026-01-01') TO (MAXVALUE)",
    "CREATE TABLE his.dept (code varchar(10) PRIMARY KEY, name text)",
    "CREATE TABLE his.ward (id int PRIMARY KEY, code varchar(10) NOT NULL UNIQUE, name text)",
)
"""A table with a reserved word, one in partitions, a lookup that its primary key names, and one that it does not."""


HOSPITALS = {"his.charge (id)"}
"""Its table is unique in each partition alone, which no preparation mends."""


def captured(name, role, key, visit_key, *others, lookup=None):
    return CapturedTable(name=name, role=role, key=(key,), visit_key=visit_key, columns=(key, *visit_key, *others), lookup=lookup)


@pytest.fixture(scope="module")
def source(stack):
    return CaptureSource(
        name="his",
        kind=DatabaseKind.POSTGRESQL,
        host=stack.postgres_host,
        port=stack.postgres_port,
        database=DATABASE,
        user=ROLE,
        password_file="none",
        password_reference="none",
        sslmode="disable",
        publication=PUBLICATION,
        slot="unprepared",
        heartbeat_table="cdc.beat",
        tables=(
            captured("his.visit", TableRole.VISIT, "id", ("no",), "Order"),
            captured("his.charge", TableRole.FEE, "id", ("no",)),
            captured("his.dept", TableRole.LOOKUP, "code", (), "name", lookup="dept"),
            captured("his.ward", TableRole.LOOKUP, "code", (), "name", lookup="ward"),
        ),
    )


@pytest.fixture(scope="module")
def database(stack):
    """A hospital's database that nobody prepared."""
    with superuser(stack, "postgres") as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {DATABASE}")
    with superuser(stack, DATABASE) as connection:
        connection.execute("CREATE SCHEMA his")
        for statement in TABLES:
            connection.execute(statement)
        yield connection
    with superuser(stack, "postgres") as admin:
        admin.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        admin.execute(f'DROP ROLE IF EXISTS "{ROLE}"')
        for setting in ("wal_level", "max_slot_wal_keep_size"):
            admin.execute(f"ALTER SYSTEM RESET {setting}")
        admin.execute("SELECT pg_reload_conf()")


def typed(database, statements):
    """One after the other."""
    for statement in statements:
        database.execute(statement.encode())


def back(steps):
    """What takes them back, the last one first."""
    return [statement for step in reversed(steps) for statement in step.undo]


def prepare(database, source):
    """As its administrator does: one statement after the other, and the password by hand."""
    steps = profile_of(source.kind).preparation(source, connect_host="%")
    typed(database, [statement for step in steps for statement in step.statements])
    database.execute(f"""ALTER ROLE "{ROLE}" PASSWORD '{PASSWORD}'""")


def found(source):
    try:
        return {one.where for one in profile_of(source.kind).preflight(source, password=PASSWORD)} - HOSPITALS
    except Misconfigured:
        return {"login"}


SLIPS = (
    ("ALTER TABLE his.visit REPLICA IDENTITY DEFAULT", {"his.visit"}),
    ("ALTER TABLE his.charge_old REPLICA IDENTITY DEFAULT", {"his.charge"}),
    ("ALTER TABLE his.ward REPLICA IDENTITY DEFAULT", {"his.ward"}),
    ("ALTER TABLE his.dept REPLICA IDENTITY NOTHING", {"his.dept"}),
    ("ALTER TABLE his.ward REPLICA IDENTITY USING INDEX ward_code_key", {"his.ward"}),
    (f'REVOKE SELECT ON his.dept FROM "{ROLE}"', {"his.dept"}),
    (f'REVOKE USAGE ON SCHEMA his FROM "{ROLE}"', {"his.visit", "his.charge", "his.dept", "his.ward"}),
    (f'REVOKE UPDATE ON cdc.beat FROM "{ROLE}"', {"cdc.beat"}),
    ("DELETE FROM cdc.beat", {"cdc.beat"}),
    ('ALTER PUBLICATION "the ""pub""" DROP TABLE his.visit', {"his.visit"}),
    ("""ALTER PUBLICATION "the ""pub\""" SET (publish = 'insert')""", {f"publication {PUBLICATION}"}),
    ('ALTER PUBLICATION "the ""pub""" SET (publish_via_partition_root = false)', {f"publication {PUBLICATION}"}),
    ('DROP PUBLICATION "the ""pub"""', {f"publication {PUBLICATION}"}),
    (f'ALTER ROLE "{ROLE}" NOREPLICATION', {f"role {ROLE}"}),
    (f'ALTER ROLE "{ROLE}" NOLOGIN', {"login"}),
)


def test_what_is_prepared_is_what_the_checks_ask_for_and_the_way_back_leaves_nothing(database, source):
    """An administrator runs a script once, and is not asked for one thing after the other."""
    assert {"login"} == found(source)
    prepare(database, source)
    assert set() == found(source)
    identities = "SELECT relname, relreplident::text FROM pg_class WHERE relname = ANY(%s)"
    told = dict(database.execute(identities, (["dept", "ward", "charge_new"],)).fetchall())
    assert {"dept": "d", "ward": "f", "charge_new": "f"} == told, "a lookup that its primary key names needs no more in its log"
    for slip, told in SLIPS:
        database.execute(slip.encode())
        assert told <= found(source), slip
        prepare(database, source)
        assert set() == found(source), slip

    typed(database, back(profile_of(source.kind).preparation(source, connect_host="%")))
    left = "SELECT count(*) FROM pg_roles WHERE rolname = %s UNION ALL SELECT count(*) FROM pg_publication WHERE pubname = %s"
    assert [(0,), (0,)] == database.execute(left, (ROLE, PUBLICATION)).fetchall()
    assert [("r",)] == database.execute("SELECT relkind::text FROM pg_class WHERE oid = 'his.visit'::regclass").fetchall()


def test_a_login_that_owns_the_hospitals_tables_is_refused_and_nothing_of_its_is_dropped(database, source):
    """The way back once dropped what the login owned: the hospital's tables."""
    database.execute('CREATE ROLE "owner"')
    database.execute('GRANT ALL ON SCHEMA his TO "owner"')
    database.execute('ALTER TABLE his.visit OWNER TO "owner"')
    theirs = replace(source, user="owner")
    steps = profile_of(source.kind).preparation(theirs, connect_host="%")
    with pytest.raises(psycopg.errors.RaiseException, match="owns tables"):
        typed(database, [statement for step in steps for statement in step.statements])
    typed(database, back(steps))
    database.execute(f"COMMENT ON ROLE owner IS '{MADE}'")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        typed(database, back(steps))
    assert [(0,)] == database.execute("SELECT count(*) FROM his.visit").fetchall()
    database.execute('REASSIGN OWNED BY "owner" TO CURRENT_USER; DROP OWNED BY "owner"; DROP ROLE "owner"')


def test_what_capture_still_reads_with_is_not_taken_away(database, source):
    """A slot that is read cannot be dropped, and would keep the log for ever."""
    (slot,) = [step for step in profile_of(source.kind).preparation(source, connect_host="%") if step.title.startswith("Slot")]
    assert "RAISE EXCEPTION" in slot.undo[0]
    typed(database, slot.undo)


def test_a_login_and_a_publication_that_were_there_before_keep_what_they_have(database, source):
    """A program of the hospital, named by mistake, once lost its rights and its login by the way back."""
    database.execute("CREATE ROLE billing LOGIN")
    whole = "WITH (publish_via_partition_root = true)"
    database.execute(f"CREATE PUBLICATION theirs FOR TABLE his.visit, his.charge, his.dept, his.ward, cdc.beat {whole}")
    database.execute("GRANT USAGE ON SCHEMA his TO billing; GRANT SELECT, UPDATE ON his.visit TO billing")
    theirs = replace(source, user="billing", publication="theirs")
    steps = profile_of(source.kind).preparation(theirs, connect_host="%")
    typed(database, [statement for step in steps for statement in step.statements])
    told = []
    database.add_notice_handler(lambda notice: told.append(notice.message_primary))
    typed(database, back(steps))
    assert [True] == [may for (may,) in database.execute("SELECT has_table_privilege('billing', 'his.visit', 'SELECT, UPDATE')")]
    assert [("theirs",)] == database.execute("SELECT pubname FROM pg_publication WHERE pubname = 'theirs'").fetchall()
    kept = "".join(told)
    assert "login billing" in kept
    assert "publication theirs" in kept
    assert 'REVOKE SELECT ON "his"."dept" FROM "billing";' in kept, "what is left to a person stands there to be typed"
    database.execute("DROP PUBLICATION theirs; DROP OWNED BY billing; DROP ROLE billing")


def test_a_publication_that_hands_out_other_tables_is_not_taken_over(database, source):
    """Who reads by it would lose the tables that this mapping does not name."""
    database.execute("CREATE TABLE his.other (id int PRIMARY KEY); CREATE PUBLICATION theirs FOR TABLE his.visit, his.other")
    steps = profile_of(source.kind).preparation(replace(source, publication="theirs"), connect_host="%")
    with pytest.raises(psycopg.errors.RaiseException, match="theirs hands out other tables"):
        typed(database, [statement for step in steps for statement in step.statements])
    assert [(2,)] == database.execute("SELECT count(*) FROM pg_publication_tables WHERE pubname = 'theirs'").fetchall()
    database.execute("DROP PUBLICATION theirs; DROP TABLE his.other")


@pytest.mark.parametrize("way", ["FOR TABLE his.visit", "FOR TABLE his.visit, his.charge, his.dept, his.ward, cdc.beat"])
def test_a_publication_that_hands_out_less_is_not_taken_over(database, source, way):
    """Who reads by it asked for no more: neither for other tables, nor for deletes."""
    prepare(database, source)
    database.execute(f"CREATE PUBLICATION theirs {way} WITH (publish = 'insert')")
    steps = profile_of(source.kind).preparation(replace(source, publication="theirs"), connect_host="%")
    with pytest.raises(psycopg.errors.RaiseException, match="in another way"):
        typed(database, [statement for step in steps for statement in step.statements])
    assert [(False,)] == database.execute("SELECT pubdelete FROM pg_publication WHERE pubname = 'theirs'").fetchall()
    database.execute("DROP PUBLICATION theirs")


def test_a_slot_that_is_none_of_capture_is_not_dropped(database, source):
    """A standby's, of the same name."""
    database.execute("SELECT pg_create_physical_replication_slot(%s)", [source.slot])
    (slot,) = [step for step in profile_of(source.kind).preparation(source, connect_host="%") if step.title.startswith("Slot")]
    typed(database, slot.undo)
    left = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s"
    assert [(1,)] == database.execute(left, [source.slot]).fetchall()
    database.execute("SELECT pg_drop_replication_slot(%s)", [source.slot])


def test_a_login_that_another_source_uses_too_keeps_what_it_has(database, source):
    """Taking back one of two sources once took the schema's right from the other."""
    other = replace(source, name="other", publication="other", slot="other", tables=source.tables[2:])
    for one in (source, other):
        prepare(database, one)
    one = replace(source, tables=source.tables[:2])
    with pytest.raises(psycopg.errors.DependentObjectsStillExist, match="keeps all of it") as refused:
        typed(database, back(profile_of(source.kind).preparation(one, connect_host="%")))
    assert 'REVOKE SELECT ON "his"."visit"' in refused.value.diag.message_hint, "the way out"
    assert set() == found(other)
    typed(database, back(profile_of(source.kind).preparation(other, connect_host="%"))[:-1])
