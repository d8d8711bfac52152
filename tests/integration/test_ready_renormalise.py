"""A bad mapping fills visit.ready, the flood guard holds the lanes; the mapping is mended, and what waits is made anew."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from typer.testing import CliRunner

from streams.broker_wiring import broker_access, client_options
from streams.deadletter.reading import read_dead_letters
from streams.deadletter.record import record_key_hash
from streams.lanes.deliver.orphan_entries import is_waiting, read_waiting
from streams.lanes.deliver.renewed import LOOK_S
from streams.lanes.marks import deliver_mark
from streams.lanes.ports import TopicPartition
from streams.mapping import load_site
from streams.topics.audit_log import read_audit
from streams.topics.broker import Broker
from streams.topics.whole import read_whole
from tests.bench.bench_site import write_site
from tests.bench.messages import Load, hospital_messages
from tests.bench.parts import fold_all
from tests.bench.processes import CHECKOUT
from tests.bench.topics import apply_topics, fill
from tests.forks import worker
from tests.integration.both_stages import accepted_lines
from tests.patience import PATIENCE_S
from yibao.lag.stages import lags_of
from yibao.main import build

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

PARTITIONS = 3
VISITS = 24
PREFIX = "anew-"
WRONG = {
    "NWB_FLAG: {constant: 0}": "NWB_FLAG: {constant: 1}",
    "RX_DRORD_NO: cfh": 'RX_DRORD_NO: {first_of: [{constant: "WRONG"}, {column: cfh}]}',
}
"""Of visits and of fee lines; settlements are right."""
PORTION = 30
"""Orders; of those that are written at once."""
KEYS = {"mdtrt_d": "MDTRT_ID", "setl_d": "SETL_ID", "fee_list_d": "BKKP_SN"}


class Platform:
    """It reads what comes, and refuses what the bad mapping made."""

    def __init__(self):
        self.taken, self.there, self.ids, self.orphaned = Counter(), set(), {}, []
        self.wrong = []
        """msgids of what it refused."""
        self.reported = set()
        """Services and keys that are to be there."""
        self._lock = threading.Lock()

    def answer(self, service, message):
        records = json.loads(message["data"])
        with self._lock:
            if message["msgid"] in self.ids:
                assert self.ids[message["msgid"]] == records, "one msgid, two contents"
                return 40005
            if any(one.get("NWB_FLAG") == "1" or one.get("RX_DRORD_NO") == "WRONG" for one in records):
                self.wrong.append(message["msgid"])
                return 40003
            self.ids[message["msgid"]] = records
            for one in records:
                wanted = [("mdtrt_d", one["MDTRT_ID"]), ("setl_d", one.get("SETL_ID"))]
                self.orphaned += [place for place in wanted if service == "fee_list_d" and place in self.reported - self.there]
                self.there.add((service, one[KEYS[service]]))
                self.taken[service, one[KEYS[service]], json.dumps(one, sort_keys=True)] += 1
            return 200


def opened_at(msgid):
    """When its plan was opened, in seconds."""
    return int(msgid[12:18], 36) + datetime(2020, 1, 1, tzinfo=UTC).timestamp()


@contextmanager
def serving(platform):
    """Its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service = next(one for one in KEYS if one in self.path)
            said = json.dumps({"code": platform.answer(service, message), "message": "said"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", f"{len(said)}")
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Scene:
    """A site before, in and after the bad night."""

    def __init__(self, servers, home, url):
        self.servers, self.home = servers, home
        self.unequal = {}
        """What is not as it must be, as it was looked at last."""
        self.file = write_site(home, prefix=PREFIX, bootstrap_servers=servers, platform_url=url)
        written = yaml.load(self.file.read_text("utf-8"), Loader=yaml.BaseLoader)
        written["platform"]["encrypt"] = "false"
        written["deliver"] = {"flood_guard": {"ratio": 0.02, "min_refused": 1, "in_a_row": 2}}
        written["kafka"]["partitions"] = f"{PARTITIONS}"
        written["replay"] = {"rate_per_s": 100}
        self.file.write_text(yaml.safe_dump(written, allow_unicode=True), "utf-8")
        self.mapping = home / "mapping.yaml"
        apply_topics(self.file)
        self.site = load_site(self.file)

    def spoil(self):
        text = self.mapping.read_text("utf-8")
        for good, bad in WRONG.items():
            assert good in text
            text = text.replace(good, bad)
        self.mapping.write_text(text, "utf-8")

    def mend(self):
        text = self.mapping.read_text("utf-8")
        for good, bad in WRONG.items():
            text = text.replace(bad, good)
        self.mapping.write_text(text, "utf-8")

    def fill(self, messages):
        rows = [replace(one, topic="rows.his", partition=0) if one.topic == "visit.changes" else one for one in messages]
        asyncio.run(fill(self.servers, PREFIX, rows))

    @contextmanager
    def working(self):
        with ExitStack() as running:
            yield [running.enter_context(worker(one, site=self.file, home=self.home)) for one in ("place", "join", "deliver")]

    def marks(self):
        with Broker(broker_access(self.site)) as broker:
            said = broker.committed(self.site.topics.group("deliver"), self.site.topics.ready, range(PARTITIONS))
        return [deliver_mark(one.metadata) for one in said.values()]

    def waiting(self):
        with Broker(broker_access(self.site)) as broker:
            return {one.stage: one.waiting for one in lags_of(self.site, broker) if one.stage in ("place", "join", "deliver")}

    def until(self, done, what, workers=()):
        until = time.monotonic() + PATIENCE_S
        while not done():
            for one in workers:
                one.check()
            assert time.monotonic() < until, f"{what}: {self.waiting()} {self.marks()} {self.unequal}"
            time.sleep(0.5)

    def is_held(self):
        """Whether the join is through and all that waits is held."""
        left = self.waiting()
        held = [mark for mark in self.marks() if mark.plan is not None or mark.aside]
        flooded = all(mark.why == "flood_guard" or mark.aside for mark in held)
        return not left["place"] and not left["join"] and bool(held) and bool(left["deliver"]) and flooded

    def orphans(self):
        """What stands for the records that wait for a parent: that one is wrong by now, and has a letter."""
        found = {}
        for one in read_whole(client_options(self.site), self.site.topics.orphans):
            found[one.key] = one.value
        at = TopicPartition(self.site.topics.ready, 0)
        records = [read_waiting(value, at) for key, value in found.items() if is_waiting(key) and value is not None]
        return {record_key_hash(one.service.value, one.record_key) for one in records}

    def is_joined(self):
        with Broker(broker_access(self.site)) as broker:
            return bool(broker.members([self.site.topics.group("join")]))

    def letters(self):
        """The open ones. Of a row that is wrong by now, what waits of it does not go."""
        return read_dead_letters(client_options(self.site), self.site.topics.dead).letters

    def yibao(self, *words):
        """What the command says, in this process: one of its own takes seconds to begin."""
        words = ["ready", "renormalise", "-c", f"{self.file}", "-o", "json", *words]
        done = CliRunner().invoke(build(words), words)
        assert 0 == done.exit_code, (done.output, done.exception)
        return json.loads(done.stdout)

    def killed(self, *words):
        """The same, killed when its first orders are written."""
        command = [sys.executable, "-m", "yibao", "ready", "renormalise", "-c", f"{self.file}", *words]
        with Broker(broker_access(self.site)) as broker:
            before = broker.ends(self.site.topics.rows("his"))[0]
            with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                # A tick writes one row a source now and then, and a portion is of many.
                while process.poll() is None and broker.ends(self.site.topics.rows("his"))[0] < before + PORTION:
                    time.sleep(0.05)
                assert process.poll() is None, "it was over before"
                process.kill()


def test_what_waits_is_made_anew_and_nothing_wrong_or_twice_is_taken(kafka, tmp_path):
    """The only other way on would be to make dead letters of all that waits."""
    lookups, changes = hospital_messages(VISITS, partitions=PARTITIONS)
    most = len(changes) * 3 // 4
    expected = [one.record for one in fold_all(Load(lookups=lookups, changes=changes, partitions=PARTITIONS)).emissions]
    platform = Platform()
    with serving(platform) as url:
        scene = Scene(kafka.bootstrap_servers, tmp_path, url)
        platform.reported = {(f"{one.service}", one.key) for one in expected}
        scene.spoil()
        with scene.working() as workers:
            scene.fill(lookups)
            scene.fill(changes[:most])
            scene.until(scene.is_held, "the lanes being held", workers)
        scene.mend()
        with scene.working() as workers:
            looked = scene.yibao("--dry-run")
            assert looked["outcomes"]["passes"] > 100
            assert 0 == looked["ordered"]
            scene.until(scene.is_joined, "the workers being there", workers)
            scene.killed("--why", "the mapping was bad")
            scene.fill(changes[most:])
            made = scene.yibao("--why", "the mapping was bad")
            known_at = time.time() + LOOK_S + 1.0
            last = {(f"{one.service}", one.key): one.content_hash for one in expected}

            def is_there():
                now = {(service, line.key): line.hash for service, line in accepted_lines(scene.file)}
                told = {letter.record_key_hash for letter in scene.letters()}
                missing = {record_key_hash(*one) for one in last.keys() - now.keys()}
                others = {record_key_hash(*one) for one in now if now[one] != last.get(one)}  # taken before, and wrong by now
                waiting, orphans = any(scene.waiting().values()), scene.orphans()
                scene.unequal = {
                    "accepted in another version, without a letter": others - told,
                    "neither accepted, told nor waiting for a parent": missing - told - orphans,
                    "waiting for a parent, and accepted": orphans - missing,
                    "waiting for a parent, and told": orphans & missing & told,
                }
                return not waiting and not any(scene.unequal.values())

            scene.until(is_there, "everything being accepted", workers)
    accepted = Counter((service, line.key, line.hash) for service, line in accepted_lines(scene.file))
    assert {1} == set(accepted.values())
    assert {1} == set(platform.taken.values())
    assert ([], True) == (platform.orphaned, made["ordered"] > 0)
    assert [] == [one for one in scene.letters() if one.dead_class == "REJECTED"]
    assert [] == [one for one in platform.wrong if opened_at(one) > known_at], "a plan of later posts a wrong version"
    actions = Counter(one.entry.action for one in read_audit(client_options(scene.site), scene.site.topics.audit) if one.entry)
    assert 2 == actions["ready renormalise"]
