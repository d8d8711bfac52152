"""An Oracle, without one: what is rendered, prepared and read of its envelopes, and that nothing unseen is said to be well."""

from dataclasses import replace

import orjson
import pytest

from connector.contract import (
    BY_TRANSACTION,
    CapturedTable,
    CaptureSource,
    DatabaseKind,
    Op,
    TableRole,
    Topics,
    mark,
    place_in_log,
    position,
    transaction_of,
)
from connector.errors import Misconfigured, Unseen
from connector.preparation import script_of, undo_of
from connector.profiles import profile_of
from connector.remedies import is_lost
from connector.render import render
from streams.domain.again import again
from streams.domain.changes import mark_of
from tests.settings import connect_settings

FEE = CapturedTable(name="HIS.费用", role=TableRole.FEE, key=("ID",), visit_key=("VISIT",), columns=("ID", "VISIT"))
SOURCE = CaptureSource(
    name="his",
    kind=DatabaseKind.ORACLE,
    host="db",
    port=1521,
    database="ORCLCDB/ORCLPDB1",
    user="C##YIBAO",
    password_file="/secrets/his",
    password_reference="${directory:/secrets:his}",
    sslmode="disable",
    publication="yibao",
    slot="yibao",
    heartbeat_table="CDC_YIBAO.HEARTBEAT",
    tables=(FEE,),
)
PROFILE = profile_of(DatabaseKind.ORACLE)
SAID = {
    "connector": "oracle",
    "name": "a",
    "ts_ms": 1520085154000,
    "ts_us": 1520085154000000,
    "snapshot": "false",
    "db": "ORCLPDB1",
    "schema": "DEBEZIUM",
    "table": "CUSTOMERS",
    "txId": "6.28.807",
    "scn": "2122185",
    "commit_scn": "2122191",
    "rs_id": "001234.00012345.0124",
    "ssn": 1,
    "redo_thread": 1,
}


def marked(op=Op.UPDATE, **more):
    return mark_of(op, SAID | more, server="")


def test_each_check_that_is_not_made_is_named():
    never, *unchecked = PROFILE.preflight(SOURCE, password="")
    assert "its capture was never run on a real server" in never.what
    assert len(unchecked) == len(PROFILE.unchecked)
    assert not any("{" in one.mend for one in unchecked)
    with pytest.raises(Unseen, match=r"docs/databases/oracle\.md"):
        PROFILE.read_facts(SOURCE, password="")


def test_a_pluggable_database_is_named_beside_its_container():
    config = render(SOURCE, Topics(), connect=connect_settings("kafka:9092"))
    assert ("ORCLCDB", "ORCLPDB1") == (config["database.dbname"], config["database.pdb.name"])
    plain = render(replace(SOURCE, database="ORCL"), Topics(), connect=connect_settings("kafka:9092"))
    assert ("ORCL", False) == (plain["database.dbname"], "database.pdb.name" in plain)
    assert r"his\.HIS\.__" in plain["transforms.rows.regex"]


@pytest.mark.parametrize("sslmode", ["verify-ca", "verify-full"])
def test_a_way_of_tls_that_is_not_built_is_refused(sslmode):
    """Rendered without it, rows of patients would cross the network in the open, and the site would say the opposite."""
    with pytest.raises(Misconfigured, match="is not built for Oracle"):
        render(replace(SOURCE, sslmode=sslmode), Topics(), connect=connect_settings("kafka:9092"))


def test_a_connection_that_must_be_encrypted_is_or_does_not_come_about():
    config = render(replace(SOURCE, sslmode="require"), Topics(), connect=connect_settings("kafka:9092"))
    assert "REQUIRED" == config["driver.oracle.net.encryption_client"]


def test_the_script_gives_rights_table_by_table_and_holds_no_password():
    script = script_of(PROFILE.preparation(SOURCE, connect_host=""), head="-")
    for words in (
        "ALTER DATABASE ADD SUPPLEMENTAL LOG DATA;",
        'ALTER TABLE "HIS"."费用" ADD SUPPLEMENTAL LOG DATA (ALL) COLUMNS',
        'GRANT FLASHBACK ON "HIS"."费用" TO "C##YIBAO";',
        'GRANT LOGMINING TO "C##YIBAO" CONTAINER=ALL;',
        'ALTER SESSION SET CONTAINER = "ORCLPDB1";',
    ):
        assert words in script
    for too_much in ("SELECT ANY TABLE", "FLASHBACK ANY TABLE", "LOCK ANY TABLE", "GRANT DBA"):
        assert too_much not in script
    plain = script_of(PROFILE.preparation(replace(SOURCE, database="ORCL"), connect_host=""), head="-")
    assert "CONTAINER" not in plain


def test_the_way_back_takes_nothing_by_itself_and_says_what_a_person_does():
    undo = undo_of(PROFILE.preparation(SOURCE, connect_host=""), head="-")
    assert all(not line or line.startswith("--") for line in undo.splitlines())
    assert 'REVOKE SELECT ON "HIS"."费用" FROM "C##YIBAO";' in undo


def test_a_position_is_commit_change_and_record():
    assert (0, 2122191, 2122185, 0x1234, 0x123450124, 1) == (where := position(DatabaseKind.ORACLE, SAID))
    assert len(mark(Op.UPDATE, SAID, where).place) == BY_TRANSACTION
    assert "6.28.807" == transaction_of(SAID)
    assert position(DatabaseKind.ORACLE, SAID | {"rs_id": " 0x001234.00012345.0124 "}) == where
    assert place_in_log(SAID) != place_in_log(SAID | {"ssn": 2})


def test_a_place_can_be_kept_however_far_the_log_is():
    """A record's place has ten bytes, which are no number that is written into the state: the join ended at its first change."""
    far = marked(commit_scn="9" * 18, scn="9" * 18, rs_id="ffffffff.ffffffff.ffff")
    assert list(far.place) == orjson.loads(orjson.dumps(far.place))


@pytest.mark.parametrize("lacks", ["scn", "commit_scn", "rs_id", "ssn"])
@pytest.mark.parametrize("instead", [None, "?", 1.5, "12:1:3", "9" * 19])
def test_a_change_without_a_place_is_no_repetition(lacks, instead):
    assert marked(**{lacks: instead}) is None


def test_within_a_transaction_and_at_one_commit_no_order_is_believed():
    """Two transactions may be committed at one SCN; of one transaction, nobody documents that its records rise."""
    known = marked()
    assert (True, False, True) == (
        again(marked(commit_scn="2122190"), known),
        again(marked(commit_scn="2122192"), known),
        again(known, known),
    )
    assert not again(marked(scn="2122184"), known)
    assert not again(marked(rs_id="001234.00012345.0123"), known)
    assert not again(marked(Op.DELETE), known)


@pytest.mark.parametrize(
    "told", ["ORA-01291: missing logfile", "None of the log files contain offset SCN: 1, re-snapshot is required."]
)
def test_an_archived_log_that_is_gone_is_known_as_lost(told):
    assert is_lost(told)
