"""What is done with a capture that runs, step by step, as an integrator types it; `test_capture_command` walks through it."""

import json
import time
from contextlib import closing, contextmanager
from pathlib import Path

import orjson
import psycopg
import yaml

from connector.signals import order
from sandbox.hospital import Workload
from sandbox.hospital import run as run_hospital
from streams.broker_wiring import client_options
from streams.deadletter.headers import CLASS, TABLE
from streams.mapping import capture_sources, load_site
from streams.topics.access import BrokerAccess
from streams.topics.broker import Broker
from streams.topics.whole import read_whole
from tests.forks import worker
from tests.patience import PATIENCE_S
from yibao.captures import resnapshot, slots
from yibao.captures.resnapshot import Waits

SAMPLE = Path(__file__).parents[2] / "deploy" / "sites" / "sample"
DATABASE = "capture_command"
PASSWORD = "the-capture-password"
CONNECTOR = "command.capture-his"


def superuser(stack, database):
    return psycopg.connect(host=stack.postgres_host, port=stack.postgres_port, user="postgres", dbname=database, autocommit=True)


def write(file, document):
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return file


def reading_again(site, stack, yibao, monkeypatch):
    """Rows of a table, of a lookup, of one key; a condition that the database does not understand orders nothing."""
    with superuser(stack, DATABASE) as database:
        ((departments,),) = database.execute("SELECT count(*) FROM his.jc_ks").fetchall()

    code, out, err = yibao("resnapshot", "his.sf_fymx", "--wait", "-o", "json", config=site)
    assert out, err
    read = json.loads(out)
    assert (0, 2500, True) == (code, read["counted"], read["proved"])
    assert read["arrived"] + read["changed"] >= 2500  # those of the statement above, which may be on their way, do not come twice
    assert ("2500 rows to read" in err, {"gone": 0, "moved": 0}) == (True, read["absent"])

    code, out, err = yibao("resnapshot", "his.jc_ks", "--wait", config=site)
    assert (0, True) == (code, f"done: the database had {departments} rows, Debezium read {departments}" in out), err

    words = ("resnapshot", "his.sf_fymx", "--where", "mxid > 10", "--key", "10", "--key", "11", "--wait", "-o", "json")
    code, out, err = yibao(*words, config=site)
    assert out, err
    read = json.loads(out)
    assert (0, 1, 1, True) == (code, read["counted"], read["arrived"], read["proved"])

    with monkeypatch.context() as patched:
        given = []
        patched.setattr(resnapshot, "order", lambda *about, **more: lost_at_first(order(*about, **more), given))
        patched.setattr(resnapshot, "Waits", lambda: Waits(again_s=2.0))
        code, out, err = yibao("resnapshot", "his.sf_fymx", "--wait", "-o", "json", config=site)
    assert out, err
    read = json.loads(out)
    assert (0, 2500, 2, True) == (code, read["arrived"], len(read["orders"]), "read and not answered" in err)

    before = orders(stack)
    code, _, err = yibao("resnapshot", "his.sf_fymx", "--where", "no_such > 1", config=site)
    assert (2, True, before) == (code, "no_such" in err, orders(stack))
    code, _, err = yibao("resnapshot", "his.sf_fym", config=site)
    assert (2, True) == (code, "his.sf_fymx" in err)


def readings_beside_the_log(stack):
    """What Connect's log tells of rows read by another thread than the one that reads the database's log: they use one connection
    and one buffer, so readings failed, ended the task, or sent rows of one table as another's.
    """
    told = (stack.secrets.parent / "logs" / "connect.log").read_text(encoding="utf-8")
    lines = [line for line in told.splitlines() if "AbstractIncrementalSnapshotChangeEventSource" in line]
    assert any("incremental snapshot" in line.lower() for line in lines)
    return [line for line in lines if "-SignalProcessor]" in line]


def slot_of_another_capture(site, stack, yibao, monkeypatch):
    """A copy of a site's file with another prefix is another capture to Connect, and takes away what the site's own would read."""
    copy = yaml.safe_load(site.read_text(encoding="utf-8"))
    copy["kafka"]["topic_prefix"] = "copy."
    for more in ((), ("--no-preflight",)):
        code, out, _ = yibao("connector", "plan", *more, config=write(site.with_name("copy.yaml"), copy))
        assert (1, True) == (code, f"slot {DATABASE} is that of connector {CONNECTOR}, too" in out)

    code, out, _ = yibao("connector", "delete", "his", "--yes", config=site)
    assert (0, True) == (code, f"SELECT pg_drop_replication_slot('{DATABASE}')" in out)
    code, out, _ = yibao("connector", "status", config=site)
    assert (1, True) == (code, "his: yibao connector apply" in out)

    (source,) = capture_sources(load_site(site))
    monkeypatch.setattr(slots, "_ENDS_WITHIN_S", 0.1)
    login = {"host": stack.postgres_host, "port": stack.postgres_port, "user": DATABASE, "password": PASSWORD, "dbname": DATABASE}
    with closing(psycopg.connect(**login, autocommit=True, replication="database")) as reader:
        options = "(proto_version '1', publication_names 'yibao_his')"
        reader.pgconn.exec_(f"START_REPLICATION SLOT {DATABASE} LOGICAL 0/0 {options}".encode())
        code, out, _ = yibao("connector", "plan", config=site)
        assert (1, True) == (code, "is read by another capture (process " in out)
        assert "another capture reads with it" in slots.slot_left(load_site(site), source)


def lost_at_first(order, given):
    """As an order that comes while the task hangs: it is read, and nobody carries it out."""
    given.append(order)
    return (b"nobody", order[1]) if len(given) == 1 else order


def orders(stack):
    with Broker(BrokerAccess(bootstrap_servers=stack.bootstrap_servers)) as broker:
        return broker.ends("command.capture.signals")


@contextmanager
def workers_that_stood(site, stack, yibao):
    """A table was out of the publication for a moment: a worker places nothing of what was captured, until a person has looked.
    After that place and join work.
    """
    with superuser(stack, DATABASE) as database:
        database.execute("INSERT INTO his.sf_fymx (mxid, jzlsh) SELECT id, 'V' || id FROM generate_series(1, 2500) id")
        database.execute("ALTER PUBLICATION yibao_his DROP TABLE his.sf_jsjl")
        database.execute("ALTER PUBLICATION yibao_his ADD TABLE his.sf_jsjl")
    log, rows = site.parent / "place-0.log", "command.rows.his"
    with (
        worker("place", site=site, home=site.parent) as place,
        worker("join", site=site, home=site.parent),
        Broker(BrokerAccess(bootstrap_servers=stack.bootstrap_servers)) as on,
    ):
        wait_for(place, lambda: b'"source_stopped"' in log.read_bytes())
        assert 0 == on.committed("command.yibao-place", rows, [0])[0].offset
        assert yibao("resume", "his", "--why", "nobody paid in that moment", config=site)[0] == 0
        wait_for(place, lambda: on.committed("command.yibao-place", rows, [0])[0].offset >= 2500)
        yield place
    told = [json.loads(line) for line in log.read_bytes().splitlines()]
    assert [["his.sf_jsjl"]] == [one["read_again"] for one in told if one["event"] == "source_stopped"]
    assert ["nobody paid in that moment"] == [one["why"] for one in told if one["event"] == "source_resumed"]


def join_of_another_mapping(site):
    """It would make its partitions' records otherwise than the one at work; so it waits, and the one at work does not notice."""
    document = yaml.safe_load(site.read_text(encoding="utf-8"))
    document["sources"]["his"]["mapping"] = "remapped.yaml"
    mapping = (SAMPLE / "mapping.yaml").read_text(encoding="utf-8").replace("mapping: ", "mapping: another-", 1)
    site.with_name("remapped.yaml").write_text(mapping, encoding="utf-8")
    home, at_work = site.parent / "another", site.parent / "join-0.log"
    before = at_work.read_bytes().count(b'"lane_opened"')
    with worker("join", site=write(site.with_name("another.yaml"), document), home=home, index=1) as other:
        wait_for(other, lambda: b'"mapping_awaited"' in (home / "join-1.log").read_bytes())
        ((line),) = [one for one in map(json.loads, (home / "join-1.log").read_bytes().splitlines()) if "others" in one]
    assert ["yibao-sample-join-0 "] == [one.partition("at ")[0] for one in line["others"]]
    assert before == at_work.read_bytes().count(b'"lane_opened"')


def rows_that_went(site, stack, yibao, place):
    """Visits were deleted while nobody captured it: they are withdrawn, by letter, and nothing else is."""
    loaded = load_site(site)
    topics = loaded.topics
    with Broker(BrokerAccess(bootstrap_servers=stack.bootstrap_servers)) as on, superuser(stack, DATABASE) as database:
        run_hospital(database, Workload(visits=6, seed=5, first=500, bad_share=0.0))
        wait_for(place, lambda: sum(on.ends(topics.ready).values()) > 20)
        ready = read_whole(client_options(loaded), topics.ready)
        visits = {orjson.loads(one.value)["MDTRT_ID"] for one in ready if ("service", b"mdtrt_d") in one.headers}
        database.execute("ALTER PUBLICATION yibao_his SET (publish = 'insert, update, truncate')")
        gone = database.execute("DELETE FROM his.mz_zy_jz WHERE yb_jzid = %s RETURNING yb_jzid", (min(visits),)).fetchall()
        database.execute("ALTER PUBLICATION yibao_his SET (publish = 'insert, update, delete, truncate')")
        for found in (1, 0):
            code, out, err = yibao("resnapshot", "his.mz_zy_jz", "--wait", "-o", "json", config=site)
            assert (0, {"gone": found, "moved": 0}) == (code, json.loads(out)["absent"]), err
        letters, seen = [], 0
        while not letters:
            wait_for(place, lambda seen=seen: sum(on.ends(topics.dead).values()) > seen)
            seen = sum(on.ends(topics.dead).values())
            dead = read_whole(client_options(loaded), topics.dead)
            letters = [one for one in dead if {(CLASS, b"WITHDRAWN"), (TABLE, b"his.mz_zy_jz")} <= {*one.headers}]
    assert (1, 1) == (len(gone), len(letters))


def wait_for(process, condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        process.check()
        assert time.monotonic() < deadline
        time.sleep(0.1)
