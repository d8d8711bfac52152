"""One scenario from nothing to a verdict: the workload lives, the faults strike, everything drains, all is compared."""

import random
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.judge import Ending, judge
from sandbox.own_folder import OwnFolder
from sandbox.stack import Endpoints, Stack
from streams.broker_wiring import client_options
from streams.deliver.receipt import decode_receipt
from streams.mapping import Site
from streams.private_files import private_folder
from streams.topics.whole import read_whole
from tests.chaos.chaos_site import PATIENT_LOOKUP, WAIT_S, ChaosSite
from tests.chaos.course import Course
from tests.chaos.crew import STAGES, Crew
from tests.chaos.held_institutions import told as of_the_held
from tests.chaos.hospital import Hospital
from tests.chaos.restored import recover
from tests.chaos.result import Result
from tests.chaos.scenarios import Scenario
from tests.chaos.stillness import answers, told
from tests.chaos.verdict import Refusing, Verdict, expectations, missing, overtaken_refunds, pronounce, read_letters

_HIGHEST_RATE = 400.0
_LOOK_S = 0.2
_STALLED_S = 75.0
_BEGIN_S = 240.0
_OPERATOR_S = 5.0
_SETTLE_S = 3.0
_SMALL_DISK = "96m"
"""Room for the copies of the state of two join workers, and little more."""
_HOLDS = ("another", "clocks", "expected.jsonl", "expected-restored.jsonl", "keys", "logs", "pids", "site", "workers")


def run_folder(home: Path) -> OwnFolder:
    """The files of one scenario, in a folder that may be emptied."""
    return OwnFolder(root=home.resolve(), kind="chaos scenario", holds=_HOLDS, known_by=("site/site.yaml", "workers"))


def run_scenario(scenario: Scenario, *, stack: Stack, home: Path, changes: int, seed: int) -> Result:
    """Run one scenario on a stack that is up or comes up here. home: a folder of its own, emptied first; see `run_folder`."""
    started = time.monotonic()
    run_folder(home).empty()
    run_folder(home).claim()
    endpoints = stack.up()
    run = _Run(scenario, stack=stack, endpoints=endpoints, home=home, changes=changes, seed=seed)
    try:
        verdict = run.go()
    finally:
        run.end()
    return Result(
        name=scenario.name,
        seed=seed,
        changes=run.hospital.changes,
        seconds=time.monotonic() - started,
        drain_s=run.drain_s,
        verdict=verdict,
        struck=run.crew.strikes + run.course.strikes,
        exits=dict(run.crew.exits),
        acts=tuple(run.course.acts),
        notes=(*run.notes, *verdict.notes),
        too_slow=run.course.held.too_slow if run.course.held is not None else "",
    )


class _Run:
    """The parts of one run."""

    def __init__(self, scenario: Scenario, *, stack: Stack, endpoints: Endpoints, home: Path, changes: int, seed: int) -> None:
        name = f"c{zlib.crc32(scenario.name.encode()):08x}"
        rng = random.Random(f"{seed}/{scenario.name}")
        self.notes: list[str] = []
        self.drain_s = 0.0
        self._home = home
        self._scenario = scenario
        self._stack = stack
        self._refusing = Refusing(percent=scenario.options.refuse_percent, seed=seed)
        self.site = ChaosSite(
            name,
            home=home,
            endpoints=endpoints,
            seed=seed,
            refuse_percent=scenario.options.refuse_percent,
            in_parts=scenario.options.rearranges,
        )
        self.hospital = Hospital(
            endpoints,
            database=self.site.database,
            changes=changes,
            seed=seed,
            expected=home / "expected.jsonl",
            rearranges=scenario.options.rearranges,
        )
        self.rate = min(_HIGHEST_RATE, self.hospital.total / scenario.options.live_s)
        self.crew = Crew(site=self.site.site_file, home=home, rng=rng)
        live_s = self.hospital.total * 5 / 6 / self.rate
        self.course = Course(rng=rng, live_s=live_s, crew=self.crew, stack=stack, site=self.site)
        self._operated_at = 0.0
        self._live_ms = 0
        self._desk = ThreadPoolExecutor(1, thread_name_prefix="operator")
        self._operator: Future[int] | None = None
        self._capture_restarts = 0

    def go(self) -> Verdict:
        self.site.start_platform()
        self.hospital.create()
        self._scenario.plan(self.course)
        with self._disk():
            site = self._begin_capture()
            self._wait_for_lanes(site.kafka.partitions)
            self._live()
            endings = expectations(self._home / "expected.jsonl", self._refusing)
            self._drain(endings, site)
            if (another := self.course.another) is not None:
                client, dead = client_options(site), site.topics.dead
                return recover(another, self, lost=endings, client=client, dead=dead, home=self._home)
            self.crew.stop()
            stats = self.site.stats()
            self.course.strikes += sum(stats["by_fault"].values()) + self.hospital.rearranged
            if self._capture_restarts:
                self.notes.append(f"failed capture tasks restarted: {self._capture_restarts}")
            self.notes += self._stillness(site)
            return pronounce(
                endings,
                self.site.journal(0, values=True),
                client=client_options(site),
                topics=site.topics,
                differences=self.hospital.differences(),
                # A refund whose line the platform refused does not wait for a person.
                overtaken=[] if self._scenario.options.refuse_percent else overtaken_refunds(stats),
                unseeable=self.hospital.unseeable(self.site.came(PATIENT_LOOKUP)),
                unread=self.hospital.mended.unread,
                spoilt=self.hospital.mended.spoilt,
            )

    def _begin_capture(self) -> Site:
        """Topics, capture and workers, until the snapshot is through."""
        working = self.hospital.overlapping(self.site.slot) if self._scenario.options.in_flight else None
        if working is not None:
            working.begin()
        site = self.site.start_capture()
        self.crew.look_after()
        self.hospital.wait_for_capture(self.site.slot)
        if working is not None:
            working.end()
            self.course.strikes += working.in_flight
        self.hospital.mended.capture_reads_all()
        return site

    def _stillness(self, site: Site) -> list[str]:
        """How long the live days stood while something waited, and what it cost the others that some institutions were held."""
        held = self.course.held
        if self._scenario.options.brokers == 1 and held is None:
            return []
        written = read_whole(client_options(site), site.topics.receipts)
        receipts = [(message.partition, decode_receipt(message.value)) for message in written]
        stood = told(answers(receipts, since_ms=self._live_ms), since_ms=self._live_ms)
        return [stood] if held is None else [stood, of_the_held([receipt for _, receipt in receipts], held)]

    def end(self) -> None:
        """Leave nothing behind on the stack."""
        self.crew.stop()
        self.hospital.stop()
        self.course.close()
        self._desk.shutdown(wait=True, cancel_futures=True)
        if self.course.another is not None:
            self.course.another.end()
        self._stack.up()
        self.site.stop_platform()
        if self.site.site_file.exists():
            self.site.remove_capture()
            self.hospital.remove(self.site.slot)

    def _wait_for_lanes(self, partitions: int) -> None:
        """Until every partition has an owner: a fault that strikes before the flow runs shows nothing."""
        deadline = time.monotonic() + _BEGIN_S
        wanted = {stage: 1 if stage == "place" else partitions for stage in STAGES}  # one source
        while any(self.crew.lanes_opened(stage) < count for stage, count in wanted.items()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"not every partition got an owner; see {self._home / 'logs'}")
            self.look()

    def _live(self) -> None:
        self.course.begin()
        self._live_ms = time.time_ns() // 1_000_000
        self.hospital.live(self.rate)
        busy = True
        while busy or self.hospital.is_live:
            busy = self.course.look_after()
            self.look()
        if self.hospital.error is not None:
            raise self.hospital.error

    def look(self) -> None:
        """Look after workers and capture for a moment."""
        self.crew.look_after()
        if time.monotonic() - self._operated_at > _OPERATOR_S:
            self._operate()
        time.sleep(_LOOK_S)

    def _operate(self) -> None:
        """Look after the capture as an operator does, without making the workers wait for a Connect that does not answer."""
        self._operated_at = time.monotonic()
        if self._operator is None or self._operator.done():
            self._capture_restarts += 0 if self._operator is None else self._operator.result()
            self._operator = self._desk.submit(self.site.restart_failed)

    def _drain(self, endings: list[Ending], site: Site) -> None:
        """Wait until everything is accepted; let the time pass that rows wait for parts that never come; wait for the letters, and
        for what was not accepted before.
        """
        since = time.monotonic()
        journal: list[dict[str, Any]] = []

        def unaccepted() -> int:
            journal.extend(self.site.journal(len(journal)))
            return missing(endings, journal)

        left = self.until_none(unaccepted)
        if left:
            self.notes.append(f"{left} records not accepted when the patience ended")
        self.drain_s = time.monotonic() - since
        self.crew.shift_clocks(WAIT_S + 60)
        wanted = sum(bool(ending.dead_class) for ending in endings)
        self.until_none(lambda: self._letters_missing(endings, site, wanted))
        if left:  # that nothing moved for so long is noted; what came since is judged by what it is
            self.until_none(unaccepted)
        until = time.monotonic() + _SETTLE_S
        while time.monotonic() < until:
            self.look()

    def _letters_missing(self, endings: list[Ending], site: Site, wanted: int) -> int:
        """How many expected letters there are not; counted as the judge does, by what they say."""
        letters = read_letters(client_options(site), site.topics).told
        return min(wanted, sum("no dead letter" in each for each in judge(endings, (), letters).missing))

    def until_none(self, count: Callable[[], int]) -> int:
        """Look after everything until nothing is left, or nothing has moved for long; what is left."""
        left, moved_at = count(), time.monotonic()
        looked_at = time.monotonic()
        while left and time.monotonic() - moved_at < _STALLED_S + self._scenario.options.patience_s:
            self.look()
            if time.monotonic() - looked_at < 1.0:
                continue
            looked_at = time.monotonic()
            now = count()
            if now != left:
                left, moved_at = now, time.monotonic()
        return left

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """A small disk under the workers' folders, where the scenario fills it and we may mount one."""
        place = self._home / "workers"
        private_folder(place)
        if not self._scenario.options.small_disk:
            yield
            return
        options = f"size={_SMALL_DISK},mode=0700"
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=False).returncode == 0
        if not mounted:
            self.notes.append("no small disk could be mounted: nothing was filled")
        try:
            yield
        finally:
            if mounted:
                self.crew.stop()
                subprocess.run(["umount", "-l", place], check=True)
