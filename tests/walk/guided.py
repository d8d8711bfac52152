"""Somebody who walks a way of the guide on the sample site, whose source is called `his` there, too."""

import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sandbox.judge import Ending, Judgement, RecordId, judge
from sandbox.stack import Stack
from streams.broker_wiring import broker_access
from streams.deadletter.record import DeadLetterView
from streams.mapping import Site, load_site
from streams.topics.broker import Broker
from tests.chaos.verdict import acceptances_in
from tests.operations.failed import Failed
from tests.operations.plain_night import PlainNight
from tests.replay.days import Days
from yibao.lag.stages import lags_of

VISITS: Final = 20
RATE: Final = 40.0
_COMMAND_S: Final = 900.0
_FEW: Final = 5
_LOOKS: Final = ("yibao connector status", "yibao connector plan", "yibao join compare")
"""Commands that end with 1 where they find what the next command of the page mends."""
_LOOK_S: Final = 1.0
_MISSING_S: Final = 150.0
"""How long something may be missing when nothing waits: what a tick lets go."""
Say = Callable[[str], None]


class Guided(PlainNight):
    """On a stack of its own, which ends with `close`."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.stack = Stack(folder / "stack", durable=False)
        self.say = say
        super().__init__(folder, self.stack.up(), name="his")
        self.days = Days(self.connect, visits=VISITS)

    def close(self) -> None:
        """Leave nothing running."""
        self.end()
        self.stack.erase()

    def begun(self) -> None:
        """A site that works: all that the hospital has was reported, and nothing waits."""
        self.ready()
        for line in ("yibao topics apply", "yibao connector apply"):
            self.typed(line)
        self.begin_workers("workers")
        self.days.before()
        self.until(lambda: self.is_drained(self.days), "all records of the first days")
        self.say(f"{len(self.accepted())} records accepted")

    def begin_workers(self, name: str, *words: object) -> None:
        """`yibao worker all`, in the background; without words with a home of its own."""
        self.begin("worker", "all", *(words or ("--home", self.home_of(None))), name=name)

    def typed(self, line: str) -> str:
        """A command of the page, in the site's folder; what it prints. Raises Failed where it ends with another code than 0, or 1
        where it looks and finds something.
        """
        began = time.monotonic()
        codes = (0, 1) if line.startswith(_LOOKS) else (0,)
        words = tuple(shlex.split(line)[1:])
        done = subprocess.run(
            self._command(words),
            cwd=self.site_file.parent,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_S,
        )
        self.say(f"{time.monotonic() - began:6.1f} s  {line}")
        if done.returncode not in codes:
            raise Failed(f"`{line}` ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]}")
        return done.stdout

    def all_typed(self, lines: Iterable[str]) -> None:
        """One after the other."""
        for line in lines:
            self.typed(line)

    def site_of(self, name: str) -> Site:
        """A file of the site's folder."""
        return load_site(self.site_file.parent / name)

    def waiting(self, site: Site, *stages: str) -> int:
        """Records that wait for these stages, or for any; marks of transactions are none."""
        with Broker(broker_access(site)) as broker:
            return sum(one.waiting or 0 for one in lags_of(site, broker) if not stages or one.stage in stages)

    def sent_anew(self, since: int) -> str:
        """Behind so many acceptances the platform gets each record that the database shows, once, in its present version, and
        nothing else, and what is wrong has its letter; in words. Waits until nothing waits and nothing is wrong. Raises Failed.
        """
        self.until(lambda: self.is_empty(self.site), "the topics, run empty")
        self.within(lambda: self._judged_since(since).ok)
        found = self._judged_since(since)
        told = {name: getattr(found, name) for name in ("missing", "unexpected", "doubled", "out_of_order")}
        again = Counter((one["service"], one["institution"], one["key"]) for one in self.accepted()[since:])
        told["doubled"] = [*told["doubled"], *(key for key, times in again.items() if times > 1)]
        counts = ", ".join(f"{name} {len(faults)}" for name, faults in told.items())
        if not found.ok or told["doubled"]:
            amounts = {name: pair for name, pair in found.amounts.items() if pair[0] != pair[1]}
            raise Failed(f"sent anew: {counts}, amounts {amounts}; {[each for some in told.values() for each in some[:_FEW]]}")
        sent = f"{found.accepted.total()} records of {found.expected.total()} sent anew"
        return f"{sent}, {found.dead_letters.total()} letters, {counts}, amounts to the cent"

    def within(self, is_right: Callable[[], bool]) -> bool:
        """Whether it comes to that while what a tick lets go may still be missing."""
        end = time.monotonic() + _MISSING_S
        while not (right := is_right()) and time.monotonic() < end:
            time.sleep(_LOOK_S)
        return right

    def _judged_since(self, since: int) -> Judgement:
        again = self.accepted()[since:]
        endings = as_sent(self.here(self.days.endings_anew(self.folder), again), again)
        return judge(endings, acceptances_in(again), self._letters(), is_over=True, platform_is_known=False)

    def hospital_goes_on(self) -> None:
        """What nobody sees as it comes. Nothing of it is wrong: of a row that becomes wrong unseen, its right version of before is
        never reported, nor what belongs to it.
        """
        self.days.after(rate=RATE, bad_share=0.0)

    def hospital_goes_on_further(self) -> None:
        """The same again, with visits of other numbers."""
        self.days.more(first=10 * VISITS, visits=6, rate=RATE, bad_share=0.0)

    def _letters(self) -> list[DeadLetterView]:
        """A row that names no visit is told again when it is read again, for nothing remembers it: one letter of each."""
        return list({(one.record_key_hash and one.id) or (one.rule, one.row_key): one for one in super()._letters()}.values())

    def until_filled(self, site: Site, slot: str) -> None:
        """Capture has read all that the database shows now, and each record of it waits for deliver, which is paused."""
        there = sum(one.outcome == "accepted" for one in self.days.endings_anew(self.folder))
        read = "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND confirmed_flush_lsn >= %s"
        with self.connect() as database:
            (end,) = database.execute("SELECT pg_current_wal_lsn()").fetchone() or (None,)
            self.until(lambda: database.execute(read, (slot, end)).fetchone(), f"the end of the database's log, read by {slot}")
        self.until(lambda: self.is_empty(site, "place", "join") and self.waiting(site, "deliver") >= there, "all rows, joined")

    def is_empty(self, site: Site, *stages: str) -> bool:
        """Whether nothing waits for these stages, but the last ticks."""
        return self.waiting(site, *stages) <= site.kafka.partitions


def as_sent(endings: Sequence[Ending], entries: Iterable[dict[str, Any]]) -> list[Ending]:
    """What must be true of what was read anew: what went before it was sent need not be sent any more, and is told all the same."""
    taken = by_record(entries)
    gone = {one.id for one in endings if one.outcome == "withdrawn"} - taken.keys()
    return [replace(one, outcome="refused", versions=()) if one.id in gone else one for one in endings]


def by_record(entries: Iterable[dict[str, Any]]) -> dict[RecordId, list[str]]:
    """The contents of which each record was accepted, in their order."""
    found: dict[RecordId, list[str]] = {}
    for one in entries:
        found.setdefault((one["service"], one["institution"], one["key"]), []).append(one["hash"])
    return found
