"""A SQL Server, without one: what is rendered and prepared, and that nothing is said to be well that nobody looked at."""

from dataclasses import replace

import pytest

from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole, Topics
from connector.errors import Misconfigured, Unseen
from connector.findings import Severity
from connector.numbers import Numbers
from connector.preparation import script_of, undo_of
from connector.profiles import profile_of
from connector.profiles.sqlserver.preparation import instance_of
from connector.remedies import is_lost
from connector.render import render
from connector.shared_numbers import shared_numbers
from tests.settings import connect_settings

FEE = CapturedTable(name="dbo.费用", role=TableRole.FEE, key=("id",), visit_key=("visit",), columns=("id", "visit", "金]额"))
SOURCE = CaptureSource(
    name="his",
    kind=DatabaseKind.SQLSERVER,
    host="db",
    port=1433,
    database="HIS",
    user="o'brien",
    password_file="/secrets/his",
    password_reference="${directory:/secrets:his}",
    sslmode="verify-full",
    publication="yibao",
    slot="yibao",
    heartbeat_table="cdc_yibao.heartbeat",
    tables=(FEE,),
    connect_ca_file="/trust/his.jks",
)
PROFILE = profile_of(DatabaseKind.SQLSERVER)


def config_of(**more):
    return render(replace(SOURCE, **more), Topics(), connect=connect_settings("kafka:9092"))


def test_each_check_that_is_not_made_is_named():
    """A check that finds nothing because it does not look would be believed."""
    never, *unchecked = PROFILE.preflight(SOURCE, password="")
    assert ("its capture was never run on a real server" in never.what, "docs/databases/sqlserver.md" in never.mend) == (True, True)
    assert len(unchecked) == len(PROFILE.unchecked)
    assert {Severity.WARNS} == {one.severity for one in (never, *unchecked)}
    assert all("is not looked at" in one.what for one in unchecked)
    assert not any("{" in one.mend for one in unchecked)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: PROFILE.read_facts(SOURCE, password=""),
        lambda: PROFILE.read_room(SOURCE, password=""),
        lambda: PROFILE.count_rows(SOURCE, FEE, where=None, password=""),
        lambda: PROFILE.read_keys(SOURCE, FEE, where=None, password=""),
        lambda: PROFILE.read_rows(SOURCE, FEE, where={}, most=1, password=""),
        lambda: PROFILE.condition_of_keys(FEE, ["1"]),
    ],
    ids=["facts", "room", "count", "keys", "rows", "condition"],
)
def test_what_would_be_asked_of_it_says_that_it_is_not_known(ask):
    with pytest.raises(Unseen, match=r"docs/databases/sqlserver\.md"):
        ask()


def test_numbers_that_nobody_compared_are_told():
    one = Numbers(source=SOURCE, table="dbo.a", column="id", names="BKKP_SN", institution=None, institutions={"1": "1"})
    (finding,) = shared_numbers(one, replace(one, table="dbo.b"), passwords={})
    assert (Severity.WARNS, True) == (finding.severity, "is not compared with his: dbo.a.id" in finding.what)


def test_topics_are_routed_by_the_database_too():
    """Debezium names them `prefix.database.schema.table` for this kind; tables and columns without the database."""
    config = config_of()
    assert r"his\.HIS\.dbo\.__" in config["transforms.rows.regex"]
    assert r"dbo\.费用" == config["table.include.list"]
    assert "capture.history.his" == config["schema.history.internal.kafka.topic"]


def test_two_tables_whose_topics_would_be_one_are_refused():
    with pytest.raises(Misconfigured, match="would both be captured as topic"):
        config_of(tables=(FEE, replace(FEE, name="dbo.收费")))


@pytest.mark.parametrize(
    ("sslmode", "encrypt", "trusts"),
    [
        ("disable", "false", "true"),
        ("require", "true", "true"),
        ("verify-ca", "true", "false"),
        ("verify-full", "true", "false"),
    ],
)
def test_who_is_trusted_is_what_the_site_says(sslmode, encrypt, trusts):
    config = config_of(sslmode=sslmode)
    assert (encrypt, trusts) == (config["driver.encrypt"], config["driver.trustServerCertificate"])
    assert (trusts == "false") == ("driver.trustStore" in config)


def test_other_columns_make_an_instance_beside_the_first():
    """The first one goes on until the second has taken over: a name that is taken would change nothing."""
    more = replace(FEE, columns=(*FEE.columns, "later"))
    assert instance_of(FEE) != instance_of(more)
    assert instance_of(FEE) == instance_of(replace(FEE, columns=tuple(reversed(FEE.columns))))
    assert 100 >= len(instance_of(replace(FEE, name=f"dbo.{'x' * 120}")))


def test_the_script_names_everything_and_holds_no_password():
    steps = PROFILE.preparation(SOURCE, connect_host="")
    script = script_of(steps, head="-")
    for words in (
        "EXEC sys.sp_cdc_enable_db",
        f"@capture_instance = N'{instance_of(FEE)}'",
        "@captured_column_list = N'[id], [visit], [金]]额]'",
        "CREATE USER [o'brien] FOR LOGIN [o'brien]",
        "N'o''brien'",
        "GRANT SELECT ON [dbo].[费用] TO [o'brien];",
        "@retention = 10080",
    ):
        assert words in script
    assert "GRANT INSERT" not in script
    assert "db_owner" not in script


def test_the_way_back_takes_what_prepare_made_and_no_right_of_a_user_that_was_there():
    undo = undo_of(PROFILE.preparation(SOURCE, connect_host=""), head="-")
    statements = [line for line in undo.splitlines() if not line.startswith("--") and line]
    assert statements[0] == "USE [HIS];"
    assert not any(line.startswith(("REVOKE", "DROP")) for line in statements)
    dropping = next(line for line in statements if "DROP USER" in line)
    assert dropping.startswith("IF EXISTS (SELECT 1 FROM sys.extended_properties")
    assert f"@capture_instance = N'{instance_of(FEE)}';" in undo


def test_a_place_that_was_cleaned_up_is_known_as_lost():
    told = "An insufficient number of arguments were supplied for the procedure or function cdc.fn_cdc_get_all_changes_ ... ."
    assert is_lost(f"com.microsoft.sqlserver.jdbc.SQLServerException: {told}")
