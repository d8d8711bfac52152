"""One course of the replay proof: from a bad night to nothing left."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from sandbox.judge import Judgement, digests_of, judge, read_endings
from sandbox.stack import Stack
from sandbox.stack.ports import free_port
from sandbox.stack.service import CHECKOUT
from streams.deadletter.reading import read_dead_letters
from streams.mapping import load_site
from streams.wiring import client_options
from tests.chaos.verdict import acceptances_in

SAMPLE: Final = CHECKOUT / "deploy" / "sites" / "sample"
SPOILT: Final = (", ZL: 201, HC: 301", ", HC: 301")
"""What is missing in the dictionary of the bad night."""
_PATIENCE_S: Final = 900.0
_STILL_S: Final = 6.0
_KILLS: Final = 3
_OF_THE_NIGHT: Final = ("DICTIONARY", "REJECTED")
_REFUSED_PERCENT: Final = 5


class Failed(Exception):
    """What must not be."""


class Course:
    """folder: of everything. visits: before the mending."""

    def __init__(self, folder: Path, *, visits: int) -> None:
        self._folder, self._visits = folder, visits
        self._site = folder / "site" / "site.yaml"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = Stack(folder / "stack")
        self._ports: dict[str, int] = {}
        self._rng = random.Random(7)
        self.kills = 0

    def run(self) -> str:
        """Go through it; the figures. Raises Failed."""
        self._prepare()
        self._workers()
        self._yibao("hospital", "run", *self._database, "--visits", self._visits, "--expected", self._folder / "first.jsonl")
        self._until_still("the bad night")
        before = self._summary()
        self._mend()
        live = self._begin(
            "hospital", "run", *self._database, "--visits", self._visits // 2, "--first", self._visits + 1, "--rate", 300,
            "--expected", self._folder / "second.jsonl", name="live",
        )  # fmt: skip
        plans = [self._replayed("class:REJECTED", "resend"), self._replayed("rule:DICTIONARY cause:ZL", "renormalise")]
        if live.wait(_PATIENCE_S) != 0:
            raise Failed("the hospital's second half failed")
        self._until_still("the replay")
        plans += [self._replayed("class:REJECTED", "resend"), self._replayed("rule:DICTIONARY cause:ZL", "renormalise")]
        self._until_still("what came last")
        self._verify(plans)
        judgement = self._judged()
        told = f"{before} letters before, {sum(plan['outcomes'].get('passes', 0) for plan in plans)} replayed in {len(plans)} plans"
        return f"{told}, {self.kills} kills, {judgement.accepted.total()} records accepted, missing 0, unexpected 0, doubled 0"

    def end(self) -> None:
        """Leave nothing running."""
        for process in self._running.values():
            process.kill()
            process.wait()
        self._stack.erase()

    # What a person does ---------------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        shutil.copytree(SAMPLE, self._site.parent)
        taken: set[int] = set()
        for name in ("postgres", "kafka", "connect", "platform"):
            self._ports[name] = free_port(taken)
            taken.add(self._ports[name])
        document = yaml.load(self._site.read_text("utf-8"), Loader=yaml.BaseLoader)
        document["kafka"]["bootstrap_servers"] = f"127.0.0.1:{self._ports['kafka']}"
        document["connect"]["url"] = f"http://127.0.0.1:{self._ports['connect']}"
        document["sources"]["his"]["port"] = self._ports["postgres"]
        document["platform"]["url"] = f"http://127.0.0.1:{self._ports['platform']}"
        document["join"] = {"wait_s": 30, "tick_s": 2, "withdrawal_grace_s": 2}
        document["replay"] = {"rate_per_s": 400, "approve_above": 10_000_000}
        self._site.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        self._mapping(SPOILT)
        self._platform(_REFUSED_PERCENT)
        ports = [part for name in ("postgres", "kafka", "connect") for part in (f"--{name}-port", self._ports[name])]
        self._yibao("stack", "up", "--home", self._folder / "stack", "--secrets", self._site.parent / "secrets", *ports)
        password = self._site.parent / "secrets" / "his.password"
        self._yibao("hospital", "create", "--port", self._ports["postgres"], "--capture-password-file", password)
        self._yibao("topics", "apply", "-c", self._site)
        self._yibao("connector", "apply", "-c", self._site)

    def _mend(self) -> None:
        self._stop("platform")
        self._platform(0)
        self._stop("workers")
        self._mapping(SPOILT[::-1])
        self._workers()

    def _mapping(self, change: tuple[str, str]) -> None:
        file = self._site.with_name("mapping.yaml")
        text = file.read_text("utf-8")
        if change[0] not in text:
            raise Failed(f"{change[0]!r} is not in the sample's mapping")
        file.write_text(text.replace(*change), "utf-8")

    def _platform(self, percent: int) -> None:
        home = self._site.parent
        self._begin(
            "platform", "serve", "--institutions", self._site, "--keys", home / "keys", "--port", self._ports["platform"],
            "--journal", self._folder / "journal.jsonl", "--refuse-percent", percent, name="platform",
        )  # fmt: skip

    def _workers(self) -> None:
        self._begin("worker", "all", "-c", self._site, name="workers")

    def _replayed(self, wanted: str, depth: str) -> Mapping[str, Any]:
        """Make a plan and run it to its end, though its runner and the workers are killed."""
        file = self._folder / f"{depth}-{time.monotonic_ns()}.plan"
        out = self._yibao(
            "replay", "plan", wanted, "--depth", depth, "--why", "mended", "--out", file, "-c", self._site, "-o", "json"
        )
        for _ in range(_KILLS):
            runner = self._begin("replay", "run", file, "-c", self._site, name="runner")
            try:
                runner.wait(self._rng.uniform(2, 8))
            except subprocess.TimeoutExpired:
                runner.kill()
                self.kills += 1
            self._kill_a_worker()
        self._yibao("replay", "run", file, "-c", self._site)
        return {**json.loads(out), "file": file}

    def _kill_a_worker(self) -> None:
        """Its supervisor starts it again."""
        listed = subprocess.run(["pgrep", "-P", f"{self._running['workers'].pid}"], capture_output=True, text=True, check=False)
        if children := listed.stdout.split():
            os.kill(int(self._rng.choice(children)), signal.SIGKILL)
            self.kills += 1

    # What came of it ------------------------------------------------------------------------------------------------------------

    def _summary(self) -> int:
        document = json.loads(self._yibao("dlq", "summary", "-c", self._site, "-o", "json"))
        return sum(int(group["count"]) for group in document["groups"])

    def _until_still(self, what: str) -> None:
        """Until nothing waits for a stage, and nothing changed for a while."""
        until, last, since = time.monotonic() + _PATIENCE_S, None, time.monotonic()
        while time.monotonic() - since < _STILL_S:
            if time.monotonic() > until:
                raise Failed(f"{what} does not come to an end: {last}")
            done = self._asked("connector", "status", "-c", self._site, "-o", "json")
            lags = [(one["stage"], one["waiting"]) for one in json.loads(done)["stages"]] if done else None
            now = lags, (self._folder / "journal.jsonl").stat().st_size
            if now != last or lags is None or any(waiting for _, waiting in lags):
                last, since = now, time.monotonic()
            time.sleep(1)

    def _verify(self, plans: list[Mapping[str, Any]]) -> None:
        for plan in plans:
            told = json.loads(self._asked("replay", "verify", plan["file"], "-c", self._site, "-o", "json"))
            if not told["done"]:
                raise Failed(f"not all of plan {plan['plan']} is done: {told}")
        self._yibao("audit", "verify", "-c", self._site)

    def _judged(self) -> Judgement:
        endings = [one for half in ("first", "second") for one in read_endings(self._folder / f"{half}.jsonl")]
        entries = [json.loads(line) for line in (self._folder / "journal.jsonl").read_bytes().splitlines()]
        reading = read_dead_letters(client_options(load_site(self._site)), load_site(self._site).topics.dead)
        if left := sum(letter.dead_class == "REJECTED" for letter in reading.letters):
            raise Failed(f"{left} records are still refused by the platform")
        # What was told of the dictionary and the platform is closed; of it the hospital foresees only what is its own fault.
        own = {digest for one in endings if one.dead_class == "DICTIONARY" for digest in digests_of(one)}
        open_ones = {letter.id for letter in reading.letters}
        letters = [
            letter
            for letter in reading.told
            if letter.id in open_ones or letter.dead_class not in _OF_THE_NIGHT or letter.record_key_hash in own
        ]
        # Its own rules, which the hospital foresees, are not switched on.
        taken = {(entry["service"], entry["institution"], entry["key"]) for entry in entries}
        # Deleted, or another record, while the dictionary or the platform refused it: the platform never had it. Where the platform
        # refused it, the join does not know that, and a person is told to withdraw it all the same.
        never = [one for one in endings if one.outcome == "withdrawn" and one.id not in taken]
        needless = {digest for one in never for digest in digests_of(one)}
        judgement = judge(
            [one for one in endings if one not in never],
            acceptances_in(entries),
            [letter for letter in letters if letter.dead_class != "WITHDRAWN" or letter.record_key_hash not in needless],
            is_over=True,
            platform_is_known=False,
        )
        if not judgement.ok:
            wrong = [*judgement.missing, *judgement.unexpected, *judgement.doubled, *judgement.out_of_order]
            raise Failed("\n".join([f"{len(wrong)} things are wrong", *wrong[:20]]))
        return judgement

    # Programs -------------------------------------------------------------------------------------------------------------------

    @property
    def _database(self) -> tuple[object, ...]:
        return ("--port", self._ports["postgres"])

    def _begin(self, *words: object, name: str) -> subprocess.Popen[bytes]:
        log = (self._folder / f"{name}.log").open("ab")
        command = [sys.executable, "-m", "yibao", *map(str, words)]
        process = self._running[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        return process

    def _stop(self, name: str) -> None:
        process = self._running.pop(name)
        process.terminate()
        process.wait(_PATIENCE_S)

    def _asked(self, *words: object) -> str:
        command = [sys.executable, "-m", "yibao", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False, cwd=self._folder)
        return done.stdout

    def _yibao(self, *words: object) -> str:
        command = [sys.executable, "-m", "yibao", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False, cwd=self._folder)
        if done.returncode != 0:
            raise Failed(f"yibao {' '.join(map(str, words))}: exit code {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout
