"""`yibao demo` as a person types it: a process, its exit code, its output, and what it leaves behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from sandbox.hospital.institutions import INSTITUTIONS
from sandbox.stack import Stack
from streams.broker_wiring import client_options
from streams.deliver.freshness import freshness
from streams.deliver.ledger import read_receipts
from streams.mapping import load_site
from streams.seal import generate_key_pair
from tests.others import read_by_others
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]

KEYS_OF_THE_OBJECT = {
    "ok",
    "rows",
    "expected",
    "accepted",
    "dead_letters",
    "waiting",
    "settlements_that_differ",
    "deleted_unreported",
    "missing",
    "unexpected",
    "doubled",
    "amounts",
    "holds",
    "freshness_s",
    "freshness_parts_s",
}
SERVICES = {"mdtrt_d", "setl_d", "fee_list_d"}
MARK = "YIBAO_TEST_RUN"
WRONG = ("--visits", "200", "--rate", "20")
BRIEF = ("--visits", "20", "--seed", "151")
"""A hospital in whose days nothing waits in vain, so that its run ends without a time-out."""


@dataclass
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str


class Room:
    """A home for demonstrations, and everything that runs for it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.mark = uuid.uuid4().hex

    def start(self, *words):
        command = [sys.executable, "-m", "yibao", *map(str, words)]
        environment = {**os.environ, MARK: self.mark}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, umask=0)

    def demo(self, *words):
        return self.start("demo", "--home", os.path.relpath(self.home), "--language", "en", *words)

    def ran(self, *words):
        with self.demo(*words) as process:
            out, err = process.communicate(timeout=2 * PATIENCE_S)
            return Ran(process.returncode, out, err)

    def processes(self):
        """What runs for this room: every process that inherited its mark."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        return found


@pytest.fixture
def room():
    """A home of the test's own, with nothing running in it before and after. It lies where everybody gets at it."""
    public = Path(tempfile.mkdtemp(prefix="yibao-public-"))
    public.chmod(0o755)
    room = Room(public / "demo")
    yield room
    if room.home.exists():
        room.ran("--stop")
        Stack(room.home / "stack").erase()
    shutil.rmtree(public)
    assert [] == room.processes()


@contextmanager
def own_platform(room, folder):
    """A platform that is not the demonstration's, with one key pair for all institutions: its URL and its public key."""
    pair = generate_key_pair()
    keys = folder / "keys"
    keys.mkdir()
    for code in (institution.code for institution in INSTITUTIONS.values()):
        (keys / f"{code}.key").write_text(f"{pair.d:064x}\n")
    sample = Path(__file__).parents[2] / "deploy" / "sites" / "sample" / "site.yaml"
    with room.start("platform", "serve", "--institutions", sample, "--keys", keys, "-o", "json", "--faults", "demo") as process:
        try:
            public = folder / "platform.pem"
            public.write_text(pair.public.pem)
            yield json.loads(process.stdout.readline())["url"], public
        finally:
            process.terminate()
            process.communicate()


def judged(ran):
    """The object on stdout, which nothing else may share, of a run in which everything had its outcome."""
    assert 0 == ran.code, ran.err
    (line,) = ran.out.splitlines()
    found = json.loads(line)
    assert KEYS_OF_THE_OBJECT == set(found)
    assert (True, 0, 0, 0) == (found["ok"], found["missing"], found["unexpected"], found["doubled"])
    assert SERVICES == set(found["expected"])
    assert found["expected"] == found["accepted"]
    assert min(found["accepted"].values()) > 0
    assert {"p50", "p95", "p99"} == set(found["freshness_s"])
    assert {"capture", "join", "batch", "seal", "post"} == set(found["freshness_parts_s"])
    for part in found["freshness_parts_s"].values():
        assert {"p50", "p95", "p99"} == set(part)
        assert -0.05 < part["p50"] <= part["p95"] <= part["p99"] <= found["freshness_s"]["p99"] + 0.01
    assert [] == found["holds"]
    assert all(amount["expected"] == amount["accepted"] for amount in found["amounts"].values())
    return found


def assert_parts_add_up(room):
    """Every record's parts are known, begin where the one before ends, and explain its way to the millisecond."""
    site = load_site(room.home / "site" / "site.yaml")
    lines = [(receipt, line) for receipt in read_receipts(client_options(site), site.topics.receipts) for line in receipt.records]
    ways = [(receipt.answered_at - line.committed_at, freshness(receipt, line)) for receipt, line in lines]
    assert len(ways) > 100
    assert [(whole, way) for whole, way in ways if way is None or way.whole != whole] == []
    # One machine, one clock: no part ends before it begins, but for the rounding of what sealing took.
    assert [way for _, way in ways if min(way.capture, way.join, way.batch, way.seal, way.post) < -2] == []


def test_from_nothing_to_one_object_and_back_to_nothing(room, tmp_path):
    """One run that is kept; another in the same home, against a platform of one's own, which only receipts speak for; `--stop`."""
    first = room.ran(*BRIEF, "--keep", "--output", "json")
    found = judged(first)
    assert_parts_add_up(room)
    assert {"DICTIONARY", "MAPPING", "REJECTED", "VALIDATION", "WITHDRAWN"} == set(found["dead_letters"])
    assert found["rows"]["his.sf_fymx"] > 100
    assert "yibao demo --stop" in first.err
    assert [] == read_by_others(room.home), "the umask of these tests is 000"
    assert list(room.home.rglob("join-0/state/CURRENT")), "the copy of the state was looked at, too"
    assert {"join", "deliver", "serve", "kafka.Kafka"} <= {word for process in room.processes() for word in process.split()}

    with own_platform(room, tmp_path) as (url, public_key):
        own = ("--platform-url", f"{url}/metadata/receive/", "--public-key", public_key)  # as its papers write it
        found = judged(room.ran(*BRIEF, "--keep", "--output", "json", *own))
        assert found["accepted"]["fee_list_d"] > 50
        assert 1 == sum("platform serve" in process for process in room.processes()), "the simulator of the first run goes on"

        assert 0 == room.ran("--stop").code
        (only,) = room.processes()
        assert "platform serve" in only


def test_a_platform_that_does_not_answer_is_exit_3_before_anything_is_started(room, tmp_path):
    """Nobody waits for a stack to learn of a wrong address."""
    public = tmp_path / "platform.pem"
    public.write_text(generate_key_pair().public.pem)
    ran = room.ran("--platform-url", "http://127.0.0.1:1", "--public-key", public)
    assert (3, "", True) == (ran.code, ran.out, "http://127.0.0.1:1" in ran.err)
    assert not (room.home / "stack").exists()


@pytest.mark.parametrize(
    ("url", "content"), [("http://127.0.0.1:1", "no key"), ("127.0.0.1:1", None), ("http://127.0.0.1:1", "private")]
)
def test_a_wrong_key_or_address_is_exit_2(room, tmp_path, url, content):
    """A file or a word is to be mended; no key's text is shown."""
    pair = generate_key_pair()
    text = {None: pair.public.pem, "private": pair.pem}.get(content, content)
    public = tmp_path / "platform.pem"
    public.write_text(text)
    ran = room.ran("--platform-url", url, "--public-key", public)
    assert (2, "", False) == (ran.code, ran.out, "Traceback" in ran.err)
    assert f"{pair.d:064x}" not in ran.err


def test_a_run_against_a_wrong_address_says_so_and_leaves_nothing_when_it_is_interrupted(room, tmp_path):
    """Zeros for minutes say nothing: what holds is named, with what mends it. Ctrl-C in the middle of the live days is then exit
    code 130, and no server goes on by itself, not even what was to be kept.
    """
    public = tmp_path / "platform.pem"
    public.write_text(generate_key_pair().public.pem)
    with nothing_there() as url, room.demo(*WRONG, "--keep", "--platform-url", url, "--public-key", public) as process:
        deadline = time.monotonic() + 2 * PATIENCE_S
        told = []
        for line in process.stderr:
            assert time.monotonic() < deadline, told
            told.append(line)
            if line.startswith("live: ") and "accepted" in line:
                break
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE_S)[1]
        assert 130 == process.returncode, said
    # Before the first look at what was accepted: whoever watches is told what holds before he sees the zeros.
    (held, *_) = [line for line in told if line.startswith("held (")]
    assert ("HTTP 404" in held, "give another --platform-url" in told[told.index(held) + 1]) == (True, True)
    assert "held (" in told[-1]
    assert f"interrupted: everything that the demo started has stopped; its files stay in {room.home}" in said
    assert [] == room.processes()


@contextmanager
def nothing_there():
    """A server of something else, which knows nothing of our path."""

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_error(404)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/elsewhere"
        server.shutdown()
