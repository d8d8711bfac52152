"""The workers of one scenario, each a process of its own: started, killed, frozen, restarted. Use it from the main thread only."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sandbox.stack.service import CHECKOUT
from streams.lanes.exits import Exit
from streams.private_files import open_private, private_folder
from tests.chaos.seams import set_shift
from yibao.supervisor import PARENT_VARIABLE, PATIENT_VARIABLE

Stage = Literal["place", "join", "deliver"]
STAGES: tuple[Stage, ...] = ("place", "join", "deliver")

_AGAIN_S = 1.0
_AFTER_ERROR_S = 3.0
_STOP_WITHIN_S = 30.0
_CANNOT_BEGIN = 15
"""Ends of one worker by an exit code below 70 after which it is no fault that goes by."""


@dataclass(slots=True)
class _Place:
    """A place for a worker, and who holds it. asked: a signal of ours ends it. thaw_at: it is frozen until then."""

    stage: Stage
    index: int
    process: subprocess.Popen[bytes] | None = None
    next_start: float = 0.0
    failures: int = 0
    asked: bool = False
    thaw_at: float | None = None

    @property
    def name(self) -> str:
        return f"{self.stage}-{self.index}"

    @property
    def is_awake(self) -> bool:
        return self.process is not None and self.process.poll() is None and self.thaw_at is None


@dataclass(slots=True)
class Crew:
    """wanted: workers of each stage. orders: where the next started workers of a stage end themselves. exits: how they ended."""

    site: Path
    home: Path
    rng: random.Random
    wanted: dict[Stage, int] = field(default_factory=lambda: dict.fromkeys(STAGES, 2))
    orders: dict[Stage, deque[tuple[str, int]]] = field(default_factory=lambda: {stage: deque() for stage in STAGES})
    exits: Counter[str] = field(default_factory=Counter)
    strikes: int = 0
    _places: dict[str, _Place] = field(default_factory=dict)

    def look_after(self) -> None:
        """Start what is due, thaw what was frozen long enough, take note of what ended."""
        now = time.monotonic()
        for stage, count in self.wanted.items():
            for index in range(count):
                self._places.setdefault(f"{stage}-{index}", _Place(stage, index))
        for place in self._places.values():
            if place.process is None:
                if place.index < self.wanted[place.stage] and now >= place.next_start:
                    self._start(place)
                continue
            if place.thaw_at is not None and now >= place.thaw_at:
                place.process.send_signal(signal.SIGCONT)
                place.thaw_at = None
            if (code := place.process.poll()) is not None:
                self._ended(place, code, now)
                if place.failures > _CANNOT_BEGIN:
                    raise RuntimeError(f"{place.name} cannot begin: exit {code}, see {self.home / 'logs' / place.name}.log")

    def signal(self, stage: Stage, number: signal.Signals) -> bool:
        """Send a signal to some worker of a stage; False where none is awake."""
        if (place := self._some(stage)) is None or place.process is None:
            return False
        place.asked = True
        place.process.send_signal(number)
        self.strikes += 1
        return True

    def freeze(self, stage: Stage, for_s: float) -> bool:
        """Stop some worker of a stage for so long, then it goes on as if nothing had happened; False where none is awake."""
        if (place := self._some(stage)) is None or place.process is None:
            return False
        place.process.send_signal(signal.SIGSTOP)
        place.thaw_at = time.monotonic() + for_s
        self.strikes += 1
        return True

    def dismiss(self, stage: Stage) -> None:
        """Ask the last worker of a stage to leave, and want one less."""
        self.wanted[stage] -= 1
        place = self._places.get(f"{stage}-{self.wanted[stage]}")
        if place is not None and place.process is not None:
            place.asked = True
            place.process.send_signal(signal.SIGTERM)
            self.strikes += 1

    def shift_clocks(self, shift_s: float, *, only: Stage | None = None) -> None:
        """Move the wall clocks of all workers, or of one stage's."""
        for place in self._places.values():
            if only in (None, place.stage):
                set_shift(self._clock(place), shift_s)

    def home_of(self, stage: Stage, index: int) -> Path:
        """The folder in which a worker keeps its state."""
        return self.home / "workers" / f"{stage}-{index}"

    def stop(self) -> None:
        """Ask all to stop, and kill what does not."""
        running = [place for place in self._places.values() if place.process is not None]
        for place in running:
            assert place.process is not None
            place.asked = True
            place.process.send_signal(signal.SIGCONT)
            place.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + _STOP_WITHIN_S
        for place in running:
            assert place.process is not None
            try:
                code = place.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                place.process.kill()
                place.process.wait()
                self.exits[f"{place.stage} hung at the end"] += 1
            else:
                self._ended(place, code, time.monotonic())
            place.process = None

    def lanes_opened(self, stage: Stage) -> int:
        """How many partitions had an owner so far."""
        opened: set[int] = set()
        for log in (self.home / "logs").glob(f"{stage}-*.log"):
            lines = log.read_text("utf-8", "replace").splitlines(keepends=True)
            events = [json.loads(line) for line in lines if '"lane_opened"' in line and line.endswith("\n")]
            opened |= {event["partition"] for event in events}
        return len(opened)

    def _some(self, stage: Stage) -> _Place | None:
        awake = [place for place in self._places.values() if place.stage == stage and place.is_awake]
        return self.rng.choice(awake) if awake else None

    def _clock(self, place: _Place) -> Path:
        return self.home / "clocks" / place.name

    def _start(self, place: _Place) -> None:
        for folder in ("clocks", "logs", "workers"):
            private_folder(self.home / folder)
        orders = self.orders[place.stage]
        point, passage = orders.popleft() if orders else ("", 0)
        environment = {
            **os.environ,
            "PYTHONPATH": str(CHECKOUT),
            "CHAOS_POINT": point,
            "CHAOS_PASSAGE": f"{passage}",
            "CHAOS_CLOCK": str(self._clock(place)),
            PATIENT_VARIABLE: "1",
            PARENT_VARIABLE: f"{os.getpid()}",
        }
        arguments = [place.stage, "--config", str(self.site), "--index", f"{place.index}", "--home", str(self.home / "workers")]
        with open_private(self.home / "logs" / f"{place.name}.log", "ab") as log:
            place.process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.worker", *arguments],
                cwd=CHECKOUT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        place.asked = False

    def _ended(self, place: _Place, code: int, now: float) -> None:
        how = signal.Signals(-code).name if code < 0 else f"exit {code}"
        itself = code == -signal.SIGKILL and not place.asked
        self.strikes += itself
        self.exits[f"{place.stage} {how}{' at its point' if itself else ''}"] += 1
        place.process, place.thaw_at = None, None
        place.failures += 0 < code < Exit.LANE
        place.next_start = now + (_AGAIN_S if code <= 0 else _AFTER_ERROR_S)
