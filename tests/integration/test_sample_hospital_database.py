"""The sample hospital in a real PostgreSQL: what is written is what the expectations were made of, and capture may do no more."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import orjson
import psycopg
import pytest

from connector.contract import CaptureSource, DatabaseKind
from connector.findings import Severity
from connector.numbers import Numbers
from connector.shared_numbers import shared_numbers
from sandbox.hospital import Oracle, Verb, Workload, create_schema, image, run
from sandbox.hospital.database import PUBLICATION, ROLE
from sandbox.hospital.institutions import INSTITUTIONS
from sandbox.hospital.tables import BY_VISIT, PATIENTS, TABLES
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.stack
DATABASE = "his_of_tests"
PASSWORD = "of-a-test"
WORKLOAD = Workload(visits=40, seed=9)


def _connect(postgres, database: str, **login: str) -> "psycopg.Connection":
    return psycopg.connect(
        host=postgres.postgres_host, port=postgres.postgres_port, dbname=database, autocommit=True, **({"user": "postgres"} | login)
    )


@pytest.fixture(scope="module")
def hospital(postgres) -> Iterator["psycopg.Connection"]:
    """A database in which the workload was played."""
    with _connect(postgres, "postgres") as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        conn.execute(f"CREATE DATABASE {DATABASE}")
    with _connect(postgres, DATABASE) as conn:
        create_schema(conn, password=PASSWORD)
        run(conn, WORKLOAD)
        yield conn
    with _connect(postgres, "postgres") as conn:
        conn.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def test_the_database_holds_the_rows_of_which_the_expectations_were_made(hospital):
    """If the images lied about a type or a scale, every test without a database would prove the wrong thing."""
    rows = {}
    for transaction in WORKLOAD:
        for change in transaction.changes:
            rows.pop((change.table.name, change.key), None)
            if change.verb is not Verb.DELETE:
                rows[change.table.name, change.key] = image(change.table, change.row)
    hospital.execute("SET timezone = 'UTC'")
    for table in (*BY_VISIT, PATIENTS):
        wanted = {key: row for (name, key), row in rows.items() if name == table.name}
        found = {row[table.key]: row for (row,) in hospital.execute(f"SELECT to_jsonb(t) FROM {table.name} t")}
        assert wanted.keys() == found.keys()
        for key, row in wanted.items():
            assert {name: _plain(value) for name, value in row.items()} == {
                name: _plain(found[key][name], kind) for name, kind in table.columns.items()
            }


def _plain(value, kind: str = ""):
    """JSON of PostgreSQL and of capture in one form: the fraction and zone of times, the scale of numbers."""
    if isinstance(value, float | int) and not isinstance(value, bool) and kind.startswith("numeric"):
        return f"{value:.{kind.rstrip(')').rpartition(',')[2]}f}"
    if isinstance(value, str) and kind == "date":
        return f"{value}Z"
    if isinstance(value, str) and kind == "timestamp":
        return f"{value}Z"
    if isinstance(value, str) and kind == "timestamptz":
        return f"{datetime.fromisoformat(value):%Y-%m-%dT%H:%M:%S.%f}Z"
    return value


def test_every_table_is_published_with_its_whole_rows(hospital):
    """A delete that carries only its primary key has no visit to be routed by."""
    published = {
        f"{schema}.{name}"
        for schema, name in hospital.execute(
            "SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = %s", (PUBLICATION,)
        )
    }
    whole = hospital.execute(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'his' AND c.relkind = 'r' AND c.relreplident = 'f'"
    ).fetchone()

    assert published == {table.name for table in TABLES} | {"cdc.heartbeat"}
    assert whole == (len(TABLES),)


def test_the_capture_role_may_read_and_nothing_else(hospital, postgres):
    """The login that leaves the hospital's hands must not be able to change a bill."""
    with _connect(postgres, DATABASE, user=ROLE, password=PASSWORD) as capture:
        capture.execute("UPDATE cdc.heartbeat SET ts = now()")
        assert capture.execute("SELECT count(*) FROM his.sf_fymx").fetchone() > (0,)
        for statement in ("UPDATE his.sf_fymx SET je = 0", "DELETE FROM his.mz_zy_jz", "CREATE TABLE his.x (i int)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                capture.execute(statement)


@pytest.fixture(scope="module")
def other_tables(hospital, postgres) -> Iterator[None]:
    """A fee table of the wards that counts from 1 as the other does, and a database beside whose numbers are texts with blanks."""
    columns = "mxid, jgdm, jzlsh"
    some = f"SELECT {columns} FROM his.sf_fymx WHERE je > 0 ORDER BY mxid DESC LIMIT 7"
    hospital.execute(f"CREATE TABLE his.zy_fymx AS SELECT *, 'W-' || mxid AS written FROM ({some}) AS lines")
    hospital.execute("CREATE TABLE his.of_others AS SELECT mxid, '99' AS jgdm, jzlsh FROM his.zy_fymx")
    rows = hospital.execute(some).fetchall()
    with _connect(postgres, "postgres") as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {DATABASE}_beside")
        conn.execute(f"CREATE DATABASE {DATABASE}_beside")
    with _connect(postgres, f"{DATABASE}_beside") as conn:
        create_schema(conn, password=PASSWORD)
        conn.execute("CREATE TABLE his.zy_fymx (mxid char(30), jgdm text)")
        conn.cursor().executemany("INSERT INTO his.zy_fymx VALUES (%s, %s)", [(f"{number}", code) for number, code, _ in rows])
        conn.execute(f"GRANT SELECT ON his.zy_fymx TO {ROLE}")
    hospital.execute(f"GRANT SELECT ON his.zy_fymx, his.of_others TO {ROLE}")
    yield
    hospital.execute("DROP TABLE his.zy_fymx, his.of_others")
    with _connect(postgres, "postgres") as conn:
        conn.execute(f"DROP DATABASE {DATABASE}_beside WITH (FORCE)")


def numbers(postgres, table: str, *, database: str = DATABASE, column: str = "mxid") -> Numbers:
    source = CaptureSource(
        name=database,
        kind=DatabaseKind.POSTGRESQL,
        host=postgres.postgres_host,
        port=postgres.postgres_port,
        database=database,
        user=ROLE,
        password_file="",
        password_reference="",
        sslmode="disable",
        publication="",
        slot="",
        heartbeat_table=None,
        tables=(),
    )
    codes = {code: one.code for code, one in INSTITUTIONS.items()}
    return Numbers(source=source, table=table, column=column, names="BKKP_SN", institution="jgdm", institutions=codes)


@pytest.mark.parametrize(
    ("table", "options", "found"),
    [
        ("his.zy_fymx", {}, "has 7 numbers that also stand in his_of_tests: his.sf_fymx.mxid"),
        ("his.of_others", {}, None),
        ("his.zy_fymx", {"database": f"{DATABASE}_beside"}, "has 7 numbers that also stand in his_of_tests: his.sf_fymx.mxid"),
        ("his.zy_fymx", {"column": "jzlsh"}, None),
    ],
    ids=["two fee tables", "another institution", "two databases", "other numbers of another type"],
)
def test_numbers_that_two_tables_share_are_found(other_tables, postgres, table, options, found):
    """Both would be one record at the platform, and the one that changed last would be all that is left of it."""
    first, second = numbers(postgres, "his.sf_fymx"), numbers(postgres, table, **options)
    passwords = {one.source.name: PASSWORD for one in (first, second)}
    findings = shared_numbers(first, second, passwords=passwords)
    assert ([found] if found else []) == [finding.what.partition(" for the same")[0] for finding in findings]
    assert all(finding.severity is Severity.BLOCKS for finding in findings)


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("", "W-", None),
        ("W-", "W-", 7),
        ("W-", "", None),
        ("W-", "written", 7),
        ("", "written", None),
    ],
)
@pytest.mark.parametrize("apart", [False, True], ids=["one database", "two databases"])
def test_numbers_are_compared_with_what_stands_before_them(other_tables, postgres, first, second, found, *, apart):
    """As they are reported: 7 with `W-` is what another table has as the text W-7, and no longer that table's 7."""
    fees = replace(numbers(postgres, "his.sf_fymx"), prefix=first)
    wards = numbers(postgres, "his.zy_fymx", column="written" if second == "written" else "mxid")
    wards = replace(wards, prefix="" if second == "written" else second)
    if apart:
        wards = replace(wards, source=replace(wards.source, name="apart", host="localhost"))
    findings = shared_numbers(fees, wards, passwords={one.source.name: PASSWORD for one in (fees, wards)})
    assert ([f"has {found} numbers"] if found else []) == [one.what.partition(" that also")[0] for one in findings]


def test_the_command_makes_a_hospital_and_its_expectations(postgres, tmp_path):
    """The words a person types: create, rows from before the capture, rows after it; the file is the oracle's."""
    password, expected = tmp_path / "secrets" / "his.password", tmp_path / "expected.jsonl"
    database = f"{DATABASE}_cli"
    where = ["--port", f"{postgres.postgres_port}", "--database", database]
    workload = ["--visits", "20", "--seed", "4", *where, "--before-share", "0.5"]
    try:
        _yibao("create", "--capture-password-file", f"{password}", *where)
        made = password.read_text()
        assert (made.strip(), len(made) > 20, password.stat().st_mode & 0o777) == (made, True, 0o600)
        assert password.parent.stat().st_mode & 0o777 == 0o700
        with psycopg.connect(
            host=postgres.postgres_host, port=postgres.postgres_port, user=ROLE, password=made, dbname=database
        ) as capture:
            assert capture.execute("SELECT count(*) FROM cdc.heartbeat").fetchone() == (1,)
        _yibao("create", "--replace", "--capture-password-file", f"{password}", *where)
        assert password.read_text() == made
        before = _yibao("run", *workload, "--phase", "before", "-o", "json")
        live = _yibao("run", *workload, "--phase", "live", "--expected", f"{expected}", "-o", "json")
    finally:
        with _connect(postgres, "postgres") as conn:
            conn.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    transactions = list(Workload(visits=20, seed=4))
    split = len(transactions) // 2
    assert (orjson.loads(before)["transactions"], orjson.loads(live)["transactions"]) == (split, len(transactions) - split)
    assert [one.line() for one in _expected(transactions, split)] == expected.read_bytes().splitlines(keepends=True)
    assert expected.stat().st_mode & 0o077 == 0


def test_the_command_says_what_to_do_where_its_rows_do_not_fit(postgres, tmp_path):
    """A second run of the same visits, a database that nobody made: exit code 2 and the way out, not an error of PostgreSQL's."""
    (tmp_path / "password").write_text(PASSWORD)
    database = f"{DATABASE}_unfit"
    where = ["--port", f"{postgres.postgres_port}", "--database", database]
    try:
        with _connect(postgres, "postgres") as conn:
            conn.execute(f"CREATE DATABASE {database}")
        assert "yibao hospital create" in _yibao("run", "--visits", "2", *where, code=2)
        _yibao("create", "--capture-password-file", f"{tmp_path / 'password'}", *where)
        _yibao("run", "--visits", "2", *where)
        assert "--first" in _yibao("run", "--visits", "2", *where, code=2)
    finally:
        with _connect(postgres, "postgres") as conn:
            conn.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def _expected(transactions, split):
    found = []
    oracle = Oracle(found.append)
    for number, transaction in enumerate(transactions):
        if number == split:
            oracle.start_capture()
        oracle.follow(transaction)
    oracle.finish()
    return found


def _yibao(*words: str, code: int = 0) -> str:
    command = [sys.executable, "-c", "from yibao.main import run; run()", "hospital", *words]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout
