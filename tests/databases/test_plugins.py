"""What is rendered for each kind of database, held against Debezium's own connector by Connect's validation: every option that it
knows has a value that it takes. There is no such database here, and that is all that it says.
"""

import pytest

from connector.connect import Connect
from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole, Topics
from connector.exchange import Access
from connector.render import render
from tests.own_stack import own_stack
from tests.settings import connect_settings

pytestmark = pytest.mark.stack

FEE = CapturedTable(name="dbo.费用", role=TableRole.FEE, key=("id",), visit_key=("visit",), columns=("id", "visit", "金额"))
ITEM = CapturedTable(name="dbo.item", role=TableRole.LOOKUP, key=("code",), visit_key=(), columns=("code", "name"), lookup="item")
OTHERS = (DatabaseKind.MARIADB, DatabaseKind.MYSQL, DatabaseKind.SQLSERVER, DatabaseKind.ORACLE)


@pytest.fixture(scope="module")
def connect():
    with own_stack("mariadb", "kafka", "connect") as stack:
        stack.start("kafka")
        stack.start("connect")
        (stack.secrets / "his").write_text("the-capture-password")
        yield Connect(Access(url=stack.endpoints.connect_url)), stack


def rendered(kind, stack):
    source = CaptureSource(
        name="his",
        kind=kind,
        host="127.0.0.1",
        port=1,
        database="HIS",
        user="yibao",
        password_file="",
        password_reference=f"${{directory:{stack.secrets}:his}}",
        sslmode="require",
        publication="",
        slot="",
        heartbeat_table="cdc_yibao.heartbeat",
        tables=(FEE, ITEM),
    )
    return render(source, Topics(prefix="a."), connect=connect_settings(stack.endpoints.bootstrap_servers))


@pytest.mark.parametrize("kind", OTHERS)
def test_debezium_takes_every_value_that_is_rendered(connect, kind):
    """What it holds against the source is that nobody answers there."""
    client, stack = connect
    errors = client.validate("capture-his", rendered(kind, stack))
    assert {"database.hostname"} >= {error.key for error in errors}, errors


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize(
    "option", ["snapshot.mode", "decimal.handling.mode", "time.precision.mode", "event.processing.failure.handling.mode"]
)
def test_and_names_one_that_it_does_not(connect, kind, option):
    """Else it would prove nothing."""
    client, stack = connect
    errors = client.validate("capture-his", rendered(kind, stack) | {option: "as-you-like"})
    assert option in {error.key for error in errors}


def test_the_isolation_of_a_sql_server_is_one_that_it_knows(connect):
    client, stack = connect
    config = rendered(DatabaseKind.SQLSERVER, stack)
    wrong = {error.key for error in client.validate("capture-his", config | {"snapshot.isolation.mode": "as-you-like"})}
    assert "snapshot.isolation.mode" in wrong
    wrong = {error.key for error in client.validate("capture-his", config | {"data.query.mode": "as-you-like"})}
    assert "data.query.mode" in wrong
