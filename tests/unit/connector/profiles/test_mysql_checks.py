"""What is found in a MySQL, without one; `make mysql-proof` asks a real server for the same."""

from dataclasses import replace

import pytest

from connector.contract import CapturedTable, CaptureSource, DatabaseKind, Op, TableRole, Topics, mark, position, transaction_of
from connector.findings import Severity
from connector.profiles.mariadb.catalogue import Catalogue, Column, Server, Table
from connector.profiles.mariadb.numbered import numbered
from connector.profiles.mysql.checks import NEEDED, check
from connector.render import render
from streams.domain.again import again
from streams.domain.changes import mark_of
from tests.settings import connect_settings

UUID, OTHER = "951d1416-edab-11f1-a3c0-02fc00000001", "0a1d1416-edab-11f1-a3c0-02fc00000002"
FEE = CapturedTable(name="his.fee", role=TableRole.FEE, key=("id",), visit_key=("visit",), columns=("id", "visit"))
SOURCE = CaptureSource(
    name="his",
    kind=DatabaseKind.MYSQL,
    host="db",
    port=3306,
    database="his",
    user="yibao",
    password_file="/secrets/his",
    password_reference="${directory:/secrets:his}",
    sslmode="verify-full",
    publication="yibao",
    slot="yibao",
    heartbeat_table="cdc.heartbeat",
    tables=(FEE,),
)
SETTINGS = {
    "log_bin": "ON",
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "gtid_mode": "ON",
    "gtid_executed": f"{UUID}:1-17",
    "binlog_expire_logs_seconds": "604800",
    "binlog_row_value_options": "",
    "sql_mode": "NO_ZERO_DATE",
}
SERVER = Server(version="9.7.4-2", settings=SETTINGS, rights=frozenset(NEEDED))
TABLE = Table(
    name=FEE.name,
    is_table=True,
    engine="InnoDB",
    columns={
        "id": Column(name="id", type="bigint", shown="bigint", not_null=True),
        "visit": Column(name="visit", type="varchar", shown="varchar(30)", not_null=False),
    },
    unique=(frozenset({"id"}),),
    cascades=("goes",),
)
CHANGE = {"connector": "mysql", "file": "binlog.000002", "pos": 236, "row": 3, "snapshot": "false", "ts_us": 1_796_117_400_000_000}


def found(version="9.7.4-2", rights=SERVER.rights, **settings):
    server = replace(SERVER, version=version, rights=rights, settings={**SETTINGS, **settings})
    return {one.where: one.severity for one in check(SOURCE, Catalogue(server=server, tables={FEE.name: TABLE}))}


def test_nothing_stands_against_a_server_that_is_prepared():
    assert {} == found()


@pytest.mark.parametrize("version", ["5.7.44-log", "10.11.19-MariaDB"])
def test_another_kind_and_an_old_release_are_refused_at_once(version):
    assert {"server version": Severity.BLOCKS} == found(version)


def test_a_release_that_was_never_run_is_told_and_what_its_log_lacks_is_refused():
    """Before 9.7, rows that a foreign key deletes stand in no log."""
    cascades = f"{FEE.name}, foreign key goes"
    assert {"server version": Severity.WARNS, cascades: Severity.BLOCKS} == found("8.4.3")


@pytest.mark.parametrize(
    ("where", "value", "severity"),
    [
        ("gtid_mode", "OFF", Severity.BLOCKS),
        ("gtid_executed", "", Severity.BLOCKS),
        ("binlog_row_value_options", "PARTIAL_JSON", Severity.BLOCKS),
        ("binlog_row_image", "MINIMAL", Severity.BLOCKS),
        ("binlog_transaction_compression", "ON", Severity.WARNS),
        ("binlog_expire_logs_seconds", "3600", Severity.WARNS),
    ],
)
def test_a_setting_that_loses_rows_is_named(where, value, severity):
    assert {where: severity} == found(**{where: value})


def test_a_right_that_is_missing_is_named():
    assert {"account yibao": Severity.BLOCKS} == found(rights=frozenset(NEEDED[1:]))


def test_the_connector_is_told_the_ways_of_tls_in_its_own_words():
    config = render(SOURCE, Topics(), connect=connect_settings("kafka:9092"))
    assert ("io.debezium.connector.mysql.MySqlConnector", "verify_identity") == (
        config["connector.class"],
        config["database.ssl.mode"],
    )
    assert "capture.history.his" == config["schema.history.internal.kafka.topic"]


@pytest.mark.parametrize(("executed", "count"), [("", 0), (f"{UUID}:1-17:20", 18), (f"{UUID}:1-5,\n{OTHER}:night:3", 6)])
def test_transactions_are_counted_by_whichever_server_they_were_numbered(executed, count):
    assert count == numbered({"gtid_executed": executed})


@pytest.mark.parametrize("gtid", [f"{UUID}:47", f"{UUID}:night:47"])
def test_a_position_is_transaction_file_byte_and_row(gtid):
    at = {**CHANGE, "gtid": gtid}
    assert (47, 2, 236, 3) == (where := position(DatabaseKind.MYSQL, at))
    assert ((47, 2, 236, 3, 0), gtid) == (mark(Op.DELETE, at, where).place, transaction_of(at))


def test_numbers_of_two_servers_say_nothing_of_each_other():
    """A change behind a promotion has a low number, and its clock may be behind: taken for a repetition it would be lost."""
    before = mark_of(Op.UPDATE, {**CHANGE, "gtid": f"{UUID}:4700"}, server="")
    behind = mark_of(Op.UPDATE, {**CHANGE, "gtid": f"{OTHER}:1", "ts_us": CHANGE["ts_us"] - 1}, server="")
    assert again(before, before)
    assert not again(behind, before)
    assert not again(before, behind)


def test_what_a_new_life_of_the_database_numbers_is_new():
    """Also where its server has the UUID of before, as a copy of it may."""
    change = {**CHANGE, "gtid": f"{UUID}:47"}
    assert not again(mark_of(Op.UPDATE, change, server="2"), mark_of(Op.UPDATE, change, server=""))
    assert again(mark_of(Op.UPDATE, change, server="2"), mark_of(Op.UPDATE, change, server="2"))


@pytest.mark.parametrize("lacks", ["gtid", "file", "pos", "row"])
def test_a_change_without_a_place_is_no_repetition(lacks):
    at = {name: value for name, value in {**CHANGE, "gtid": f"{UUID}:47"}.items() if name != lacks}
    assert mark_of(Op.UPDATE, at, server="") is None
