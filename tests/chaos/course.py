"""What a scenario may do to a running flow, and when: moments are shares of the live days, drawn from the seed."""

import heapq
import itertools
import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from sandbox.stack import Stack
from tests.chaos.chaos_site import ChaosSite
from tests.chaos.crew import Crew, Stage
from tests.chaos.restored import AnotherServer

Act = Callable[[], object]
"""False: there was nobody to strike, and it is to be tried again soon."""
_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What must be known of a scenario before it begins. refuse_percent: of the records, by the platform. small_disk: workers keep
    their state on a disk that can be filled. live_s: at least so long are the live days. patience_s: added to how long nothing
    may move while everything drains. brokers: how many the stack has. in_flight: the hospital works while capture begins, in
    transactions that overlap. rearranges: it exchanges keys of lines, moves lines to another visit and back, and its nightly
    jobs move lines between tables in parts.
    """

    refuse_percent: float = 0.0
    small_disk: bool = False
    live_s: float = 45.0
    patience_s: float = 0.0
    brokers: int = 1
    in_flight: bool = False
    rearranges: bool = False


@dataclass(slots=True)
class Held:
    """institutions: of which nothing is taken. measured: whether what that costs the others is held against a run without it. Times
    are milliseconds since the epoch; 0 before it happened.
    """

    institutions: tuple[str, ...]
    measured: bool = True
    from_ms: int = 0
    to_ms: int = 0
    calm_ms: int = 0
    """From when on what it took without the fault is measured."""
    too_slow: str = ""
    """What it cost the others that is too much; `""` for nothing."""


class Course:
    """The faults of one scenario. Acts run in the main thread; `aside` runs what takes long in a thread of its own."""

    def __init__(self, *, rng: random.Random, live_s: float, crew: Crew, stack: Stack, site: ChaosSite) -> None:
        self.rng = rng
        self.live_s = live_s
        self.crew = crew
        self.stack = stack
        self.site = site
        self.strikes = 0
        self.acts: list[str] = []
        self.another: AnotherServer | None = None
        """The server that takes the place of the first one, in the end."""
        self.held: Held | None = None
        """Institutions of which nothing is taken for a while."""
        self._started = 0.0
        self._due: list[tuple[float, int, str, Act]] = []
        self._number = itertools.count()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="chaos")
        self._aside: list[Future[object]] = []

    def moment(self, first: float = 0.08, last: float = 0.8) -> float:
        """Seconds after the live days began, somewhere between two shares of them."""
        return self.rng.uniform(first, last) * self.live_s

    def at(self, moment_s: float, what: str, act: Act) -> None:
        """Do something then."""
        heapq.heappush(self._due, (moment_s, next(self._number), what, act))

    def after(self, delay_s: float, what: str, act: Act) -> None:
        """Do something so long from now."""
        self.at(time.monotonic() - self._started + delay_s, what, act)

    def aside(self, act: Act) -> None:
        """Do what takes long without keeping the others waiting."""
        self._aside.append(self._pool.submit(act))

    def begin(self) -> None:
        self._started = time.monotonic()

    def look_after(self) -> bool:
        """Do what is due; whether anything is still to be done. Raises what went wrong aside."""
        now = time.monotonic() - self._started
        while self._due and self._due[0][0] <= now:
            _, _, what, act = heapq.heappop(self._due)
            if act() is False:
                self.at(now + _AGAIN_S, what, act)
            else:
                self.acts.append(f"{now:.0f} {what}")
        for future in [each for each in self._aside if each.done()]:
            self._aside.remove(future)
            future.result()
        return bool(self._due or self._aside)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    # Acts ------------------------------------------------------------------------------------------------------------------------

    def strike(self, what: str) -> None:
        """Note a fault that an act aside is about to make."""
        self.strikes += 1
        self.acts.append(f"{time.monotonic() - self._started:.0f} {what}")

    def stop_service(self, service: str, *, for_s: float, kill: bool = True) -> None:
        """End a service of the stack, and start it again after a while."""
        self.strikes += 1

        def both() -> None:
            (self.stack.kill if kill else self.stack.stop)(service)
            time.sleep(for_s)
            self.stack.start(service)

        self.aside(both)

    def fault(self, **fault: object) -> None:
        """A fault of the platform. What it struck is counted there."""
        self.aside(partial(self.site.fault, **fault))

    def orders(self, stage: Stage, *points: str, count: int, passages: int) -> None:
        """The next started workers of a stage end themselves at one of the points."""
        for _ in range(count):
            self.crew.orders[stage].append((self.rng.choice(points), self.rng.randint(1, passages)))
