"""A hospital on a MariaDB or MySQL of its own and the site that reports from it: what tests of these kinds of database share."""

import json
import re
import shlex
import sys
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import orjson
import pymysql
import pytest
import yaml

from connector.profiles import profile_of
from sandbox.stack.mariadb import SUPERUSER
from streams.broker_wiring import broker_access, client_options
from streams.domain.changes import decode
from streams.errors import Unreachable
from streams.mapping import capture_sources, load_site
from streams.seal import generate_key_pair
from streams.topics.broker import Broker
from streams.topics.whole import read_whole
from tests.bench.processes import worker
from tests.own_stack import own_stack
from tests.patience import PATIENCE_S
from yibao.main import run

HERE = Path(__file__).parent
PASSWORD = "the-capture-password"
INSTITUTION = "P36110200002"
LINES = 1500
"""Of one statement: capture is in the middle of it for a while."""
_COMMAND = re.compile(r"yibao (?:connector|resume)[^,;(…]*…?")


@pytest.fixture(scope="module")
def kind():
    """Of the database; a module of tests that wants another one has a fixture of this name itself."""
    return "mariadb"


@pytest.fixture(scope="module")
def own(kind):
    """What it kills, nobody else may need."""
    with own_stack(kind, "kafka", "connect") as stack:
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
def site(own, kind, database, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "mapping.yaml").write_bytes((HERE / "mapping.yaml").read_bytes())
    (folder / "p.pem").write_text(generate_key_pair().public.pem)
    password = own.secrets / "capture"
    password.write_text(PASSWORD)
    document = {
        "site": kind,
        "kafka": {"bootstrap_servers": own.endpoints.bootstrap_servers, "replication_factor": 1, "partitions": 3},
        "connect": {"url": own.endpoints.connect_url, "heartbeat_s": 1},
        "join": {"tick_s": 0.5, "withdrawal_grace_s": 0.5},
        "sources": {
            "his": {
                "kind": kind,
                "host": own.endpoints.postgres_host,
                "port": port_of(own),
                "database": "his",
                "user": "capture",
                "password_file": str(password),
                "sslmode": "disable" if kind == "mariadb" else "require",
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


def steps_of(file, connect_host="127.0.0.1"):
    (source,) = capture_sources(load_site(file))
    return profile_of(source.kind).preparation(source, connect_host=connect_host)


def prepare(database, file):
    """As the server's administrator does: what `yibao source prepare` prints, and the password by hand."""
    for step in steps_of(file):
        for statement in step.statements:
            execute(database, statement)
    execute(database, f"ALTER USER capture@'127.0.0.1' IDENTIFIED BY '{PASSWORD}' ACCOUNT UNLOCK")


def taken_back(database, steps):
    """The way back, and what it says that it left."""
    said = [execute(database, statement) for step in reversed(steps) for statement in step.undo]
    return "".join(f"{value}" for rows in said for row in rows for value in row)


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


def state(yibao):
    """What is told of the capture."""
    _, out, _ = yibao("connector", "status", "-o", "json")
    (told,) = json.loads(out)["connectors"]
    return told


def follow(yibao, remedy):
    """Type each command of it, as it stands there, and read again what is owed then: no rest."""
    for found in _COMMAND.findall(remedy):
        words = shlex.split(found.strip().replace("…", "it-was-lost"))[1:]
        code, out, err = yibao(*words, *(["--yes"] if "forget" in words else []))
        assert 0 == code, (found, out, err)
    read_again(yibao)


def read_again(yibao):
    """Every table that is owed."""
    owed = state(yibao)["rows"]["read_again"]
    code, out, err = yibao("resnapshot", "--owed", "-o", "json")
    assert 0 == code, err
    assert {(table, True) for table in owed} == {(read["table"], read["proved"]) for read in map(json.loads, out.splitlines())}
    assert [] == state(yibao)["rows"]["read_again"]


def withdrawn(loaded):
    """The numbers of records that were reported and are gone, by the letters that tell of them."""
    letters = [dict(message.headers) for message in read_whole(client_options(loaded), loaded.topics.dead) if message.value]
    return [one for one in letters if b"WITHDRAWN" in one.values()]


def connected(own):
    return pymysql.connect(host=own.endpoints.postgres_host, port=port_of(own), user=SUPERUSER, charset="utf8mb4", autocommit=True)


def port_of(own):
    """Of the one database that the stack has."""
    return own.endpoints.mariadb_port or own.endpoints.mysql_port


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
    """A broker that does not answer in time is asked again."""
    deadline = time.monotonic() + PATIENCE_S

    def met():
        with suppress(Unreachable):
            return condition()
        return False

    while not met():
        for process in processes:
            process.check()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def through_kills(own, site, database, yibao):
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
    rows = ", ".join(f"({first + line}, 'V{number}', {at}, 1.00, 'D1')" for line in range(1, LINES + 1))
    execute(database, f"INSERT INTO his.charge VALUES {rows}")
    database.commit()
