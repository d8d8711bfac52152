"""What the product itself reads of a MariaDB that speaks TLS: who is let through, and who is not, by `sslmode`."""

import subprocess
from contextlib import closing
from dataclasses import replace

import pytest

from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole
from connector.errors import Misconfigured, Unreachable
from connector.profiles import profile_of
from sandbox.stack.mariadb import TLS
from tests.databases.binlog_site import connected, execute
from tests.own_stack import own_stack

pytestmark = pytest.mark.stack

PASSWORD, NEXT = "the-capture-password", "the-next-capture-password"
TABLE = CapturedTable(name="shop.fee", role=TableRole.FEE, key=("id",), visit_key=("id",), columns=("id",))


def certificate(folder, name, *, host):
    """One that signs itself: its own authority. host: for whom it is."""
    names = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{host}")
    files = ("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files)
    subprocess.run(command, check=True, capture_output=True)
    return folder / f"{name}.pem"


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """With a certificate for 127.0.0.1, one table and a login that TLS is demanded of. A folder of certificates beside."""
    folder = tmp_path_factory.mktemp("tls")
    certificate(folder, "other", host="127.0.0.1")
    with own_stack("mariadb") as stack:
        stack.up()
        (stack.home / TLS).mkdir(parents=True)
        server = certificate(stack.home / TLS, "server", host="127.0.0.1")
        stack.kill("mariadb")
        stack.start("mariadb")
        with closing(connected(stack)) as link:
            for statement in (
                "CREATE DATABASE shop",
                "CREATE TABLE shop.fee (id int PRIMARY KEY)",
                "INSERT INTO shop.fee VALUES (1)",
                f"CREATE USER reader@'127.0.0.1' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL",
                "GRANT SELECT ON shop.* TO reader@'127.0.0.1'",
            ):
                execute(link, statement)
        yield stack, folder, server


def source_of(stack, **more):
    return CaptureSource(
        name="shop",
        kind=DatabaseKind.MARIADB,
        host=stack.endpoints.postgres_host,
        port=stack.endpoints.mariadb_port,
        database="shop",
        user="reader",
        password_file="",
        password_reference="",
        publication="",
        slot="",
        heartbeat_table=None,
        tables=(TABLE,),
        **more,
    )


def read(source, password=PASSWORD):
    """What check, preview and a reading of the table ask."""
    profile = profile_of(source.kind)
    profile.preflight(source, password=password)
    profile.read_facts(source, password=password)
    rows = profile.read_rows(source, TABLE, where={"id": "1"}, most=1, password=password)
    assert [("1",)] == list(profile.read_keys(source, TABLE, where=None, password=password))
    return rows, profile.count_rows(source, TABLE, where=None, password=password)


def test_a_server_is_read_where_its_certificate_is_the_one_that_was_named(secured):
    """By name and authority (verify-full), by authority alone (verify-ca), or unseen (require)."""
    stack, folder, server = secured
    source = source_of(stack, sslmode="verify-full", ca_file=f"{server}")
    whole = ([{"id": "1"}], 1)
    assert whole == read(source)
    assert whole == read(replace(source, sslmode="verify-ca"))
    assert whole == read(replace(source, sslmode="require", ca_file=None))
    assert whole == read(replace(source, sslmode="verify-ca", host="localhost"))
    with pytest.raises(Unreachable, match="check host, port, sslmode, ca_file"):
        read(replace(source, host="localhost"))
    for mode in ("verify-ca", "verify-full"):
        with pytest.raises(Unreachable, match="certificate"):
            read(replace(source, sslmode=mode, ca_file=f"{folder / 'other.pem'}"))


def test_a_login_that_must_come_by_tls_is_refused_without(secured):
    """MariaDB refuses the account as it refuses a wrong password."""
    with pytest.raises(Misconfigured, match="refuses the login of reader"):
        read(source_of(secured[0], sslmode="disable"))


def test_a_password_that_was_changed_is_told_and_the_next_one_reads(secured):
    """Every quarter."""
    stack, _, server = secured
    source = source_of(stack, sslmode="verify-full", ca_file=f"{server}")
    changed(stack, NEXT)
    try:
        with pytest.raises(Misconfigured, match="refuses the login of reader"):
            read(source)
        assert ([{"id": "1"}], 1) == read(source, NEXT)
    finally:
        changed(stack, PASSWORD)


def changed(stack, password):
    with closing(connected(stack)) as link:
        execute(link, f"ALTER USER reader@'127.0.0.1' IDENTIFIED BY '{password}'")
