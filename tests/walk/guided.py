"""Somebody who walks a way of the guide on the sample site, whose source is called `his` there, too."""

import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sandbox.judge import Ending, digests_of
from sandbox.stack import Stack
from streams.broker_wiring import broker_access, client_options
from streams.deadletter.reading import read_dead_letters
from streams.mapping import Site, load_site
from streams.topics.broker import Broker
from tests.operations.failed import Failed
from tests.operations.plain_night import PlainNight
from tests.replay.days import Days
from yibao.lag.stages import lags_of

VISITS: Final = 20
RATE: Final = 40.0
_COMMAND_S: Final = 900.0
_FEW: Final = 5
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

    def typed(self, line: str, *, codes: Sequence[int] = (0,)) -> str:
        """A command of the page, in the site's folder; what it prints. Raises Failed where it ends with another code."""
        began = time.monotonic()
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

    def is_empty(self, site: Site, *stages: str) -> bool:
        """Whether nothing waits for these stages, but the last ticks."""
        return self.waiting(site, *stages) <= site.kafka.partitions


def demand_present(again: Sequence[Mapping[str, Any]], endings: Sequence[Ending]) -> str:
    """Of what was sent anew each record has its present version, once, and nothing older; nothing that is gone is there, nothing is
    missing. In words. Raises Failed.
    """
    sent = Counter((one["service"], one["institution"], one["key"], one["hash"]) for one in again)
    last = {one.id: one.versions[-1] for one in endings if one.outcome == "accepted"}
    missing = [identity for identity, version in last.items() if not sent[*identity, version]]
    stale = [key for key in sent if last.get(key[:3]) not in (None, key[3])]
    gone = [key for key in sent if key[:3] not in last]
    doubled = [key for key, times in sent.items() if times > 1]
    faults: Mapping[str, Sequence[object]] = {"missing": missing, "stale": stale, "gone": gone, "doubled": doubled}
    if found := {name: f"{len(keys)}, such as {keys[:_FEW]}" for name, keys in faults.items() if keys}:
        raise Failed(f"of {len(last)} records, sent anew: {found}")
    return f"{len(last)} records sent anew, each once and in its present version"


def untold(site: Site, gone: Iterable[Ending]) -> list[Ending]:
    """Those of these records that no letter of a site tells as withdrawn."""
    reading = read_dead_letters(client_options(site), site.topics.dead)
    letters = {one.record_key_hash for one in reading.told if one.dead_class == "WITHDRAWN"}
    return [one for one in gone if not letters & digests_of(one)]
