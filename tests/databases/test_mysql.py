"""A MySQL from nothing to records, as an integrator types it: checks, capture, place and join, through kills of Connect.

`make mysql-proof` runs this, and nothing else does: Debian has the server in its unstable distribution alone.
"""

import json

import pytest

from connector.profiles import profile_of
from streams.broker_wiring import client_options
from streams.mapping import capture_sources, load_site
from streams.topics.whole import read_whole
from tests.databases.binlog_site import (
    PASSWORD,
    database,
    execute,
    own,
    planned,
    prepare,
    site,
    steps_of,
    taken_back,
    through_kills,
    wait_for,
    yibao,
)
from yibao.captures.facts import look_at

__all__ = ["database", "own", "site", "yibao"]

pytestmark = pytest.mark.stack

SLIPS = {
    "SET GLOBAL binlog_format = 'STATEMENT'": "binlog_format",
    "SET GLOBAL binlog_row_image = 'MINIMAL'": "binlog_row_image",
    "SET GLOBAL binlog_expire_logs_seconds = 3600": "binlog_expire_logs_seconds",
    "DELETE FROM cdc.heartbeat": "cdc.heartbeat",
    "REVOKE UPDATE ON cdc.heartbeat FROM capture@'127.0.0.1'": "cdc.heartbeat",
    "REVOKE SELECT ON his.item FROM capture@'127.0.0.1'": "his.item",
    "REVOKE RELOAD ON *.* FROM capture@'127.0.0.1'": "account capture",
    "REVOKE REPLICATION SLAVE ON *.* FROM capture@'127.0.0.1'": "account capture",
    "REVOKE REPLICATION CLIENT ON *.* FROM capture@'127.0.0.1'": "account capture",
}
"""What takes one thing of the preparation back, and where the check names it."""


@pytest.fixture(scope="module")
def kind():
    return "mysql"


def test_what_is_prepared_is_what_the_checks_ask_for_and_the_way_back_leaves_nothing(database, yibao, site):
    """An administrator runs a script once, and is not asked for one thing after the other."""
    assert {} == planned(yibao)
    for slip, where in SLIPS.items():
        execute(database, slip)
        assert where in planned(yibao), slip
        prepare(database, site)
        assert {} == planned(yibao), slip
    assert "" == taken_back(database, steps_of(site))
    assert () == execute(database, "SELECT user FROM mysql.user WHERE user = 'capture'")
    prepare(database, site)
    assert {} == planned(yibao)


def test_an_account_that_was_there_before_keeps_what_it_has(database, site):
    """So does one that another source uses too."""
    execute(database, "CREATE USER capture@localhost")
    execute(database, "GRANT SELECT, UPDATE ON his.charge TO capture@localhost")
    steps = steps_of(site, connect_host="localhost")
    for statement in (statement for step in steps for statement in step.statements):
        execute(database, statement)
    told = taken_back(database, steps)
    assert "capture@localhost was there before" in told.replace("'", "")
    assert "REVOKE SELECT ON `his`.`item` FROM 'capture'@'localhost';" in told, "what is left to a person stands there to be typed"
    assert "SELECT, UPDATE ON `his`.`charge`" in grants(database, "localhost")
    execute(database, "DROP USER capture@localhost")

    for statement in (statement for step in steps for statement in step.statements):
        execute(database, statement)
    execute(database, "CREATE TABLE his.other (id int PRIMARY KEY)")
    execute(database, "GRANT SELECT ON his.other TO capture@localhost")
    assert "his.other" in taken_back(database, steps)
    execute(database, "DROP TABLE his.other")
    execute(database, "REVOKE SELECT ON his.other FROM capture@localhost")
    assert "" == taken_back(database, steps)
    assert () == execute(database, "SELECT User, Host FROM mysql.user WHERE User = 'capture' AND Host = 'localhost'")


def grants(database, host):
    return "".join(row for (row,) in execute(database, f"SHOW GRANTS FOR capture@{host}"))


def test_what_stands_against_capture_is_named_with_what_mends_it(database, yibao):
    """Each on the live server, and gone again when it is mended. What cascades stands in the log of this release."""
    goes = "FOREIGN KEY (parent) REFERENCES his.settle (settle_no) ON DELETE CASCADE"
    slips = (
        "SET GLOBAL binlog_row_value_options = 'PARTIAL_JSON'",
        "SET GLOBAL binlog_transaction_compression = ON",
        "SET GLOBAL gtid_mode = ON_PERMISSIVE",
        f"ALTER TABLE his.settle ADD COLUMN parent varchar(30), ADD CONSTRAINT goes {goes}",
        "ALTER TABLE his.charge MODIFY charge_id bigint unsigned NOT NULL",
        "SET GLOBAL time_zone = '+00:00'",
    )
    for statement in slips:
        execute(database, statement)
    found = planned(yibao)
    wanted = {
        "binlog_row_value_options": "blocks",
        "binlog_transaction_compression": "warns",
        "gtid_mode": "blocks",
        "his.charge.charge_id": "warns",
    }
    assert wanted == {where: one["severity"] for where, one in found.items()}
    code, out, _ = yibao("doctor", "-o", "json")
    zones = [one for one in json.loads(out)["findings"] if one["check"] == "database.zone"]
    assert (1, ["source his: time_zone"]) == (code, [one["where"] for one in zones])
    for statement in (
        "SET GLOBAL binlog_row_value_options = ''",
        "SET GLOBAL binlog_transaction_compression = OFF",
        "SET GLOBAL gtid_mode = ON",
        "ALTER TABLE his.settle DROP FOREIGN KEY goes",
        "ALTER TABLE his.settle DROP COLUMN parent",
        "ALTER TABLE his.charge MODIFY charge_id bigint NOT NULL",
        "SET GLOBAL time_zone = '+08:00'",
    ):
        execute(database, statement)
    assert {} == planned(yibao)
    code, out, _ = yibao("check", "--live", "-o", "json")
    assert (0, True) == (code, json.loads(out)["ok"])


def test_another_server_and_another_type_stop_a_source(database, site):
    """The look-out compares them all the time: here with what stands after each change."""
    (source,) = capture_sources(load_site(site))
    applied = look_at(source, None).facts
    assert () == look_at(source, applied).drifts
    execute(database, "ALTER TABLE his.settle MODIFY settled_at timestamp NULL")
    assert ["his.settle.settled_at"] == [drift.where for drift in look_at(source, applied).drifts]
    execute(database, "ALTER TABLE his.settle MODIFY settled_at datetime NULL")
    execute(database, "SET GLOBAL server_id = 9")
    (drift,) = look_at(source, applied).drifts
    assert ("server", True) == (drift.where, drift.another_server)
    execute(database, "SET GLOBAL server_id = 1")
    before = look_at(source, applied).facts
    execute(database, "RESET BINARY LOGS AND GTIDS")
    (drift,) = look_at(source, before).drifts
    assert ("server", True) == (drift.where, drift.another_server)
    assert "gtid_executed" in {finding.where for finding in profile_of(source.kind).preflight(source, password=PASSWORD)}
    execute(database, "UPDATE cdc.heartbeat SET ts = now(6)")


def test_every_record_comes_once_through_kills_of_connect(own, site, database, yibao):
    """And what the administrator does beside a capture that runs does not end it: accounts are made and dropped."""
    through_kills(own, site, database, yibao)
    steps = steps_of(site, connect_host="localhost")
    for statement in (statement for step in steps for statement in step.statements):
        execute(database, statement)
    assert "" == taken_back(database, steps)
    loaded = load_site(site)
    execute(database, "INSERT INTO his.charge VALUES (7, 'V1', '2026-03-01 07:33:00', 2.50, 'D1')")

    def came():
        rows = read_whole(client_options(loaded), loaded.topics.rows("his"))
        return any(b'"charge_id":7,' in (message.value or b"") for message in rows)

    wait_for(came)
