"""The connector's configuration, from what a site says to what Debezium reads."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole, Topics
from connector.errors import Misconfigured
from connector.plan import Action, plan_connector
from connector.render import render
from connector.table_topics import table_topic
from tests.settings import connect_settings

GOLDEN = Path(__file__).parent / "golden" / "connector_postgresql.json"
NO_PREFIX = Topics()
CONNECT = connect_settings("kafka:9092")

VISIT = CapturedTable(
    name="his.visit", role=TableRole.VISIT, key=("visit_sn",), visit_key=("mdtrt_id",), columns=("visit_sn", "mdtrt_id", "adm_time")
)
SETTLEMENT = CapturedTable(
    name="his.settlement",
    role=TableRole.SETTLEMENT,
    key=("SETL_ID",),
    visit_key=("MDTRT_ID",),
    columns=("SETL_ID", "MDTRT_ID", "order"),
)
FEE = CapturedTable(
    name="his.费用明细",
    role=TableRole.FEE,
    key=("fee_id", "line_no"),
    visit_key=("mdtrt_id",),
    columns=("fee_id", "line_no", "mdtrt_id"),
)
DEPARTMENT = CapturedTable(
    name="his.dept", role=TableRole.LOOKUP, key=("hosp", "code"), visit_key=(), columns=("hosp", "code", "name"), lookup="dept"
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


def rendered(source=SOURCE, topics=NO_PREFIX):
    return render(source, topics, connect=CONNECT)


def test_the_whole_configuration_is_what_was_proved_on_a_real_database():
    """Every option is there for a reason that cost somebody rows; a change must be seen in a review."""
    assert json.loads(GOLDEN.read_text(encoding="utf-8")) == rendered()


def test_all_rows_of_a_source_go_to_its_one_topic_whatever_table_they_are_of():
    """Their order among each other is the truth; two topics, or two partitions, have none."""
    config = rendered()
    for table in (VISIT, SETTLEMENT, FEE):
        assert re.fullmatch(config["transforms.rows.regex"], table_topic(SOURCE, table))
        assert re.fullmatch(config["predicates.rows.pattern"], table_topic(SOURCE, table))
    assert not re.fullmatch(config["transforms.rows.regex"], table_topic(SOURCE, DEPARTMENT))
    assert "rows.his" == config["transforms.rows.replacement"]


def test_a_table_whose_name_begins_with_anothers_goes_there_too():
    """Connect asks whether the whole name fits, and then replaces what fits first: of `his.visit_of_year` that was `his.visit`, and
    its rows went to a topic that nobody reads, or that did not exist.
    """
    tables = (VISIT, replace(VISIT, name="his.visit_of_year"), replace(VISIT, name="his.visit_of"), DEPARTMENT)
    source = replace(SOURCE, tables=tables)
    config = rendered(source)
    for table in tables[:3]:
        replaced = re.sub(
            config["transforms.rows.regex"], config["transforms.rows.replacement"], table_topic(source, table), count=1
        )
        assert "rows.his" == replaced


def test_rows_are_keyed_by_their_own_key_alone():
    """With the visit in the key, a row that changes its visit would arrive as a delete and a create, which a restart can part; with
    nothing but the visit, a snapshot on demand would keep one row of each visit.
    """
    keys = dict(each.split(":") for each in rendered()["message.key.columns"].split(";"))
    assert {"his\\.dept": "hosp,code", "his\\.visit": "visit_sn", "his\\.settlement": "SETL_ID"}.items() <= keys.items()
    assert "fee_id,line_no" in keys.values()


def test_the_metrics_of_two_sites_captures_have_other_names():
    """Two captures of one name in one worker of Connect: the second was never registered, said RUNNING and sent no row. A capture
    that runs without the tag gets it and keeps its place.
    """
    config, before = rendered(topics=Topics(prefix="sr.")), rendered(topics=Topics(prefix="other."))
    assert ("site=sr.", "site=other.", None) == tuple(one.get("custom.metric.tags") for one in (config, before, rendered()))
    live = {key: value for key, value in config.items() if key != "custom.metric.tags"}
    plan = plan_connector("sr.capture-his", source="his", desired=config, live=live)
    assert (Action.UPDATE, (), ()) == (plan.action, plan.consequences, plan.read_again)


def test_a_prefix_separates_sites_on_shared_brokers():
    """Two sites must share neither topics nor signals nor a connector's name."""
    config = rendered(topics=Topics(prefix="sr."))
    ours = ("topic.heartbeat.prefix", "signal.kafka.topic", "signal.kafka.groupId", "notification.sink.topic.name")
    routes = ("transforms.rows.replacement", "transforms.lookup1.replacement")
    assert all(config[key].startswith("sr.") for key in (*ours, *routes))


def test_without_a_heartbeat_table_nothing_is_written_into_the_database():
    """An administrator may grant no write at all."""
    assert "heartbeat.action.query" not in rendered(replace(SOURCE, heartbeat_table=None))


def test_a_source_without_lookups_has_no_empty_transforms():
    """Connect refuses a transform or predicate without a type."""
    config = rendered(replace(SOURCE, tables=(VISIT,)))
    assert (config["transforms"], config["predicates"]) == ("rows", "rows")


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


def test_tables_whose_topics_would_be_one_get_topics_by_the_numbers_of_their_characters():
    """Debezium turns each Chinese character of a name into an underscore: two tables of four of them had one topic, and could not
    be captured. A source without such names keeps what its capture was made with.
    """
    other, rows = replace(DEPARTMENT, name="his.科室档案", lookup="科室"), replace(FEE, name="his.住院_费")
    lookups = (replace(DEPARTMENT, name="his.病人档案"), other)
    source = replace(SOURCE, tables=(VISIT, rows, *lookups))
    config = rendered(source)
    assert "io.debezium.schema.SchemaUnicodeTopicNamingStrategy" == config["topic.naming.strategy"]
    assert "his.his._u4f4f_u9662_u005f_u8d39" == table_topic(source, rows)
    assert 4 == len({table_topic(source, table) for table in source.tables})
    assert re.escape(table_topic(source, other)) == config["transforms.lookup2.regex"]
    assert re.fullmatch(config["predicates.rows.pattern"], table_topic(source, rows))
    assert "topic.naming.strategy" not in rendered()


def test_tables_whose_topics_would_be_one_all_the_same_are_refused():
    """A number of three digits and the letter behind it read like one of four."""
    one, other = replace(FEE, name="his.\u0100a"), replace(FEE, name="his.\u100a")
    with pytest.raises(Misconfigured, match="would both be captured"):
        rendered(replace(SOURCE, tables=(one, other, replace(FEE, name="his.\u100b"))))


def test_a_key_that_is_not_captured_is_refused():
    """Debezium ignores an absent key column and keys by what is left."""
    with pytest.raises(Misconfigured, match="key columns"):
        rendered(replace(SOURCE, tables=(replace(VISIT, columns=("visit_sn",)),)))
