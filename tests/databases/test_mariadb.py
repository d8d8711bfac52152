"""A MariaDB from nothing to records, as an integrator types it: checks, capture, place and join, through kills of Connect.

`make databases-proof` runs this, and `make test` does not: it needs a server and a connector that `make setup` does not fetch.
"""

import json
from collections import Counter

import orjson
import pytest

from streams.broker_wiring import broker_access, client_options
from streams.domain.changes import decode
from streams.mapping import capture_sources, load_site
from streams.topics.broker import Broker
from streams.topics.whole import read_whole
from tests.bench.processes import worker
from tests.databases.maria_site import (
    database,
    execute,
    own,
    planned,
    prepare,
    reported,
    site,
    steps_of,
    taken_back,
    until,
    wait_for,
    yibao,
)
from yibao.captures.facts import look_at

__all__ = ["database", "own", "site", "yibao"]

pytestmark = pytest.mark.stack

LINES = 1500
"""Of one statement: capture is in the middle of it for a while."""


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
    """Snapshot, stream, kills in the middle of a statement, keys that change, a table read again: what was reported is what stands
    in the database, and nothing was reported twice.
    """
    for words in (("topics", "apply"), ("connector", "apply")):
        code, _, err = yibao(*words)
        assert 0 == code, err
    loaded = load_site(site)
    with (
        worker("place", site=site, home=site.parent) as place,
        worker("join", site=site, home=site.parent) as join,
        Broker(broker_access(loaded)) as broker,
    ):
        assert {"S1", "1"} == until(lambda: reported(loaded).keys(), {"S1", "1"}, place, join)
        for number in (2, 3):
            write_visit(database, number)
            came = broker.ends(loaded.topics.rows("his"))[0]
            wait_for(lambda before=came: broker.ends(loaded.topics.rows("his"))[0] > before + LINES // 2, place, join)
            own.kill("connect")
            execute(database, f"UPDATE his.settle SET total = {LINES + 1} WHERE settle_no = 'S{number}'")
            own.start("connect")
        execute(database, "UPDATE his.charge SET charge_id = charge_id + 900000 WHERE charge_id = 1")
        execute(database, "DELETE FROM his.charge WHERE charge_id = 2000001")
        execute(database, "INSERT INTO his.charge VALUES (5, 'V1', '2026-03-01 07:31:00', 1.50, 'D1')")
        lines = {f"{number * 1_000_000 + line}" for number in (2, 3) for line in range(1, LINES + 1)}
        wanted = {"S1", "S2", "S3", "1", "900001", "5"} | lines
        assert wanted == until(lambda: reported(loaded).keys(), wanted, place, join)

        code, out, err = yibao("resnapshot", "his.charge", "--wait", "-o", "json")
        assert (0, True) == (code, json.loads(out)["proved"]), err
        before = reported(loaded)
        execute(database, "INSERT INTO his.charge VALUES (6, 'V1', '2026-03-01 07:32:00', 2.50, 'D1')")
        until(lambda: reported(loaded).keys(), wanted | {"6"}, place, join)
        after = reported(loaded)

    assert before == {key: versions for key, versions in after.items() if key != "6"}
    assert {"S2", "S3"} == {key for key, versions in after.items() if len(versions) > 1}
    assert {1} == {count for versions in after.values() for count in Counter(versions).values()}
    line = orjson.loads(after["6"][0])
    assert ("2026-03-01 07:32:00", "2.50", "阿司匹林") == (line["FEE_OCUR_TIME"], line["DET_ITEM_FEE_SUMAMT"], line["HILIST_NAME"])
    bill = orjson.loads(after["S1"][0])
    assert ("2026-03-01 08:00:00", "2026-03-01 08:00:00") == (bill["SETL_TIME"], bill["CRTE_TIME"])
    sent_again(loaded)


def sent_again(loaded):
    """The kills did make capture send changes again: else nothing was shown."""
    marks = [
        (change.table, change.row.get("charge_id") or change.row.get("settle_no"), change.mark.place)
        for message in read_whole(client_options(loaded), loaded.topics.rows("his"))
        if hasattr(change := decode(message.value), "row") and change.mark is not None
    ]
    assert len(marks) > len(set(marks))


def write_visit(database, number):
    """A settlement of many lines, in one transaction of two statements."""
    first = number * 1_000_000
    at = f"'2026-03-0{number} 08:00:00'"
    database.begin()
    execute(
        database,
        f"INSERT INTO his.settle VALUES ('S{number}', 'V{number}', '李四', '110101198001010000', {at}, {LINES}, {at})",
    )
    execute(database, f"INSERT INTO his.charge SELECT {first} + seq, 'V{number}', {at}, 1.00, 'D1' FROM seq_1_to_{LINES}")
    database.commit()
