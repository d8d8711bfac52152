"""What is found in a MariaDB, without one; `make databases-proof` asks a real server for the same."""

from dataclasses import replace

import pytest

from connector.contract import AskedLookup, CapturedTable, CaptureSource, DatabaseKind, Reading, TableRole, Topics
from connector.findings import Severity
from connector.profiles import profile_of
from connector.profiles.mariadb.catalogue import NEEDED, Catalogue, Column, Server, Table
from connector.profiles.mariadb.checks import check
from connector.profiles.mariadb.names import literal
from connector.profiles.mariadb.types import alike, form_of
from connector.remedies import is_lost, remedy_of
from connector.render import render
from streams.topics.shapes import plan_topics
from tests.settings import connect_settings, topic_settings

FEE = CapturedTable(
    name="his.费用",
    role=TableRole.FEE,
    key=("id",),
    visit_key=("visit",),
    columns=("id", "visit", "at"),
    wall_clock=frozenset({"at"}),
)
SOURCE = CaptureSource(
    name="his",
    kind=DatabaseKind.MARIADB,
    host="db",
    port=3306,
    database="his",
    user="o'brien",
    password_file="/secrets/his",
    password_reference="${directory:/secrets:his}",
    sslmode="require",
    publication="yibao",
    slot="yibao",
    heartbeat_table="cdc.heartbeat",
    tables=(FEE,),
)
SETTINGS = {
    "log_bin": "ON",
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "gtid_strict_mode": "ON",
    "gtid_binlog_pos": "0-1-17",
    "binlog_expire_logs_seconds": "0",
    "sql_mode": "STRICT_TRANS_TABLES,NO_ZERO_DATE",
}
SERVER = Server(version="10.11.19-MariaDB-log", settings=SETTINGS, rights=frozenset({*NEEDED}))


def column(name, kind, shown=None, *, not_null=False):
    return Column(name=name, type=kind, shown=shown or kind, not_null=not_null)


TABLE = Table(
    name=FEE.name,
    is_table=True,
    engine="InnoDB",
    columns={
        "id": column("id", "bigint", "bigint(20)", not_null=True),
        "visit": column("visit", "varchar", "varchar(30)"),
        "at": column("at", "datetime"),
    },
    unique=(frozenset({"id"}),),
)


def found(*, server=SERVER, table=TABLE, fee=FEE, others=(), **settings):
    """others: tables beside the fee table, as they are wanted and as they stand there."""
    server = replace(server, settings={**server.settings, **settings})
    tables = {} if table is None else {FEE.name: table}
    source = replace(SOURCE, tables=(fee, *(wanted for wanted, _ in others)))
    tables |= {stands.name: stands for _, stands in others}
    return {one.where: one for one in check(source, Catalogue(server=server, tables=tables))}


def test_nothing_stands_against_a_server_that_is_prepared():
    assert {} == found()


@pytest.mark.parametrize("version", ["8.4.3", "8.0.36-28", "10.4.34-MariaDB"])
def test_what_was_never_captured_is_refused_at_once(version):
    """MySQL speaks the same protocol, and has other logs."""
    assert ["server version"] == [*found(server=replace(SERVER, version=version))]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("log_bin", "OFF"),
        ("binlog_format", "MIXED"),
        ("binlog_row_image", "MINIMAL"),
        ("binlog_row_image", "NOBLOB"),
        ("gtid_strict_mode", "OFF"),
    ],
)
def test_a_log_that_says_too_little_is_refused(setting, value):
    (finding,) = found(**{setting: value}).values()
    assert (setting, Severity.BLOCKS) == (finding.where, finding.severity)
    assert value in finding.what or "off" in finding.what


def test_numbers_of_two_domains_are_not_compared():
    """Each domain counts for itself: a change of one would be taken for a repetition of the other's."""
    assert ["gtid_domain_id"] == [*found(gtid_binlog_pos="0-1-17,7-1-3")]
    assert {} == found(gtid_binlog_pos="0-1-17,0-2-19")


def test_a_log_without_a_transaction_is_refused():
    """Seen on a real server: Debezium ends at the first change behind it, whenever it is started again."""
    assert ["gtid_binlog_pos"] == [*found(gtid_binlog_pos="")]


def test_the_rights_that_are_missing_are_named_with_their_statement():
    (finding,) = found(server=replace(SERVER, rights=frozenset({"RELOAD"}))).values()
    assert "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO 'o''brien'@'<host of Connect>';" == finding.mend


def test_tables_whose_changes_do_not_all_stand_in_the_log_are_named():
    assert {FEE.name: Severity.WARNS} == {
        where: one.severity for where, one in found(table=replace(TABLE, engine="MyISAM")).items()
    }
    assert [f"{FEE.name}, foreign key goes"] == [*found(table=replace(TABLE, cascades=("goes",)))]
    assert [FEE.name] == [*found(table=replace(TABLE, is_table=False))]
    assert "nearest" not in found(table=None)[FEE.name].what


def test_a_time_that_the_mapping_reads_as_the_other_kind_is_refused():
    """Eight hours wrong, without an error."""
    instant = replace(TABLE, columns={**TABLE.columns, "at": column("at", "timestamp")})
    assert [f"{FEE.name}.at"] == [*found(table=instant)]


@pytest.mark.parametrize(
    ("kind", "read", "told"),
    [
        ("date", Reading("at", "FEE_OCUR_TIME", "datetime"), True),
        ("datetime", Reading("at", "FEE_OCUR_TIME", "datetime"), False),
        ("double", Reading("at", "PRIC", "decimal", exact=True), True),
        ("decimal", Reading("at", "PRIC", "decimal", exact=True), False),
        ("int", Reading("at", "FEE_OCUR_TIME", "datetime"), True),
        ("int", Reading("at", "FEE_OCUR_TIME", "datetime", "unix"), False),
        ("datetime", Reading("at", "FEE_OCUR_TIME", "datetime", "format"), True),
        ("datetime", Reading("at", "PRIC", "decimal", exact=True), True),
        ("datetime", Reading("at", "MEMO", "text"), True),
        ("longblob", Reading("at", "MEMO", "text"), True),
        ("bit", Reading("at", "PRIC", "decimal", exact=True), True),
        ("varchar", Reading("at", "FEE_OCUR_TIME", "datetime", "format"), False),
    ],
)
def test_a_column_that_holds_less_or_more_than_its_field_is_told(kind, read, told):
    """Midnight for every time of day; fifteen decimals for sums of cents."""
    table = replace(TABLE, columns={**TABLE.columns, "at": column("at", kind)})
    assert told == (f"{FEE.name}.at" in found(table=table, fee=replace(FEE, wall_clock=frozenset(), readings=(read,))))


def test_a_table_of_a_sharded_name_that_is_not_listed_is_told():
    tables = {name: replace(TABLE, name=name) for name in (FEE.name, f"{FEE.name}_2026")}
    source = replace(SOURCE, tables=(FEE,), sharded=(f"{FEE.name}_*",))
    told = {one.where: one for one in check(source, Catalogue(server=SERVER, tables=tables))}
    assert "add 2026 to `shards`" in told[f"{FEE.name}_2026"].mend


@pytest.mark.parametrize("role", [TableRole.LOOKUP, TableRole.SETTLEMENT, TableRole.HEADER])
def test_a_link_that_can_never_be_what_it_names_is_found(role):
    """Captured as text, `7` is never `7.00`: rows would wait in vain for one that is there."""
    other = CapturedTable(name="his.other", role=role, key=("no",), visit_key=("no",), columns=("no",), named_by=("no",))
    there = replace(
        TABLE,
        name="his.other",
        columns={"no": column("no", "decimal", "decimal(10,2)", not_null=True)},
        unique=(frozenset({"no"}),),
    )
    ways = {
        TableRole.LOOKUP: {"lookups": (AskedLookup("ref", "his.other", "no"),)},
        TableRole.SETTLEMENT: {"settlement": "ref"},
        TableRole.HEADER: {"under": ("his.other",), "header": ("ref",)},
    }
    fee = replace(FEE, visit_key=(), columns=(*FEE.columns, "ref"), **ways[role])
    table = replace(TABLE, columns={**TABLE.columns, "ref": column("ref", "int", "int(11)")})
    assert "decimal(10,2)" in found(table=table, fee=fee, others=[(other, there)])[f"{FEE.name}.ref"].what
    alike_too = replace(there, columns={"no": column("no", "bigint", "bigint(20)", not_null=True)})
    assert f"{FEE.name}.ref" not in found(table=table, fee=fee, others=[(other, alike_too)])


def test_forms_of_keys_meet_where_their_texts_can():
    assert alike(f"{form_of(column('a', 'bigint', 'bigint(20) unsigned'))}", f"{form_of(column('b', 'int', 'int(11)'))}")
    assert not alike(f"{form_of(column('a', 'decimal', 'decimal(10,2)'))}", f"{form_of(column('b', 'int', 'int(11)'))}")
    assert alike(f"{form_of(column('a', 'char', 'char(10)'))}", f"{form_of(column('b', 'int', 'int(11)'))}")
    assert form_of(column("a", "double")) is None


def test_the_connector_has_what_its_kind_needs_and_nothing_of_another():
    config = render(
        SOURCE, Topics(prefix="p."), connect=connect_settings("kafka:9092", signal_consumer={"security.protocol": "SSL"})
    )
    assert "p.capture.history.his" == config["schema.history.internal.kafka.topic"]
    assert ("SSL", "SSL") == tuple(config[f"schema.history.internal.{one}.security.protocol"] for one in ("consumer", "producer"))
    assert ("trust", "${directory:/secrets:his}") == (config["database.ssl.mode"], config["database.password"])
    assert not [name for name in config if name.startswith(("slot", "publication", "plugin.name", "offset.mismatch"))]
    assert "his\\.费用:id" == config["message.key.columns"]
    assert config["database.server.id"] == render(SOURCE, Topics(), connect=connect_settings("kafka:9092"))["database.server.id"]
    named = render(replace(SOURCE, server_id=7), Topics(), connect=connect_settings("kafka:9092"))
    assert "7" == named["database.server.id"]


def test_the_topic_of_its_tables_structure_is_made_and_kept():
    """Connect makes no topics here, and without it capture does not start."""
    names = {spec.name: spec.configs for spec in plan_topics(Topics(), [SOURCE], topic_settings())}
    assert ("delete", "-1") == tuple(names["capture.history.his"][one] for one in ("cleanup.policy", "retention.ms"))
    other = replace(SOURCE, kind=DatabaseKind.POSTGRESQL)
    assert "capture.history.his" not in {spec.name for spec in plan_topics(Topics(), [other], topic_settings())}


@pytest.mark.parametrize(
    ("failure", "lost"),
    [
        ("Could not find first log file name in binary log index file Error code: 1236; SQLSTATE: HY000.", "its place in the log"),
        ("connecting slave requested to start from GTID 0-2-31, which is not in the master's binlog", "its place in the log"),
        ("The db history topic is missing. You may attempt to recover it", "its schema history (capture.history.his)"),
    ],
)
def test_what_is_lost_is_told_without_a_word_of_slots(failure, lost):
    """A log that was removed, a server that never had the last transaction, a topic that somebody deleted."""
    assert is_lost(failure)
    told = remedy_of(failure, SOURCE)
    assert (True, True, False) == (told.startswith(f"{lost} is lost"), "yibao connector forget his" in told, "slot" in told)
    assert not profile_of(DatabaseKind.MARIADB).keeps_log


@pytest.mark.parametrize(("value", "written"), [("a'b", "'a''b'"), ("a\\'; --", "CONVERT(X'615c273b202d2d' USING utf8mb4)")])
def test_a_value_stays_one_whatever_stands_in_it(value, written):
    """In some modes of the server a backslash takes the quote behind it along."""
    assert written == literal(value)
