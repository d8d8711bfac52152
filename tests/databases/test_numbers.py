"""Numbers that two tables give for one institution, compared on real servers: within a MariaDB, and with a PostgreSQL."""

from contextlib import closing
from dataclasses import replace

import psycopg
import pymysql
import pytest

from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole
from connector.findings import Severity
from connector.numbers import Numbers
from connector.profiles import profile_of
from connector.questions import Groups, Links, Products, Sums
from connector.shared_numbers import shared_numbers
from sandbox.stack.mariadb import SUPERUSER
from tests.own_stack import own_stack

pytestmark = pytest.mark.stack

PASSWORD = "the-capture-password"
OURS, OTHERS = "H36110200001", "P36110200002"
TABLES = """
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE shop.fee (id bigint PRIMARY KEY, org varchar(20));
CREATE TABLE shop.old_fee (id bigint PRIMARY KEY, org varchar(20) CHARACTER SET gbk);
CREATE TABLE shop.written (no varchar(20) PRIMARY KEY, org varchar(20));
CREATE TABLE shop.of_others (id bigint PRIMARY KEY, org varchar(20));
CREATE TABLE shop.later (id bigint PRIMARY KEY, org varchar(20));
CREATE TABLE shop.kinds (
  id bigint PRIMARY KEY, wall datetime(3), moment timestamp NULL, day date, amount decimal(16, 4), name varchar(9));
SET time_zone = '+08:00';
INSERT INTO shop.kinds VALUES
  (1, '2026-03-01 08:00:00.5', '2026-03-01 08:00:00', '2026-03-01', 1.5, 'O''Hara 张'), (2, NULL, NULL, NULL, NULL, '');
INSERT INTO shop.fee SELECT seq, 'A01' FROM seq_1_to_40;
INSERT INTO shop.old_fee SELECT seq, ' A01' FROM seq_36_to_60;
INSERT INTO shop.written SELECT concat(seq, ' '), 'A01' FROM seq_39_to_50;
INSERT INTO shop.of_others SELECT seq, 'B01' FROM seq_1_to_40;
INSERT INTO shop.later SELECT seq, 'A01' FROM seq_1000_to_1010;
CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'the-capture-password';
GRANT SELECT ON shop.* TO reader@'127.0.0.1'"""


@pytest.fixture(scope="module")
def servers():
    """A MariaDB and a PostgreSQL with some numbers."""
    with own_stack("mariadb", "postgres") as stack:
        stack.up()
        ends = stack.endpoints
        with closing(pymysql.connect(host=ends.postgres_host, port=ends.mariadb_port, user=SUPERUSER, autocommit=True)) as link:
            for statement in TABLES.split(";"):
                with link.cursor() as cursor:
                    cursor.execute(statement)
        where = f"host={ends.postgres_host} port={ends.postgres_port} user=postgres dbname="
        with psycopg.connect(f"{where}postgres", autocommit=True) as link:
            link.execute("CREATE DATABASE shop")
        with psycopg.connect(f"{where}shop", autocommit=True) as link:
            link.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
            link.execute("CREATE SCHEMA shop; CREATE TABLE shop.fee AS SELECT id, 'A01' AS org FROM generate_series(30, 70) id")
            link.execute("SET timezone = 'Asia/Shanghai'")
            columns = "id bigint, wall timestamp(3), moment timestamptz, day date, amount numeric(16, 4), name varchar(9)"
            link.execute(f"CREATE TABLE shop.kinds ({columns})")
            first = "1, '2026-03-01 08:00:00.5', '2026-03-01 08:00:00', '2026-03-01', 1.5, 'O''Hara 张'"
            link.execute(f"INSERT INTO shop.kinds VALUES ({first}), (2, NULL, NULL, NULL, NULL, '')")
            link.execute("GRANT SELECT ON shop.kinds TO reader")
            link.execute("GRANT USAGE ON SCHEMA shop TO reader; GRANT SELECT ON shop.fee TO reader")
        yield ends


def numbers(ends, kind, table, column="id"):
    mariadb = kind is DatabaseKind.MARIADB
    source = CaptureSource(
        name=kind.value,
        kind=kind,
        host=ends.postgres_host,
        port=ends.mariadb_port if mariadb else ends.postgres_port,
        database="shop",
        user="reader",
        password_file="",
        password_reference="",
        sslmode="disable",
        publication="",
        slot="",
        heartbeat_table=None,
        tables=(),
    )
    codes = {"A01": OURS, "B01": OTHERS}
    return Numbers(source=source, table=table, column=column, names="BKKP_SN", institution="org", institutions=codes)


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ((DatabaseKind.MARIADB, "shop.old_fee"), "has 5 numbers that also stand in mariadb: shop.fee.id"),
        ((DatabaseKind.MARIADB, "shop.written", "no"), "has 2 numbers that also stand in mariadb: shop.fee.id"),
        ((DatabaseKind.MARIADB, "shop.of_others"), None),
        ((DatabaseKind.MARIADB, "shop.later"), None),
        ((DatabaseKind.POSTGRESQL, "shop.fee"), "has 11 numbers that also stand in mariadb: shop.fee.id"),
    ],
    ids=["two fee tables", "numbers as texts", "another institution", "no number of the other", "two kinds of databases"],
)
@pytest.mark.parametrize("apart", [False, True], ids=["one source", "two sources"])
def test_numbers_that_two_tables_share_are_found(servers, other, found, apart):
    """As two records of one number they overwrite each other at the platform, whatever databases they come from."""
    first, second = numbers(servers, DatabaseKind.MARIADB, "shop.fee"), numbers(servers, *other)
    if apart and other[0] is DatabaseKind.MARIADB:
        second = replace(second, source=replace(second.source, name="apart", host="localhost"))
    findings = shared_numbers(first, second, passwords=dict.fromkeys(("mariadb", "apart", "postgresql"), PASSWORD))
    assert ([found] if found else []) == [finding.what.partition(" for the same")[0] for finding in findings]
    assert all(finding.severity is Severity.BLOCKS for finding in findings)


def test_a_number_says_nothing_without_its_institution(servers):
    """Where all rows of a table belong to one, no column says so."""
    first = replace(numbers(servers, DatabaseKind.MARIADB, "shop.fee"), institution=None, institutions={OURS: OURS})
    second = replace(numbers(servers, DatabaseKind.MARIADB, "shop.of_others"), institution=None, institutions={OTHERS: OTHERS})
    assert () == shared_numbers(first, second, passwords={"mariadb": PASSWORD})
    same = replace(second, institutions={OURS: OURS})
    (finding,) = shared_numbers(first, same, passwords={"mariadb": PASSWORD})
    assert "has 40 numbers" in finding.what


@pytest.mark.parametrize("kind", [DatabaseKind.MARIADB, DatabaseKind.POSTGRESQL])
def test_rows_are_read_in_the_words_of_capture(servers, kind):
    """Wall clocks as they are, moments in UTC, numbers with their scale; NULL is none; a value of another type finds nothing."""
    columns = ("amount", "day", "id", "moment", "name", "wall")
    table = CapturedTable(name="shop.kinds", role=TableRole.FEE, key=("id",), visit_key=("id",), columns=columns)
    source = numbers(servers, kind, "shop.kinds").source

    def read(**where):
        return profile_of(kind).read_rows(source, table, where=where, most=10, password=PASSWORD)

    (row,) = read(name="O'Hara 张")
    times = {"wall": "2026-03-01T08:00:00.5", "moment": "2026-03-01T00:00:00"}
    assert {"id": "1", "day": "2026-03-01Z", "amount": "1.5000", "name": "O'Hara 张"} | times == {
        name: f"{value}".rstrip("Z").rstrip("0").rstrip(".") if name == "wall" else value for name, value in row.items()
    } | {"moment": f"{row['moment']}".partition(".")[0].rstrip("Z")}
    assert f"{row['wall']}".endswith("Z")
    assert f"{row['moment']}".endswith("Z")
    (other,) = read(id="2")
    assert dict.fromkeys(columns) | {"id": "2", "name": ""} == other
    assert [] == read(id="none", name="x")


@pytest.mark.parametrize("kind", [DatabaseKind.MARIADB, DatabaseKind.POSTGRESQL])
def test_rows_are_counted_by_their_values_and_by_what_they_name(servers, kind):
    """The questions of a mapping's profile."""
    source = numbers(servers, kind, "shop.kinds").source

    def grouped(*columns, most=10):
        asked = Groups(table="shop.kinds", columns=columns, most=most)
        return profile_of(kind).count_groups(source, asked, longest_s=30, password=PASSWORD)

    def dangling(columns, others, among=None):
        asked = Links(table="shop.kinds", columns=columns, others=others, among=among)
        return profile_of(kind).count_dangling(source, asked, longest_s=30, password=PASSWORD)

    assert [((), 2)] == grouped()
    assert {(("1.5000", "2026-03-01Z"), 1), ((None, None), 1)} == {*grouped("amount", "day")}
    assert 1 == len(grouped("id", most=1))
    assert 2 == dangling(["id"], [("shop.fee", ["id"])]) + (kind is DatabaseKind.MARIADB) * 2
    assert 0 == dangling(["id"], [("shop.fee", ["id"]), ("shop.kinds", ["id"])])
    assert 1 == dangling(["name"], [])
    assert 1 == dangling(["name"], [("shop.fee", ["id"])])
    assert (1, 0) == (dangling(["id"], [], ("name", ["O'Hara 张"])), dangling(["id"], [], ("name", ["other"])))

    def otherwise(asked):
        return profile_of(kind).count_otherwise(source, asked, longest_s=30, password=PASSWORD)

    assert 0 == otherwise(Products(table="shop.kinds", factors=("amount", "id"), product="amount", tolerance="0.01"))
    assert 1 == otherwise(Products(table="shop.kinds", factors=("amount", "amount"), product="amount", tolerance="0.01"))
    sums = Sums(table="shop.kinds", key="id", total="id", parts="shop.kinds", link="id", amount="amount", tolerance="0.005")
    assert 1 == otherwise(sums)
    assert 0 == otherwise(replace(sums, total="amount"))


def test_numbers_are_compared_with_what_stands_before_them(servers):
    """As they are reported."""
    first, second = numbers(servers, DatabaseKind.MARIADB, "shop.fee"), numbers(servers, DatabaseKind.MARIADB, "shop.old_fee")
    for ours, theirs, found in (("W-", "W-", 1), ("W-", "", 0), ("W", "W-", 0)):
        pair = replace(first, prefix=ours), replace(second, prefix=theirs)
        assert found == len(shared_numbers(*pair, passwords={"mariadb": PASSWORD}))
