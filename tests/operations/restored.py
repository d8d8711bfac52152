"""Kafka is lost and comes back from an older copy: docs/backup.md, word for word, held against the platform's journal.

Workers that were further stand and post nothing. After the walk the platform has what the database says; sent once more is only
what it took after the copy was made, each record once and in its present version; nothing that it took before, and nothing older.
"""

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sandbox.judge import Ending, digests_of
from sandbox.stack import Stack
from streams.broker_wiring import client_options
from streams.deadletter.reading import read_dead_letters
from streams.lanes.exits import Exit
from tests.operations.failed import Failed
from tests.operations.plain_night import PlainNight
from tests.replay.days import Days

_VISITS: Final = 20
_RATE: Final = 40.0
_TABLES: Final = ("his.mz_zy_jz", "his.sf_jsjl", "his.sf_fymx")
_STAGES: Final = ("place", "join", "deliver")
_WHY: Final = "Kafka restored from the copy of this morning"


def prove(folder: Path, say: Callable[[str], None]) -> str:
    """Raises Failed."""
    stack = Stack(folder / "stack", durable=False)
    night = PlainNight(folder, stack.up(), name="restored")
    try:
        return _Restoring(night, stack, say).run()
    finally:
        night.end()
        stack.erase()


class _Restoring:
    def __init__(self, night: PlainNight, stack: Stack, say: Callable[[str], None]) -> None:
        self._night, self._stack, self._say = night, stack, say
        self._days = Days(night.connect, visits=_VISITS)
        self._data, self._copy = stack.home / "kafka", night.folder / "copy"

    def run(self) -> str:
        night = self._night
        night.ready()
        night.yibao("topics", "apply")
        night.yibao("connector", "apply")
        night.run_workers("workers")
        self._days.before()
        self._drained("all records, before the copy")
        self._take_a_copy()
        before = night.accepted()
        self._days.after(rate=_RATE)
        self._drained("all records, after the copy")
        after = night.accepted()[len(before) :]
        self._say(f"{len(before)} records accepted before the copy, {len(after)} after it")
        self._lose_and_restore()
        self._nothing_goes_on(len(before) + len(after))
        self._walk()
        self._drained("all records, after the walk")
        return self._judged(before, after, night.accepted()[len(before) + len(after) :])

    def _drained(self, what: str) -> None:
        self._night.until(lambda: self._night.is_drained(self._days), what)

    def _take_a_copy(self) -> None:
        """The data of all brokers at one moment: here there is one, and it is stopped for it. The workers wait meanwhile."""
        self._stack.stop("kafka")
        shutil.copytree(self._data, self._copy)
        self._stack.start("kafka")
        self._night.until(lambda: self._night.tried("lag").returncode != 3, "the broker")

    def _lose_and_restore(self) -> None:
        self._stack.kill("kafka")
        shutil.rmtree(self._data)
        shutil.copytree(self._copy, self._data)
        self._stack.start("kafka")
        self._stack.stop("connect")
        self._stack.start("connect")
        self._say("the broker is lost, and back from the copy")

    def _nothing_goes_on(self, accepted: int) -> None:
        """Those that ran end; started again, each stage says that the copy is older; the platform hears nothing."""
        self._night.until(lambda: self._ended() >= {Exit.SHORT_LOG}, "workers to end with 79")
        self._night.stop("workers")
        self._night.run_workers("workers")
        self._night.until(lambda: self._stood() == {*_STAGES}, "each stage to stand")
        if (now := len(self._night.accepted())) != accepted:
            raise Failed(f"{now - accepted} records were sent from the older copy")

    def _ended(self) -> set[int]:
        return {one["exit_code"] for one in self._night.said("workers", "worker_ended")}

    def _stood(self) -> set[str]:
        ended = self._night.said("workers", "worker_ended")
        older = [one for one in ended if one["exit_code"] == Exit.SHORT_LOG and "older copy" in f"{one['reason']}"]
        return {f"{one['worker']}".partition("-")[0] for one in older}

    def _walk(self) -> None:
        """docs/backup.md, *After a restore*."""
        night = self._night
        night.stop("workers")
        night.yibao("pause", "--stage", "deliver", "--why", _WHY)
        accepted = len(night.accepted())
        night.until(lambda: night.tried("offsets", "accept-copy", "--home", self._home, "--why", _WHY).returncode == 0, "consent")
        night.run_workers("workers")
        # Nothing wrong with them: of a visit whose last version is refused, no earlier one goes, and what belongs to it waits.
        words = {"first": 10 * _VISITS, "visits": 4, "rate": _RATE, "bad_share": 0.0}
        live = threading.Thread(target=self._days.more, kwargs=words, daemon=True)
        live.start()
        night.until(lambda: night.tried("connector", "forget", night.name, "--yes").returncode == 0, "capture to begin anew")
        for table in _TABLES:
            night.until(lambda table=table: night.tried("resnapshot", table, "--wait").returncode == 0, f"{table}, read again")  # type: ignore[misc]
        live.join()
        night.until(lambda: night.tried("ready", "renormalise", "--why", _WHY).returncode == 0, "what waits, made anew")
        if (now := len(night.accepted())) != accepted:
            raise Failed(f"{now - accepted} records were sent while the stage was paused")
        night.yibao("resume", "--stage", "deliver", "--why", "the office agreed with the platform")

    @property
    def _home(self) -> Path:
        return self._night.home_of(None)

    def _judged(
        self, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], again: Sequence[Mapping[str, Any]]
    ) -> str:
        first, between, last = (Counter(map(_version, each)) for each in (before, after, again))
        records = Counter(_record(one) for one in again)
        if twice := [one for one, times in records.items() if times > 1]:
            raise Failed(f"{len(twice)} records were sent in more than one version after the restore: {twice[:3]}")
        if needless := [one for one in last if one in first and one not in between]:
            raise Failed(f"{len(needless)} records were sent again that the platform took before the copy: {needless[:3]}")
        endings = self._days.endings(self._night.folder)
        taken = {_record(one) for one in (*before, *after)}
        gone = [one for one in endings if one.outcome == "withdrawn" and one.id in taken]
        # A letter comes when the grace of a withdrawal is over, and not before.
        self._night.until(lambda: not self._untold(gone), f"letters of {len(gone)} records that have no row any more")
        doubled = sum(one in between for one in last)
        if not doubled:
            raise Failed("nothing was in doubt: a poor proof")
        return (
            f"{len(before)} records before the copy, {len(after)} after it; all stages stood, nothing sent; after the walk "
            f"{doubled} of those {len(after)} sent once more, {len(last) - doubled} new, none stale, none of before the copy; "
            f"{len(gone)} withdrawn"
        )

    def _untold(self, gone: Sequence[Ending]) -> list[Ending]:
        reading = read_dead_letters(client_options(self._night.site), self._night.site.topics.dead)
        letters = {one.record_key_hash for one in reading.told if one.dead_class == "WITHDRAWN"}
        return [one for one in gone if not letters & digests_of(one)]


def _record(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return entry["service"], entry["institution"], entry["key"]


def _version(entry: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return *_record(entry), entry["hash"]
