"""What waits in the join is ended by a person, while the join is killed: each wait is told once, and what comes after all goes. And
a bill whose lines do not add up is listed for that person, with what the hospital has.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import orjson
import pytest

from streams.broker_wiring import broker_access, client_options
from streams.domain.join.entries import is_row, load
from streams.domain.ready import decode
from streams.explain.releasable import Chosen, releasable
from streams.lanes.kafka_broker import incoming
from streams.mapping import compile_site, load_site
from streams.topics.audit_log import read_audit
from streams.topics.broker import Broker
from streams.topics.whole import read_whole
from tests.bench.bench_site import write_site
from tests.bench.messages import Load, as_rows, hospital_messages
from tests.bench.parts import fold_all
from tests.bench.processes import CHECKOUT
from tests.bench.topics import apply_topics, fill
from tests.forks import worker
from tests.patience import PATIENCE_S
from yibao.explaining import keys_of, logs_of
from yibao.lag.stages import lags_of

pytestmark = pytest.mark.timeout(300)

PREFIX = "released-"
VISITS = "mz_zy_jz"
LINES = "sf_fymx"


class Scene:
    """Settlements and fee lines that came without their visits."""

    def __init__(self, servers, home):
        self.servers, self.home = servers, home
        self.file = write_site(home, prefix=PREFIX, bootstrap_servers=servers, platform_url="http://127.0.0.1:1")
        self.file.write_text(f"{self.file.read_text()}\nrule_options: {{lines_within_s: 1}}\n")
        apply_topics(self.file)
        self.site = load_site(self.file)

    def fill(self, messages):
        asyncio.run(fill(self.servers, PREFIX, messages))

    @contextmanager
    def running(self, stage):
        with worker(stage, site=self.file, home=self.home) as one:
            yield one

    def started(self, *words, verb="join"):
        command = [sys.executable, "-m", "yibao", verb, *words, "-c", f"{self.file}", "-o", "json"]
        return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def said(self, process):
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
        return json.loads(out)

    def ordered(self):
        with Broker(broker_access(self.site)) as broker:
            return broker.ends(self.site.topics.rows("his"))[0]

    def is_joined(self):
        """Whether all that came is placed and joined."""
        with Broker(broker_access(self.site)) as broker:
            left = {one.stage: one.waiting for one in lags_of(self.site, broker)}
        return left["place"] == left["join"] == 0

    def waits(self):
        """What the rows wait for, as the join remembers them."""
        latest = {one.key: one.value for one in self.messages(self.site.topics.state)}
        rows = [load(key, value) for key, value in latest.items() if value and is_row(key)]
        return [row.waits_for for row in rows if row.waits_for]

    def messages(self, topic):
        return read_whole(client_options(self.site), topic)

    def told(self):
        """Ids of the letters of what waited."""
        headers = [dict(one.headers) for one in self.messages(self.site.topics.dead)]
        return [one["x-dlq-id"] for one in headers if one.get("x-dlq-rule") == b"MISSING_VISIT"]

    def releasable(self):
        logs, keys = logs_of(self.site, deadline_s=PATIENCE_S), keys_of(self.site, clear=False)
        return releasable(logs, keys, compile_site(self.site), Chosen("visit"), plan="").orders


def until(done, what):
    end = time.monotonic() + PATIENCE_S
    while not (it := done()):
        assert time.monotonic() < end, what
        time.sleep(0.2)
    return it


def assert_a_bill_that_does_not_add_up_is_listed(scene, rows):
    """With the visit, both sums and what lies between them; and `explain` of the bill says the same. The record goes as it is."""
    lines = [said for one in rows if (said := orjson.loads(one.value))["source"]["table"] == LINES]
    latest = {(said["after"] or said["before"])["mxid"]: said for said in lines}
    said = next(one for one in reversed([*latest.values()]) if one["after"] and one["after"]["jsdh"])
    of = said["source"]
    of |= {"lsn": of["lsn"] + 10**6, "ts_us": of["ts_us"] + 10**9, "txId": of["txId"] + 10**5}
    said |= {"op": "u", "before": said["after"], "after": said["after"] | {"je": f"{Decimal(said['after']['je']) + 1}"}}
    scene.fill([replace(rows[-1], value=orjson.dumps(said))])
    (told,) = until(lambda: scene.said(scene.started("sums"))["settlements"], "it is counted")
    assert ("his", "1.00") == (told["source"], told["difference"])
    assert Decimal(told["stated"]) + 1 == Decimal(told["lines_sum"])
    rows = scene.said(scene.started(told["settlement"].partition("/")[2], "--service", "setl_d", verb="explain"))["now"]
    (now,) = (one for one in rows if one["of"] == told["settlement"])
    facts = now["facts"]
    assert (told["lines_sum"], told["stated"], "1.00", told["since"]) == (
        facts["lines_add_up_to"],
        facts["it_says"],
        facts["differs_by"],
        facts["differs_since"],
    )


def is_visit(message):
    return orjson.loads(message.value)["source"]["table"] == VISITS


def test_waits_that_a_person_ends_are_told_once_and_what_comes_after_all_goes(kafka, tmp_path):
    """The hospital's visits come days late; the office wants to see today what lacks them."""
    lookups, changes = hospital_messages(3, partitions=12)
    rows = as_rows(changes)
    late = [one for one in rows if is_visit(one)]
    assert late
    scene = Scene(kafka.bootstrap_servers, tmp_path)
    scene.fill([*lookups, *(one for one in rows if not is_visit(one))])
    with scene.running("place"):
        with scene.running("join") as first:
            until(scene.is_joined, "all is joined that came")
            first.process.kill()
        waiting, before = scene.waits().count("visit"), scene.ordered()
        process = scene.started("release", "--kind", "visit", "--why", "the vendor sends the visits on Friday")
        until(lambda: scene.ordered() > before or process.poll() is not None, "the orders stand in the rows, and nobody joins them")
        with scene.running("join"):
            done = scene.said(process)
            assert (waiting, 0) == (done["ordered"], done["still"])
            assert (waiting, waiting) == (len(scene.told()), len(set(scene.told())))
            assert [] == scene.releasable(), "a second order would find nothing"
            scene.fill(late)
            until(scene.is_joined, "the visits are joined")
            assert [] == scene.said(scene.started("sums"))["settlements"]
            assert_a_bill_that_does_not_add_up_is_listed(scene, rows)
    assert "visit" not in scene.waits()
    ready = [decode(incoming(one)) for one in scene.messages(scene.site.topics.ready)]
    in_order = [*(one for one in changes if not is_visit(one)), *(one for one in changes if is_visit(one))]
    plain = [one.record for one in fold_all(Load(lookups=lookups, changes=in_order, partitions=12)).emissions]
    expected = Counter((one.service, one.key, one.content_hash) for one in plain)
    assert expected == Counter((one.service, one.record_key, one.content_hash) for one in ready), "as without any release"
    audit = [one.entry for one in read_audit(client_options(scene.site), scene.site.topics.audit)]
    (entry,) = [one for one in audit if one.action == "join release"]
    assert ("the vendor sends the visits on Friday", waiting) == (entry.why, entry.facts["orders"])
