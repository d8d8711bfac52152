"""The connector's configuration, from what a site says to what Debezium reads."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole, Topics
from connector.errors import Misconfigured
from connector.render import render, row_key, table_topic
from tests.settings import connect_settings

GOLDEN = Path(__file__).parent / "golden" / "connector_postgresql.json"
NO_PREFIX = Topics()
CONNECT = connect_settings("kafka:9092")

VISIT = CapturedTable(
    name="his.visit", role=TableRole.VISIT, key=("visit_sn",), visit_key="mdtrt_id", columns=("visit_sn", "mdtrt_id", "adm_time")
)
SETTLEMENT = CapturedTable(
    name="his.settlement",
    role=TableRole.SETTLEMENT,
    key=("SETL_ID",),
    visit_key="MDTRT_ID",
    columns=("SETL_ID", "MDTRT_ID", "order"),
)
FEE = CapturedTable(
    name="his.费用明细",
    role=TableRole.FEE,
    key=("fee_id", "line_no"),
    visit_key="mdtrt_id",
    columns=("fee_id", "line_no", "mdtrt_id"),
)
DEPARTMENT = CapturedTable(
    name="his.dept", role=TableRole.LOOKUP, key=("hosp", "code"), visit_key=None, columns=("hosp", "code", "name"), lookup="dept"
)
SOURCE = CaptureSource(
    name="his",
    kind=DatabaseKind.POSTGRESQL,
    host="db.hospital",
    port=5432,
    database="hisdb",
    user="capture",
    password_file="/secrets/his.password",
    password_reference="${directory:/secrets:his.password}",
    sslmode="verify-full",
    publication="yibao",
    slot="yibao",
    heartbeat_table="cdc.heartbeat",
    tables=(VISIT, SETTLEMENT, FEE, DEPARTMENT),
)


def rendered(source=SOURCE, topics=NO_PREFIX, partitions=12):
    return render(source, topics, partitions=partitions, connect=CONNECT)


def test_the_whole_configuration_is_what_was_proved_on_a_real_database():
    """Every option is there for a reason that cost somebody rows; a change must be seen in a review."""
    assert json.loads(GOLDEN.read_text(encoding="utf-8")) == rendered()


def test_a_visit_key_column_of_one_table_does_not_steer_another_tables_rows():
    """With one list of names, a fee table that also has a column `MDTRT_ID` would be hashed over both, away from its visit."""
    config = rendered()
    steered = {
        config[f"transforms.{step}.partition.payload.fields"]: config[
            f"predicates.{config[f'transforms.{step}.predicate']}.pattern"
        ]
        for step in ("partition1", "partition2")
    }
    assert re.fullmatch(steered["change.mdtrt_id"], "his.his.visit")
    assert not re.fullmatch(steered["change.mdtrt_id"], "his.his.settlement")
    assert re.fullmatch(steered["change.MDTRT_ID"], "his.his.settlement")


def test_partitions_are_chosen_before_tables_are_merged():
    """After the merge the predicates no longer match, and every row would go where its key happens to hash."""
    assert rendered()["transforms"].split(",") == ["partition1", "partition2", "merge", "hoist", "lookup1"]


def test_rows_are_never_keyed_by_the_visit_alone():
    """A snapshot on demand keeps one row per key and drops the other lines of the visit."""
    assert row_key(FEE) == ("mdtrt_id", "fee_id", "line_no")
    assert row_key(replace(VISIT, key=("mdtrt_id",))) == ("mdtrt_id",)
    assert row_key(DEPARTMENT) == ("hosp", "code")


def test_a_prefix_separates_sites_on_shared_brokers():
    """Two sites must share neither topics nor signals nor a connector's name."""
    config = rendered(topics=Topics(prefix="sr."))
    ours = ("topic.heartbeat.prefix", "signal.kafka.topic", "signal.kafka.groupId", "notification.sink.topic.name")
    routes = ("transforms.merge.topic.replacement", "transforms.lookup1.replacement")
    assert all(config[key].startswith("sr.") for key in (*ours, *routes))


def test_without_a_heartbeat_table_nothing_is_written_into_the_database():
    """An administrator may grant no write at all."""
    assert "heartbeat.action.query" not in rendered(replace(SOURCE, heartbeat_table=None))


def test_a_source_without_lookups_has_no_empty_transforms():
    """Connect refuses a transform or predicate without a type."""
    config = rendered(replace(SOURCE, tables=(VISIT,)))
    assert config["transforms"].split(",") == ["partition1", "merge"]
    assert config["predicates"].split(",") == ["keyed1", "merged"]


@pytest.mark.parametrize("password", ["secret", "", "${", "x${file:/a:b}"])
def test_a_password_itself_is_refused(password):
    """A connector's configuration is readable by everybody who reaches Connect, and is kept in a topic."""
    with pytest.raises(Misconfigured, match="password_reference") as caught:
        rendered(replace(SOURCE, password_reference=password))
    assert password == "" or f"'{password}'" not in str(caught.value)


@pytest.mark.parametrize("column", ["a b", "a,b", "a:b", "a;b", "a\\b"])
def test_a_name_that_debezium_would_cut_in_two_is_refused(column):
    """It would be captured as two columns that do not exist, without an error."""
    with pytest.raises(Misconfigured, match="cannot carry"):
        rendered(replace(SOURCE, tables=(replace(VISIT, columns=("visit_sn", "mdtrt_id", column)),)))


def test_tables_whose_topics_would_be_one_are_refused():
    """Kafka turns each Chinese character of a name into an underscore: two tables of four characters would be one."""
    other = replace(FEE, name="his.住院费用")
    assert table_topic(SOURCE, FEE) == table_topic(SOURCE, other)
    with pytest.raises(Misconfigured, match=re.escape("his.住院费用")):
        rendered(replace(SOURCE, tables=(FEE, other)))


def test_a_key_that_is_not_captured_is_refused():
    """Debezium ignores an absent key column and keys by what is left."""
    with pytest.raises(Misconfigured, match="key columns"):
        rendered(replace(SOURCE, tables=(replace(VISIT, columns=("visit_sn",)),)))
