"""Events of a SQL Server and of an Oracle, written from what Debezium documents, through the product's own stages on a real broker:
from the topic that capture would write to the records that would be reported. No server of these kinds is had here.
"""

import json
import sys

import orjson
import pytest
import yaml

from connector.contract import DatabaseKind
from streams.broker_wiring import client_options
from streams.mapping import capture_sources, load_site
from streams.seal import generate_key_pair
from streams.topics.whole import read_whole
from streams.topics.writing import write
from tests.bench.processes import worker
from tests.databases.binlog_site import HERE, INSTITUTION, reported, until
from tests.own_stack import own_stack
from yibao.captures.facts import note_applied, resumed, stands_of
from yibao.main import run

pytestmark = pytest.mark.stack

AT = 1_796_117_400_000


@pytest.fixture(scope="module")
def kafka():
    with own_stack("kafka", "connect") as stack:
        stack.start("kafka")
        yield stack


@pytest.fixture(params=["sqlserver", "oracle"])
def kind(request):
    return request.param


@pytest.fixture
def site(kafka, kind, tmp_path):
    (tmp_path / "mapping.yaml").write_bytes((HERE / "mapping.yaml").read_bytes())
    (tmp_path / "p.pem").write_text(generate_key_pair().public.pem)
    (tmp_path / "password").write_text("the-capture-password")
    document = {
        "site": kind,
        "kafka": {
            "bootstrap_servers": kafka.endpoints.bootstrap_servers,
            "replication_factor": 1,
            "partitions": 2,
            "topic_prefix": f"{kind}.",
        },
        "connect": {"url": "http://127.0.0.1:9", "heartbeat_s": 1},
        "join": {"tick_s": 0.5, "withdrawal_grace_s": 0.5},
        "sources": {
            "his": {
                "kind": kind,
                "host": "127.0.0.1",
                "port": 9,
                "database": "HIS",
                "user": "capture",
                "password_file": "password",
                "sslmode": "require",
                "heartbeat_table": "cdc.heartbeat",
                "mapping": "mapping.yaml",
            }
        },
        "institutions": [{"code": INSTITUTION, "name": "大药房", "public_key_file": "p.pem"}],
        "platform": {"url": "http://127.0.0.1:8800"},
    }
    file = tmp_path / "site.yaml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return file


@pytest.fixture
def yibao(monkeypatch, capsys, site):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["yibao", *words, "-c", str(site)])
        with pytest.raises(SystemExit) as stopped:
            run()
        told = capsys.readouterr()
        return stopped.value.code or 0, told.out, told.err

    return call


class Capture:
    """What a capture of this kind would send."""

    def __init__(self, kind, loaded):
        self.kind = kind
        self.client = client_options(loaded)
        self.topics = loaded.topics

    def send(self, op, table, key, before, after, *, at=None):
        """at: the numbers of the transaction and of the change; None for a row that a snapshot reads."""
        said = {"connector": self.kind, "name": "his", "db": "HIS", "schema": "his", "table": table}
        commit, change = at or (1, 1)
        said |= {"ts_ms": AT + commit, "ts_us": 1000 * (AT + commit), "snapshot": "false" if at else "true"}
        if self.kind == DatabaseKind.SQLSERVER:
            lsn = {"change_lsn": f"00000027:{change:08x}:0002", "event_serial_no": 2 if op == "u" else 1} if at else {}
            said |= {"commit_lsn": f"00000027:{commit:08x}:0007", **lsn}
        else:
            placed = {"commit_scn": f"{commit}", "rs_id": f"001234.{change:08x}.0124", "ssn": 1, "txId": f"6.28.{commit}"}
            said |= {"scn": f"{change}", **(placed if at else {})}
        name = "code" if table == "item" else "settle_no" if table == "settle" else "charge_id"
        topic = self.topics.lookup("item") if table == "item" else self.topics.rows("his")
        value = orjson.dumps({"before": before, "after": after, "source": said, "op": op})
        write(self.client, topic, key=orjson.dumps({name: key}), value=value, otherwise="?")


def charge(number, amount):
    return {
        "charge_id": number,
        "visit_id": "V1",
        "occurred_at": "2026-03-01T07:30:00Z",
        "amount": amount,
        "item_code": "D1",
    }


def test_what_it_would_send_is_reported_once(kind, site, yibao):
    """A snapshot, changes, a row that one transaction changes twice, and the last two transactions sent again."""
    code, _, err = yibao("topics", "apply")
    assert 0 == code, err
    loaded = load_site(site)
    (source,) = capture_sources(loaded)
    note_applied(loaded, source)
    note_applied(loaded, source)
    stand = stands_of(loaded, [source])["his"]
    assert (True, None) == (f"docs/databases/{kind}.md" in stand.unseen, stand.found)
    capture = Capture(kind, loaded)
    bill = {"settle_no": "S1", "visit_id": "V1", "name": "张三", "cert_no": "110101198001010000"}
    bill |= {"settled_at": "2026-03-01T08:00:00Z", "total": "10.00", "written_at": "2026-03-01T08:00:00+08:00"}
    capture.send("r", "item", "D1", None, {"code": "D1", "name": "阿司匹林"})
    capture.send("r", "settle", "S1", None, bill)
    capture.send("r", "charge", 1, None, charge(1, "10.0000"))
    course = [
        ("c", "charge", 2, None, charge(2, "1.00"), (2, 20)),
        ("u", "charge", 2, charge(2, "1.00"), charge(2, "2.00"), (3, 31)),
        ("u", "charge", 1, charge(1, "10.0000"), charge(1, "11.00"), (4, 42)),
        ("u", "charge", 1, charge(1, "11.00"), charge(1, "12.00"), (4, 41)),  # its place falls
    ]
    with worker("place", site=site, home=site.parent) as place, worker("join", site=site, home=site.parent) as join:
        until(lambda: reported(loaded).keys(), {"S1", "1"}, place, join)
        for *change, at in course:
            capture.send(*change, at=at)
        for *change, at in course[:2]:
            capture.send(*change, at=at)
        capture.send("c", "charge", 3, None, charge(3, "3.00"), at=(5, 50))
        until(lambda: reported(loaded).keys(), {"S1", "1", "2", "3"}, place, join)
        told = {key: [orjson.loads(one) for one in versions] for key, versions in reported(loaded).items()}
    amounts = {key: [one["DET_ITEM_FEE_SUMAMT"] for one in told[key]] for key in ("1", "2", "3")}
    assert ("12.00", ["3.00"]) == (amounts["1"][-1], amounts["3"])
    assert "2.00" == amounts["2"][-1]
    assert len(amounts["2"]) <= 2, "what was sent again was not reported again"
    assert ("2026-03-01 07:30:00", "阿司匹林") == (told["3"][0]["FEE_OCUR_TIME"], told["3"][0]["HILIST_NAME"])
    assert [] == [message for message in read_whole(client_options(loaded), loaded.topics.dead) if message.value]
    _, control = resumed(loaded, source, why="its backup was restored")
    assert (1, {}) == (control.life, control.facts), "what comes behind it is no repetition of what came before"


def test_what_nobody_looks_at_is_told(kind, yibao):
    """In place of silence, which would be taken for well."""
    _, out, _ = yibao("doctor", "-o", "json")
    told = [one for one in json.loads(out)["findings"] if one["check"] == "database.capture"]
    assert {"warns"} == {one["severity"] for one in told}
    assert 1 == len([one for one in told if "its capture was never run on a real server" in one["what"]])
    assert len(told) - 1 == len([one for one in told if "is not looked at" in one["what"]]) >= 5
    code, out, _ = yibao("source", "prepare", "his")
    assert (0, True) == (code, "To look at, now and after each change" in out)
