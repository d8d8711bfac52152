"""One course of the replay proof: from a bad night to nothing left."""

import json
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sandbox.stack import Stack
from streams.replay.plan import Depth, load
from tests.replay.days import Days
from tests.replay.evidence import Letters, demand_agreement, demand_held, judged
from tests.replay.night import MISSING, UNPLACED, WRONG_KEY, Failed, Night

_PATIENCE_S: Final = 1_800.0
_STILL_S: Final = 8.0
_KILLS: Final = 3
_REFUSED_PERCENT: Final = 5
_WAIT_S: Final = 20
_BEGINS_S: Final = 120.0
_RATE: Final = 300.0
_ROUNDS: Final = 4
_TICKS: Final = 12
"""One for each partition."""
_PLANS: Final = (
    (Depth.RESEND, "class:REJECTED"),
    (Depth.RENORMALISE, "rule:DICTIONARY cause:ZL"),
    (Depth.RECAPTURE, f"rule:{UNPLACED}"),
)
"""Each depth, and what it is for."""


class Course:
    """folder: of everything. visits: before the mending. say: told what was done, and when."""

    def __init__(self, folder: Path, *, visits: int, say: Callable[[str], None]) -> None:
        self._stack = Stack(folder / "stack", durable=False)
        self._folder, self._visits, self._say = folder, visits, say
        self._rng = random.Random(7)
        self._broker_killed = False

    def run(self) -> str:
        """Go through it; the figures. Raises Failed."""
        self._night = night = Night(self._folder, self._stack.up(), name="night", wait_s=_WAIT_S)
        night.prepare(refused_percent=_REFUSED_PERCENT, wrong_key=True)
        night.start_workers()
        days = Days(night.connect, visits=self._visits)
        days.before()
        self._until_still("the bad night", held=True, still_s=_WAIT_S + _STILL_S)
        demand_held(night)
        before, causes = self._letters()
        self._say(f"the bad night: {before} letters: {', '.join(f'{count} {name}' for name, count in causes.items())}")
        night.mend()
        live = threading.Thread(target=days.after, kwargs={"rate": _RATE}, daemon=True)
        live.start()
        plans = self._round(kills=True)
        live.join(_PATIENCE_S)
        if live.is_alive():
            raise Failed("the hospital's second half does not end")
        self._say(f"live: {days.newer} newer versions, {days.touched} rows touched, {days.deleted} deleted, while plans ran")
        plans += self._until_nothing_is_left()
        return self._told(before, [plan for plan in plans if plan["ending"]], days)

    def end(self) -> None:
        """Leave nothing running."""
        if hasattr(self, "_night"):
            self._night.end()
        self._stack.erase()

    def _told(self, before: int, plans: Sequence[Mapping[str, Any]], days: Days) -> str:
        letters = Letters.of(self._night)
        demand_agreement(self._night, plans, days, letters)
        self._night.yibao("audit", "verify")
        judgement = judged(self._night, days, letters)
        ends = Counter(letters.end_of(letter) or "told again" for plan in plans for letter in plan["ending"])
        replayed = (
            f"{sum(ends.values())} letters in {len(plans)} plans ({', '.join(f'{n} {how}' for how, n in ends.most_common())})"
        )
        held = sum(entry["institution"] == WRONG_KEY for entry in self._night.accepted())
        if not held:
            raise Failed("what was held for its key was never accepted")
        return (
            f"{before} letters before, {replayed}, {held} records of the wrong key held and then accepted, "
            f"{self._night.kills} kills, {judgement.accepted.total()} records accepted, missing 0, unexpected 0, doubled 0; "
            "journal, receipts, summary and verify agree"
        )

    def _letters(self) -> tuple[int, Mapping[str, int]]:
        """How many are open, and of the three causes."""
        found = self._night.asked("dlq", "summary", "--by", "class,rule,cause")
        counts: Counter[str] = Counter()
        for group in found["groups"]:
            counts[f"{group['dead_class']} {group['cause']}"[:24]] += group["count"]
        causes = ("DICTIONARY ZL", "JOIN_INCOMPLETE his.jc_x", "REJECTED")
        if not all(any(name.startswith(cause) for name in counts) for cause in causes):
            raise Failed(f"the night has not the letters that it should have ({MISSING} missing): {dict(counts)}")
        return found["total"], dict(counts.most_common(3))

    # Plans ----------------------------------------------------------------------------------------------------------------------

    def _until_nothing_is_left(self) -> list[Mapping[str, Any]]:
        """Round after round: what a plan hands on may be told for another reason, which is of the next one. Raises Failed."""
        plans: list[Mapping[str, Any]] = []
        for _ in range(_ROUNDS):
            self._until_still("the replay")
            more = self._round(kills=False)
            plans += more
            if not any(plan["handed_on"] for plan in more):
                return plans
        raise Failed(f"after {_ROUNDS} rounds plans still hand something on")

    def _round(self, *, kills: bool) -> list[Mapping[str, Any]]:
        """A plan of each depth, run to its end."""
        plans = _PLANS if kills else _PLANS[:-1]  # what is read again stays as it is
        return [self._replayed(wanted, depth, kills=kills) for depth, wanted in plans]

    def _replayed(self, wanted: str, depth: Depth, *, kills: bool) -> Mapping[str, Any]:
        """Make a plan and run it, though its runner, the workers and the broker are killed."""
        file = self._folder / f"{depth.value}-{time.monotonic_ns()}.plan"
        began = time.monotonic()
        made = json.loads(
            self._night.yibao("replay", "plan", wanted, "--depth", depth.value, "--why", "mended", "--out", file, "-o", "json")
        )
        looked = time.monotonic()
        for _ in range(_KILLS if kills and made["outcomes"] else 0):
            self._run_and_kill(file, with_broker=depth is Depth.RENORMALISE)
            self._night.kill_a_worker(self._rng)
        plan = load(file.read_bytes())
        if plan.passing:
            self._run(file)
        took = f"plan {looked - began:.0f} s, run {time.monotonic() - looked:.0f} s"
        self._say(f"{depth} {wanted}: {made['outcomes']}; {took}")
        return {**made, "file": file, "ending": plan.ending, "handed_on": len(plan.passing)}

    def _run_and_kill(self, file: Path, *, with_broker: bool) -> None:
        """Kill a run soon after it handed on something; once the broker first."""
        progress = file.with_name(f"{file.name}.progress")
        before, until = _written(progress), time.monotonic() + _BEGINS_S
        runner = self._night.begin("replay", "run", file, name="runner")
        while runner.poll() is None and _written(progress) == before and time.monotonic() < until:
            time.sleep(0.05)
        with suppress(subprocess.TimeoutExpired):
            runner.wait(self._rng.uniform(0, 3))
        if with_broker and not self._broker_killed:
            self._kill_the_broker()
        if runner.poll() is None:
            runner.kill()
            self._night.kills += 1
        runner.wait()

    def _run(self, file: Path) -> None:
        """As a person does who reads what it says: a broker that is not back yet is waited for."""
        until = time.monotonic() + _PATIENCE_S
        while (done := self._night.tried("replay", "run", file)).returncode == 3 and time.monotonic() < until:
            time.sleep(1)
        if done.returncode != 0:
            raise Failed(f"`replay run` ended with {done.returncode}: {done.stderr[-2000:]}")

    def _kill_the_broker(self) -> None:
        self._broker_killed = True
        self._stack.kill("kafka")
        self._night.kills += 1
        time.sleep(1)
        self._stack.start("kafka")

    # What came of it ------------------------------------------------------------------------------------------------------------

    def _until_still(self, what: str, *, held: bool = False, still_s: float = _STILL_S) -> None:
        """Until nothing waits for a stage, and nothing changed for a while. held: the last stage holds what it may not send."""
        until, last, since = time.monotonic() + _PATIENCE_S, None, time.monotonic()
        while time.monotonic() - since < still_s:
            if time.monotonic() > until:
                raise Failed(f"{what} does not come to an end: {last}")
            lags, now = self._night.lags(), self._night.taken_bytes
            # The ticks of a moment are no rows.
            waits = lags is None or any(
                (waiting or 0) > _TICKS for stage, waiting in lags if not (held and stage in ("deliver", "aside"))
            )
            if now != last or waits:
                last, since = now, time.monotonic()
            time.sleep(1)


def _written(file: Path) -> int:
    """When it was written last (ns); 0: never."""
    return file.stat().st_mtime_ns if file.exists() else 0
