"""Pauses and limits under load: all workers obey each, also after kill -9, it ends by itself, and nothing is lost or doubled."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from sandbox.stack import Stack
from streams.broker_wiring import broker_access
from streams.topics.broker import Broker
from tests.bench.messages import Load, hospital_messages
from tests.bench.parts import fold_all
from tests.bench.processes import CHECKOUT, Started, worker
from tests.operations.failed import Failed
from tests.operations.steered_site import PARTITIONS, Diary, SteeredSite, serving, until

VISITS: Final = 600
REQUESTS_PER_S: Final = 8.0
WATCHED_S: Final = 8.0
"""So long nothing of what is paused may come."""
PAUSED_S: Final = 45.0
"""How long the stage waits that goes on by itself."""
OBEYED_S: Final = 12.0
"""By then a worker has read an order and finished its plan."""


def prove(folder: Path, say: Callable[[str], None]) -> str:
    """What this part of the proof does: see the module."""
    stack = Stack(folder / "stack", ("kafka",), durable=False, bound=True)
    try:
        stack.up()
        with ExitStack() as running:
            return Course(folder, stack.endpoints.bootstrap_servers, running).run(say)
    finally:
        stack.erase()


class Course:
    """One site, two workers of the deliver stage, and records that come portion by portion."""

    def __init__(self, folder: Path, servers: str, running: ExitStack) -> None:
        self._running = running
        lookups, changes = hospital_messages(VISITS, partitions=PARTITIONS)
        emissions = fold_all(Load(lookups=lookups, changes=changes, partitions=PARTITIONS)).emissions
        self.expected = Counter((one.record.service.value, one.record.key, one.record.content_hash) for one in emissions)
        self.institution = emissions[0].record.institution
        self.diary = Diary({(one.record.service.value, one.record.key) for one in emissions})
        url = running.enter_context(serving(self.diary))
        self.site = SteeredSite(folder / "site", servers=servers, prefix="steered-", url=url, plan=50)
        self.site.fill(lookups, place=False)
        self._left, self._all = changes, len(changes)
        self._workers: dict[tuple[str, int], Started] = {}

    def run(self, say: Callable[[str], None]) -> str:
        """From the first record to the last."""
        for stage, index in (("place", 0), ("join", 0), ("deliver", 0), ("deliver", 1)):
            self.start(stage, index)
        rate = self.limits()
        say(f"of a limit of {REQUESTS_PER_S:g} requests a second, two workers made {rate:.1f}")
        self.an_institution()
        say("an institution waited over kill -9 of a worker, while others went on")
        self.yibao("limits", "clear", "--why", "the platform takes more")
        self.a_stage_until()
        say("the stage deliver waited until its time was over")
        self.what_comes_before()
        say("a source and the stage join waited, over kill -9")
        self.a_service()
        say("a service waited")
        self.fill(1.0)
        total = self.expected.total()
        until(lambda: self.diary.taken >= total and not any(one.aside or one.plan for one in self.site.marks()), "all of it")
        if self.diary.wrong or {*self.diary.times.values()} != {1} or self.site.receipts() != self.expected:
            raise Failed(f"{self.diary.wrong[:3]}, taken {self.diary.taken} of {total}")
        return f"{total} records once and in order, through 5 pauses; {rate:.1f} of {REQUESTS_PER_S:g} requests a second"

    def limits(self) -> float:
        """How many requests a second come under a limit of all workers, which both of them make."""
        self.yibao("limits", "set", "--requests-per-s", f"{REQUESTS_PER_S:g}", "--why", "a quiet platform")
        self.fill(0.3)
        until(lambda: len(self.diary.entries) > 2 * REQUESTS_PER_S, "the first requests")
        time.sleep(3)  # what may go together where nothing went before is gone, and both workers have their share
        began, before = time.monotonic(), len(self.diary.entries)
        time.sleep(WATCHED_S)
        rate = (len(self.diary.entries) - before) / (time.monotonic() - began)
        if not 0 < rate <= REQUESTS_PER_S * 1.2:
            raise Failed(f"{rate:.1f} requests a second came, and {REQUESTS_PER_S:g} were ordered")
        return rate

    def an_institution(self) -> None:
        """It waits over a kill, alone, and goes on when it is resumed."""
        what = ("--institution", self.institution)
        self.yibao("pause", *what, "--why", "the platform asked for it")
        self.fill(0.15)
        time.sleep(3 * OBEYED_S)  # plans of 50 records go slowly under the limit
        began = time.monotonic()
        self.kill("deliver", 0)
        self.fill(0.1)
        until(lambda: bool(self.diary.since(began + WATCHED_S)), "the others going on")
        self.nothing(since=began, institution=self.institution)
        self.yibao("resume", *what, "--why", "they are done")
        resumed = time.monotonic()
        until(lambda: bool(self.diary.since(resumed, institution=self.institution)), "the institution going on")
        if json.loads(self.yibao("resume", *what, "--why", "again", "-o", "json"))["was_paused"]:
            raise Failed("it was resumed, and is paused")

    def a_stage_until(self) -> None:
        """It waits for some time, and goes on without a word of anybody."""
        ends = datetime.now(ZoneInfo(self.site.site.timezone)) + timedelta(seconds=PAUSED_S)
        self.yibao("pause", "--stage", "deliver", "--until", ends.isoformat(timespec="seconds"), "--why", "the platform moves")
        time.sleep(OBEYED_S)
        began = time.monotonic()
        self.fill(0.1)
        while datetime.now(ends.tzinfo) < ends - timedelta(seconds=1):
            self.nothing(since=began)
            time.sleep(0.1)
        until(lambda: bool(self.diary.since(began)), "the stage going on by itself")

    def what_comes_before(self) -> None:
        """A source waits over a kill; then the join does."""
        for what, stage, topic, count in (
            (("--source", "his"), "place", self.site.site.topics.rows("his"), 1),
            (("--stage", "join"), "join", self.site.site.topics.changes, PARTITIONS),
        ):
            self.yibao("pause", *what, "--why", "the vendor loads data")
            time.sleep(5)
            before = self.committed(stage, topic, count)
            self.fill(0.1)
            if stage == "place":
                self.kill(stage, 0)
            time.sleep(WATCHED_S)
            if before != self.committed(stage, topic, count):
                raise Failed(f"{stage} took something new, and {what} is paused")
            self.yibao("resume", *what, "--why", "it is loaded")
            self.wait_for_more(stage, topic, count, before)

    def a_service(self) -> None:
        """No fee line comes, nor what is behind one of its institution."""
        self.yibao("pause", "--service", "fee", "--why", "their fee service is down")
        time.sleep(OBEYED_S)
        began = time.monotonic()
        self.fill(0.1)
        time.sleep(WATCHED_S)
        if fees := [one for one in self.diary.since(began) if one.service == "fee_list_d"]:
            raise Failed(f"{len(fees)} requests of fee lines came, and the service is paused")
        self.yibao("resume", "--service", "fee", "--why", "it is back")
        until(lambda: any(one.service == "fee_list_d" for one in self.diary.since(began)), "fee lines going on")

    # What a person and a machine do ----------------------------------------------------------------------------------------------

    def yibao(self, *words: str) -> str:
        """What a verb printed. Raises Failed where it did not do it."""
        command = [sys.executable, "-m", "yibao", *words, "--config", f"{self.site.file}"]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"{' '.join(words)}: exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def start(self, stage: str, index: int) -> None:
        """A worker more."""
        home = self.site.home
        self._workers[stage, index] = self._running.enter_context(worker(stage, site=self.site.file, home=home, index=index))

    def kill(self, stage: str, index: int) -> None:
        """kill -9, and another one in its place."""
        self._workers[stage, index].process.kill()
        self._workers[stage, index].process.wait()
        self.start(stage, index)

    def fill(self, share: float) -> None:
        """So much of all that is to come, or what is left of it."""
        count = min(len(self._left), round(share * self._all))
        portion, self._left = self._left[:count], self._left[count:]
        self.site.fill(portion, place=True)

    def nothing(self, *, since: float, institution: str = "") -> None:
        """Raises Failed where something came since then."""
        if found := self.diary.since(since, institution=institution):
            raise Failed(f"{len(found)} requests of {institution or 'anybody'} came, and they are paused")

    def committed(self, stage: str, topic: str, count: int) -> dict[int, int]:
        """The offsets of a stage."""
        with Broker(broker_access(self.site.site)) as broker:
            found = broker.committed(self.site.site.topics.group(stage), topic, range(count))
        return {number: one.offset for number, one in found.items()}

    def wait_for_more(self, stage: str, topic: str, count: int, before: dict[int, int]) -> None:
        """Until it goes on."""
        until(lambda: self.committed(stage, topic, count) != before, f"{stage} going on")
