"""The whole flow on the real stack, while every part of it is killed in the middle of its work."""

import gc
import json
import os
import signal
import time
import urllib.request
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
import pytest
import yaml

from connector.contract import Topics
from streams.deliver.ledger import read_receipts
from tests.patience import PATIENCE_S
from yibao.demonstration.course import Demonstration, Outcome
from yibao.demonstration.hospital import Hospital
from yibao.demonstration.settings import DemoSettings

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]

TOPICS = Topics()


@dataclass
class Strike:
    """One kill: what was hit, what was accepted just before, and what it took until more was accepted."""

    name: str
    accepted: int
    again_after_s: float = 0.0


@dataclass
class Saboteur:
    """A spectator who kills what is at work: one part after the other, each once the one before has recovered."""

    demonstration: Demonstration = None
    todo: list[tuple[str, Callable]] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    stats: dict = field(default_factory=dict)
    struck_at: float = 0.0
    accepted: int = 0

    def step(self, text):
        self.said.append(text)

    def look(self, sight):
        self.stats = self.platform_stats()
        # The platform's own count: what the demonstration has read of it lags behind, and grows after a kill without any work.
        accepted = self.stats["accepted_records"]
        works = accepted > self.accepted
        if works and self.strikes and not self.strikes[-1].again_after_s:
            self.strikes[-1].again_after_s = time.monotonic() - self.struck_at
        if works and self.todo and sight.live:
            name, kill = self.todo.pop(0)
            self.wait_until_working()
            accepted = self.platform_stats()["accepted_records"]
            self.strikes.append(Strike(name, accepted=accepted))
            self.struck_at = time.monotonic()
            kill(self)
        self.accepted = accepted

    def held(self, holds):
        """A kill holds nothing for long."""

    @property
    def is_done(self):
        return not self.todo and self.strikes[-1].again_after_s > 0

    def wait_until_working(self):
        """Return in the middle of work: the platform has just taken a batch, and changes wait behind it."""
        before, until = self.platform_stats()["posts"], time.monotonic() + PATIENCE_S
        while self.platform_stats()["posts"] == before:
            assert time.monotonic() < until, "nothing is posted"
            time.sleep(0.005)

    def platform_stats(self):
        return json.loads(b"".join(self.ask_platform("stats")))

    def ask_platform(self, page):
        site = yaml.safe_load(self.demonstration.settings.site_file.read_text(encoding="utf-8"))
        with urllib.request.urlopen(f"{site['platform']['url']}/_sim/{page}") as answer:
            return answer.readlines()

    def kill_worker(self, stage):
        """SIGKILL to the process of one stage."""
        processes = psutil.Process(self.demonstration.worker.pid).children(recursive=True)
        (worker,) = [process for process in processes if f"worker {stage}" in " ".join(process.cmdline())]
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(PATIENCE_S)

    def kill_service(self, service):
        """SIGKILL to a server; it comes back on the data that it left."""
        self.demonstration.stack.kill(service)
        self.demonstration.stack.start(service)


class LongDay(Hospital):
    """Its day is over only when everything was struck: its last third goes on slowly until then, however slow the machine is."""

    saboteur: Saboteur

    def _until_stopped(self):
        transactions = list(super()._until_stopped())
        for number, transaction in enumerate(transactions):
            if number > len(transactions) * 2 / 3 and not self.saboteur.is_done and self._stopped.wait(1.0):
                return
            yield transaction


@dataclass
class Run:
    """What a sabotaged run left."""

    outcome: Outcome
    saboteur: "Reader"
    endings: list[dict]
    left: list[list[str]]


class Reader(Saboteur):
    """The same, who also reads receipts and journal while there are a broker and a platform to read them from."""

    receipts: Counter
    journal: list

    def look(self, sight):
        super().look(sight)
        if not sight.live:
            self.journal = [json.loads(line) for line in self.ask_platform("journal?values=1")]
            client = {"bootstrap_servers": self.demonstration.stack.endpoints.bootstrap_servers}
            self.receipts = Counter(
                (receipt.msgid, receipt.service, receipt.institution, line.key, line.hash)
                for receipt in read_receipts(client, TOPICS.receipts)
                for line in receipt.records
            )


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """A hospital's day during which each stage, the broker and Connect are killed at work."""
    home = tmp_path_factory.mktemp("sabotaged")
    saboteur = Reader(
        todo=[
            ("deliver", lambda self: self.kill_worker("deliver")),
            ("join", lambda self: self.kill_worker("join")),
            ("place", lambda self: self.kill_worker("place")),
            ("kafka", lambda self: self.kill_service("kafka")),
            ("connect", lambda self: self.kill_service("connect")),
        ]
    )
    settings = DemoSettings(visits=250, seed=11, rate=60, home=home / "demo")
    saboteur.demonstration = Demonstration(settings, saboteur)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("yibao.demonstration.course.Hospital", type("Hospital", (LongDay,), {"saboteur": saboteur}))
        outcome = saboteur.demonstration.run()
    endings = [json.loads(line) for line in settings.expected_file.read_bytes().splitlines()]
    left = [process.cmdline() for process in psutil.process_iter() if f"{home}" in " ".join(arguments(process))]
    saboteur.demonstration.stack.erase()
    with warnings.catch_warnings():
        # Of a broker that dies, kafka-python may leave a socket to the garbage collector, which would complain in a test of others.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return Run(outcome=outcome, saboteur=saboteur, endings=endings, left=left)


def arguments(process):
    """The command line of a process, of one that is just ending none."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_every_part_was_killed_at_work(run):
    """A kill of something idle would prove nothing: each hit in the live days, and the flow went on after each."""
    assert ["deliver", "join", "place", "kafka", "connect"] == [strike.name for strike in run.saboteur.strikes]
    assert [True] * 5 == [strike.again_after_s > 0 for strike in run.saboteur.strikes]
    accepted = [strike.accepted for strike in run.saboteur.strikes]
    assert accepted == sorted(set(accepted))
    assert accepted[-1] < run.saboteur.stats["accepted_records"]


def test_every_record_has_its_outcome_once(run):
    """Judged by the hospital's own expectations and by what the platform says that it has."""
    judgement = run.outcome.findings.judgement
    assert ([], [], [], []) == (judgement.missing, judgement.unexpected, judgement.doubled, judgement.out_of_order)
    assert judgement.ok
    assert judgement.expected == judgement.accepted
    assert judgement.accepted.total() > 2000
    assert judgement.dead_letters.total() > 50


def test_the_platform_got_nothing_twice(run):
    """By its own books: the same content of a record under two msgids, with nothing else in between."""
    assert 0 == run.saboteur.stats["doubled_unchanged"]


def test_no_record_comes_before_what_it_belongs_to_or_without_it(run):
    """Rule R24: visit, settlement, fee line. Killing a lane must not let a fee line overtake, and what a refused visit or
    settlement holds must not go without it: counted from what the platform has, and by the platform that refuses orphans.
    """
    refused = {one["service"] for one in run.endings if one["class"] and one["outcome"] == "refused"}
    assert {"mdtrt_d", "setl_d"} <= refused
    assert [] == overtaken(run.saboteur.journal)
    assert {"total": 0} == run.saboteur.stats["order_violations"]
    assert not [finding for finding in run.saboteur.stats["by_finding"] if finding.endswith("ORPHAN")]


def test_no_refund_comes_before_what_it_takes_back(run):
    """Rule R9, by the platform's own books: its lines are sound, so nothing excuses a refund that overtakes them."""
    assert "refund before its line" not in run.saboteur.stats["order_violations"]


def overtaken(journal):
    """The owners, by service, institution and key, which a record arrived before, once for each such record."""
    seen, found = set(), []
    for entry in journal:
        identity, sent = (entry["service"], entry["institution"], entry["key"]), json.loads(entry["value"])
        owners = {
            "mdtrt_d": [],
            "setl_d": [("mdtrt_d", "MDTRT_ID")],
            "fee_list_d": [("mdtrt_d", "MDTRT_ID"), ("setl_d", "SETL_ID")],
        }
        for service, name in () if identity in seen else owners[entry["service"]]:
            owner = (service, entry["institution"], sent[name])
            if owner not in seen and not (service == "mdtrt_d" and entry["institution"].startswith("P")):
                found.append(owner)
        seen.add(identity)
    return found


def test_receipts_are_what_the_platform_has(run):
    """The ledger is what audit and reconciliation believe: one receipt for each accepted record, and for no other."""
    journal = Counter(
        tuple(entry[name] for name in ("msgid", "service", "institution", "key", "hash")) for entry in run.saboteur.journal
    )
    assert journal == run.saboteur.receipts
    assert {1} == set(journal.values())


def test_no_process_is_left(run):
    """Whatever was killed and restarted in between."""
    assert [] == run.left
