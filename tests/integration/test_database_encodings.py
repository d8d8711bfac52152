"""A hospital's database in another encoding than UTF-8, on a real server: its Chinese names are read, or the encoding is named."""

from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole
from connector.errors import Misconfigured
from connector.findings import Severity
from connector.preflight import preflight

pytestmark = pytest.mark.stack

ROLE, PASSWORD = "encoding_capture", "the-capture-password"


@pytest.fixture(scope="module")
def role(postgres):
    with superuser(postgres, "postgres") as connection:
        connection.execute(f"CREATE ROLE {ROLE} LOGIN REPLICATION PASSWORD '{PASSWORD}'")
        yield
        connection.execute(f"DROP ROLE {ROLE}")


@pytest.fixture
def source(postgres, role, request):
    """A table in a database of the encoding asked for. Its names are sent in the bytes that this encoding's programs use."""
    encoding, bytes_of, table, column = request.param
    database = f"encoded_{encoding.lower()}"
    with superuser(postgres, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {database} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
        with superuser(postgres, database, client_encoding=bytes_of) as inside:
            inside.execute(f'CREATE TABLE "{table}" ("{column}" text PRIMARY KEY)'.encode(bytes_of))
            inside.execute(f'ALTER TABLE "{table}" REPLICA IDENTITY FULL'.encode(bytes_of))
            inside.execute(f'GRANT SELECT ON "{table}" TO {ROLE}'.encode(bytes_of))
            inside.execute(f'CREATE PUBLICATION pub FOR TABLE "{table}"'.encode(bytes_of))
        yield CaptureSource(
            name="his",
            kind=DatabaseKind.POSTGRESQL,
            host=postgres.postgres_host,
            port=postgres.postgres_port,
            database=database,
            user=ROLE,
            password_file="secrets/his.password",
            password_reference="${directory:/secrets:his.password}",
            sslmode="disable",
            publication="pub",
            slot="encoded",
            heartbeat_table=None,
            tables=(
                CapturedTable(name=f"public.{table}", role=TableRole.VISIT, key=(column,), visit_key=(column,), columns=(column,)),
            ),
        )
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))


def superuser(stack, database, client_encoding="utf-8"):
    names = {"latin-1": "LATIN1", "gb2312": "EUC_CN", "gbk": "SQL_ASCII", "utf-8": "UTF8"}
    return psycopg.connect(
        host=stack.postgres_host,
        port=stack.postgres_port,
        user="postgres",
        dbname=database,
        autocommit=True,
        client_encoding=names[client_encoding],
    )


def blocking(source):
    return [finding for finding in preflight(source, password=PASSWORD) if finding.severity is Severity.BLOCKS]


@pytest.mark.parametrize(
    "source", [("EUC_CN", "gb2312", "就诊", "就诊号"), ("LATIN1", "latin-1", "séjour", "numéro")], indirect=True
)
def test_names_in_the_databases_own_encoding_are_found(source):
    """Older hospital systems are not UTF-8, and capture reads them all the same: the server converts."""
    assert [] == blocking(source)


@pytest.mark.parametrize("source", [("SQL_ASCII", "gbk", "就诊", "就诊号")], indirect=True)
def test_a_database_without_an_encoding_is_the_only_thing_that_is_found(source):
    """Everything in it would be reported missing, although it is there: the names are bytes that nobody can compare."""
    (found,) = blocking(source)
    assert (found.where, "is SQL_ASCII" in found.what) == (f"database {source.database}", True)


@pytest.mark.parametrize("source", [("LATIN1", "latin-1", "séjour", "numéro")], indirect=True)
def test_a_name_that_the_encoding_does_not_have_is_an_error_without_a_traceback(source):
    """A mapping with Chinese names against the wrong one of two databases."""
    with pytest.raises(Misconfigured, match="does not exist in the database's encoding"):
        preflight(replace(source, tables=(replace(source.tables[0], name="医院.就诊"),)), password=PASSWORD)
