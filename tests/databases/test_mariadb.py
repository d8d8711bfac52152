"""A MariaDB from nothing to records, as an integrator types it: checks, capture, place and join, through kills of Connect.

`make databases-proof` runs this, and `make test` does not: it needs a server and a connector that `make setup` does not fetch.
"""

import json

import pytest

from streams.mapping import capture_sources, load_site
from tests.databases.binlog_site import (
    database,
    execute,
    kind,
    own,
    planned,
    prepare,
    site,
    steps_of,
    taken_back,
    through_kills,
    yibao,
)
from yibao.captures.facts import look_at

__all__ = ["database", "kind", "own", "site", "yibao"]

pytestmark = pytest.mark.stack

SLIPS = {
    "SET GLOBAL binlog_format = 'STATEMENT'": "binlog_format",
    "SET GLOBAL binlog_row_image = 'MINIMAL'": "binlog_row_image",
    "SET GLOBAL gtid_strict_mode = OFF": "gtid_strict_mode",
    "SET GLOBAL binlog_expire_logs_seconds = 3600": "binlog_expire_logs_seconds",
    "DELETE FROM cdc.heartbeat": "cdc.heartbeat",
    "REVOKE UPDATE ON cdc.heartbeat FROM capture@'127.0.0.1'": "cdc.heartbeat",
    "REVOKE SELECT ON his.item FROM capture@'127.0.0.1'": "his.item",
    "REVOKE RELOAD ON *.* FROM capture@'127.0.0.1'": "account capture",
    "REVOKE REPLICATION SLAVE ON *.* FROM capture@'127.0.0.1'": "account capture",
    "REVOKE BINLOG MONITOR ON *.* FROM capture@'127.0.0.1'": "account capture",
}
"""What takes one thing of the preparation back, and where the check names it."""


def test_what_is_prepared_is_what_the_checks_ask_for_and_the_way_back_leaves_nothing(database, yibao, site):
    """An administrator runs a script once, and is not asked for one thing after the other."""
    assert {} == planned(yibao)
    for slip, where in SLIPS.items():
        execute(database, slip)
        assert where in planned(yibao), slip
        prepare(database, site)
        assert {} == planned(yibao), slip
    for step in reversed(steps_of(site)):
        for statement in step.undo:
            execute(database, statement)
    assert () == execute(database, "SELECT user FROM mysql.user WHERE user = 'capture'")
    prepare(database, site)
    assert {} == planned(yibao)


def test_an_account_that_was_there_before_keeps_what_it_has(database, site):
    """A program of the hospital, named by mistake, was once dropped by the way back. So is one that another source uses too."""
    execute(database, "CREATE USER capture@localhost")
    execute(database, "GRANT SELECT, UPDATE ON his.charge TO capture@localhost")
    steps = steps_of(site, connect_host="localhost")
    for statement in (statement for step in steps for statement in step.statements):
        execute(database, statement)
    told = taken_back(database, steps)
    assert "CREATE" not in told
    assert "capture@localhost was there before" in told.replace("'", "")
    assert "REVOKE SELECT ON `his`.`item` FROM 'capture'@'localhost';" in told, "what is left to a person stands there to be typed"
    assert "SELECT, UPDATE ON `his`.`charge`" in grants(database, "localhost")
    execute(database, "DROP USER capture@localhost")

    for statement in (statement for step in steps for statement in step.statements):
        execute(database, statement)
    execute(database, "CREATE TABLE his.other (id int PRIMARY KEY)")
    execute(database, "GRANT SELECT ON his.other TO capture@localhost")
    assert "his.other" in taken_back(database, steps)
    assert "`his`.`other`" in grants(database, "localhost")
    execute(database, "DROP TABLE his.other")
    execute(database, "REVOKE SELECT ON his.other FROM capture@localhost")
    assert "" == taken_back(database, steps)
    assert () == execute(database, "SELECT User, Host FROM mysql.user WHERE User = 'capture' AND Host = 'localhost'")
    assert () == execute(
        database,
        "SELECT Role FROM mysql.roles_mapping WHERE Role NOT IN (SELECT Role FROM mysql.roles_mapping WHERE User = 'capture')",
    ), "its mark went with it"


def grants(database, host):
    return "".join(row for (row,) in execute(database, f"SHOW GRANTS FOR capture@{host}"))


def test_what_stands_against_capture_is_named_with_what_mends_it(database, yibao):
    """Each on the live server, and gone again when it is mended. Nobody is told of a fault by a capture that ends."""
    assert {} == planned(yibao)
    execute(database, "SET GLOBAL binlog_row_image = 'MINIMAL'")
    execute(database, "SET GLOBAL gtid_strict_mode = OFF")
    execute(database, "ALTER TABLE his.charge ENGINE = MyISAM")
    execute(database, "ALTER TABLE his.item ADD COLUMN u uuid")
    execute(database, "REVOKE RELOAD ON *.* FROM capture@'127.0.0.1'")
    execute(database, "SET GLOBAL time_zone = '+00:00'")
    found = planned(yibao)
    assert {"binlog_row_image", "gtid_strict_mode", "his.charge", "his.item.u", "account capture"} == found.keys()
    assert ("warns", True) == (found["his.charge"]["severity"], "MyISAM" in found["his.charge"]["what"])
    assert "GRANT RELOAD ON" in found["account capture"]["mend"]
    code, out, _ = yibao("doctor", "-o", "json")
    zones = [one for one in json.loads(out)["findings"] if one["check"] == "database.zone"]
    assert (1, ["source his: time_zone"]) == (code, [one["where"] for one in zones])

    execute(database, "SET GLOBAL binlog_row_image = 'FULL'")
    execute(database, "SET GLOBAL gtid_strict_mode = ON")
    execute(database, "ALTER TABLE his.charge ENGINE = InnoDB")
    execute(database, "ALTER TABLE his.item DROP COLUMN u")
    execute(database, "GRANT RELOAD ON *.* TO capture@'127.0.0.1'")
    execute(database, "SET GLOBAL time_zone = '+08:00'")
    assert {} == planned(yibao)
    code, out, _ = yibao("check", "--live", "-o", "json")
    assert (0, True) == (code, json.loads(out)["ok"])


def test_what_the_log_would_not_carry_is_named_too(database, yibao):
    """What a capture would lose, or carry otherwise than it stands there, without an error of its own."""
    zero = "ALTER TABLE his.settle MODIFY settled_at datetime"
    goes = "FOREIGN KEY (parent) REFERENCES his.settle (settle_no) ON DELETE CASCADE"
    execute(database, f"ALTER TABLE his.settle ADD COLUMN parent varchar(30), ADD CONSTRAINT goes {goes}")
    execute(database, f"{zero} NOT NULL")
    execute(database, "ALTER TABLE his.charge MODIFY charge_id bigint unsigned NOT NULL")
    execute(database, "SET GLOBAL log_bin_compress = ON")
    execute(database, "SET GLOBAL binlog_expire_logs_seconds = 3600")
    execute(database, "SET SESSION gtid_domain_id = 7")
    execute(database, "UPDATE cdc.heartbeat SET ts = now(6)")
    execute(database, "SET SESSION gtid_domain_id = 0")
    execute(database, "DELETE FROM cdc.heartbeat")
    found = {where: one["severity"] for where, one in planned(yibao).items()}
    assert {
        "his.settle, foreign key goes": "blocks",
        "his.settle.settled_at": "warns",
        "his.charge.charge_id": "warns",
        "log_bin_compress": "warns",
        "binlog_expire_logs_seconds": "warns",
        "gtid_domain_id": "blocks",
        "cdc.heartbeat": "blocks",
    } == found

    execute(database, "ALTER TABLE his.settle DROP FOREIGN KEY goes")
    execute(database, "ALTER TABLE his.settle DROP COLUMN parent")
    execute(database, f"{zero} NULL")
    execute(database, "ALTER TABLE his.charge MODIFY charge_id bigint NOT NULL")
    execute(database, "SET GLOBAL log_bin_compress = OFF")
    execute(database, "SET GLOBAL binlog_expire_logs_seconds = 0")
    execute(database, "INSERT INTO cdc.heartbeat VALUES (1, now(6))")
    execute(database, "RESET MASTER")
    assert {"gtid_binlog_pos"} == planned(yibao).keys()
    execute(database, "UPDATE cdc.heartbeat SET ts = now(6)")
    assert {} == planned(yibao)


def test_another_server_and_another_type_stop_a_source(own, database, site):
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
    execute(database, "RESET MASTER")
    (drift,) = look_at(source, before).drifts
    assert ("server", True) == (drift.where, drift.another_server)
    assert "ends at 0" in drift.what
    execute(database, "UPDATE cdc.heartbeat SET ts = now(6)")


def test_every_record_comes_once_through_kills_of_connect(own, site, database, yibao):
    """See there."""
    through_kills(own, site, database, yibao)
