"""A MariaDB from nothing to records, as an integrator types it: checks, capture, place and join, through kills of Connect.

`make databases-proof` runs this, and `make test` does not: it needs a server and a connector that `make setup` does not fetch.
"""

import json
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import orjson
import pymysql
import pytest
import yaml

from connector.profiles import profile_of
from sandbox.stack.mariadb import SUPERUSER
from streams.broker_wiring import broker_access, client_options
from streams.domain.changes import decode
from streams.mapping import capture_sources, load_site
from streams.seal import generate_key_pair
from streams.topics.broker import Broker
from streams.topics.whole import read_whole
from tests.bench.processes import worker
from tests.own_stack import own_stack
from tests.patience import PATIENCE_S
from yibao.captures.facts import look_at
from yibao.main import run

pytestmark = pytest.mark.stack

HERE = Path(__file__).parent
PASSWORD = "the-capture-password"
INSTITUTION = "P36110200002"
LINES = 1500
"""Of one statement: capture is in the middle of it for a while."""


@pytest.fixture(scope="module")
def own():
    """What it kills, nobody else may need."""
    with own_stack("mariadb", "kafka", "connect") as stack:
        stack.up()
        yield stack


@pytest.fixture(scope="module")
def database(own):
    """A session of the hospital's."""
    with closing(connected(own)) as connection:
        for statement in (HERE / "hospital.sql").read_text(encoding="utf-8").split(";\n"):
            execute(connection, statement)
        execute(connection, "USE his")
        yield connection


@pytest.fixture(scope="module")
def site(own, database, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "mapping.yaml").write_bytes((HERE / "mapping.yaml").read_bytes())
    (folder / "p.pem").write_text(generate_key_pair().public.pem)
    password = own.secrets / "capture"
    password.write_text(PASSWORD)
    document = {
        "site": "mariadb",
        "kafka": {"bootstrap_servers": own.endpoints.bootstrap_servers, "replication_factor": 1, "partitions": 3},
        "connect": {"url": own.endpoints.connect_url, "heartbeat_s": 1},
        "join": {"tick_s": 0.5, "withdrawal_grace_s": 0.5},
        "sources": {
            "his": {
                "kind": "mariadb",
                "host": own.endpoints.postgres_host,
                "port": own.endpoints.mariadb_port,
                "database": "his",
                "user": "capture",
                "password_file": str(password),
                "sslmode": "disable",
                "heartbeat_table": "cdc.heartbeat",
                "mapping": "mapping.yaml",
            }
        },
        "institutions": [{"code": INSTITUTION, "name": "大药房", "public_key_file": "p.pem"}],
        "platform": {"url": "http://127.0.0.1:8800"},
    }
    file = folder / "site.yaml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    prepare(database, file)
    return file


def steps_of(file):
    (source,) = capture_sources(load_site(file))
    return profile_of(source.kind).preparation(source, connect_host="127.0.0.1")


def prepare(database, file):
    """As the server's administrator does: what `yibao source prepare` prints, and the password by hand."""
    for step in steps_of(file):
        for statement in step.statements:
            execute(database, statement)
    execute(database, f"ALTER USER capture@'127.0.0.1' IDENTIFIED BY '{PASSWORD}' ACCOUNT UNLOCK")


@pytest.fixture
def yibao(monkeypatch, capsys, site):
    """The command line in this process: exit code, standard output, standard error. A test that fails shows all that was said."""
    said = []

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["yibao", *words, "-c", str(site)])
        with pytest.raises(SystemExit) as stopped:
            run()
        told = capsys.readouterr()
        assert PASSWORD not in told.out + told.err
        said.append(f"yibao {' '.join(words)} (exit code {stopped.value.code})\n{told.out}{told.err}")
        return stopped.value.code or 0, told.out, told.err

    yield call
    sys.stdout.write("\n".join(said))


def connected(own):
    return pymysql.connect(
        host=own.endpoints.postgres_host, port=own.endpoints.mariadb_port, user=SUPERUSER, charset="utf8mb4", autocommit=True
    )


def execute(connection, statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def planned(yibao):
    """What `connector plan` finds, by where."""
    _, out, err = yibao("connector", "plan", "-o", "json")
    assert out, err
    (plan,) = json.loads(out)["connectors"]
    return {one["where"]: one for one in plan["findings"]}


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
    assert () == execute(database, "SHOW TABLES IN cdc")
    prepare(database, site)
    assert {} == planned(yibao)


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


def reported(loaded):
    """By record key, the versions that are to be reported."""
    versions = {}
    for message in read_whole(client_options(loaded), loaded.topics.ready):
        if message.value:
            record = orjson.loads(message.value)
            versions.setdefault(record.get("BKKP_SN") or record["SETL_ID"], []).append(message.value)
    return versions


def until(seen, wanted, *processes):
    wait_for(lambda: wanted <= seen(), *processes)
    return {*seen()}


def wait_for(condition, *processes):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        for process in processes:
            process.check()
        assert time.monotonic() < deadline
        time.sleep(0.1)
