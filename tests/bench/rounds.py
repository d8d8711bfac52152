"""One round of the path: workers that stand idle on fresh topics, then all changes at once, until everything is accepted.

CPU is that of the worker processes from standing idle to the last accepted record: no start is in it, and nothing of the work is
left out. The rate is over the middle of the work, from the first commit to 97 % of it.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.bench.bench_site import write_site
from tests.bench.bound import bound
from tests.bench.messages import Message
from tests.bench.processes import Started, platform, taken, worker
from tests.bench.topics import apply_topics, consumed, fill, numbered, reader, ready_messages

_LOOK_S = 0.05
_PATIENCE_S = 150.0
_SHARE = 0.97
_YOUNG_S = 4.0
_IDLE_CPU_S = 0.06


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the rounds are fed with."""

    lookups: Sequence[Message]
    changes: Sequence[Message]
    partitions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a measurement takes place."""

    servers: str
    home: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One stage's part of a round."""

    cpu_us: float
    """CPU microseconds per unit: a change for the join, a record for the deliver stage."""
    rate: float
    """Units a second."""
    cpu_share: float
    """Cores that its workers used."""
    rss_mib: float
    """Most memory of one worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round measured."""

    prefix: str
    """Of its topics."""
    changes: int
    """Changes that were folded."""
    records: int
    """Records that were accepted."""
    join: Cost
    """The join's cost."""
    deliver: Cost
    """The deliver stage's cost."""
    requests: int
    """Requests that the platform took."""

    @property
    def cpu_us_per_record(self) -> float:
        """Both stages, per accepted record."""
        return self.join.cpu_us * self.changes / self.records + self.deliver.cpu_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a round measures."""

    answer_s: float = 0.0
    """How long the platform takes to answer."""
    workers: int = 1
    """Of each stage."""
    apart: bool = False
    """The join alone, then the deliver stage alone, instead of both together."""
    join: str = "worker"
    """`worker` as it is shipped, or a kind of `tests.bench.bare`."""
    deliver: str = "worker"
    """`worker` as it is shipped, or a kind of `tests.bench.bare`."""
    cores: float | None = None
    """The most CPU that each worker may take; None: no bound."""


@dataclass(slots=True)
class _Stage:
    """The workers of one stage, what they had used when they stood idle, and how far they were over time."""

    workers: Sequence[Started]
    idle_cpu_s: float
    points: list[tuple[float, float, float]]

    def note(self, done: float) -> None:
        """How far it is now. Raises RuntimeError when a worker ended."""
        for one in self.workers:
            one.check()
        self.points.append((time.monotonic(), done, cpu_of(self.workers)))

    def cost(self, units: float) -> Cost:
        """What the stage cost. units: the whole work, in changes or records."""
        total = self.points[-1][1]
        begin = next(point for point in self.points if point[1] > 0)
        end = next(point for point in self.points if point[1] >= total * _SHARE)
        if end is begin:
            begin = next(point for point in reversed(self.points) if point[1] <= 0)
        through = next(point for point in self.points if point[1] >= total)
        cpu_s, seconds = through[2] - self.idle_cpu_s, end[0] - begin[0]
        return Cost(
            cpu_us=cpu_s / units * 1e6,
            rate=(end[1] - begin[1]) / total * units / seconds,
            cpu_share=cpu_s / (through[0] - self.points[0][0]),
            rss_mib=max(one.rss_mib for one in self.workers),
        )


class Course:
    """The steps of a round, on topics of one prefix."""

    def __init__(self, load: Load, at: Surroundings, kind: Kind, *, prefix: str) -> None:
        self._load = load
        self._at = at
        self._kind = kind
        self._running = ExitStack()
        self.prefix = prefix
        self.url = ""
        self._site = Path()

    def __enter__(self) -> Self:
        with ExitStack() as begun:
            self.url = begun.enter_context(platform(self._kind.answer_s, home=self._at.home))
            self._site = write_site(self._at.home, prefix=self.prefix, bootstrap_servers=self._at.servers, platform_url=self.url)
            apply_topics(self._site)
            self._running = begun.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    async def stand(self, stage: str) -> _Stage:
        """Start the workers of a stage and wait until they stand idle."""
        started = [self._start(stage, index) for index in range(self._kind.workers)]
        await asyncio.sleep(_YOUNG_S)
        await self._shared_out(stage)
        used = -1.0
        while (now := cpu_of(started)) - used > _IDLE_CPU_S:
            used = now
            await asyncio.sleep(1.0)
        return _Stage(started, cpu_of(started), [])

    def _start(self, stage: str, index: int) -> Started:
        put = self._running.enter_context(bound(self._kind.cores))
        home = self._at.home / self.prefix
        begun = self._running.enter_context(worker(stage, site=self._site, home=home, index=index, kind=self._how(stage)))
        put(begun.process.pid)
        return begun

    def _how(self, stage: str) -> str:
        return self._kind.join if stage == "join" else self._kind.deliver

    async def _shared_out(self, stage: str) -> None:
        """Wait until every worker has opened its share of the lanes: a group that is still forming stands idle, too."""
        share, until = self._load.partitions // self._kind.workers, time.monotonic() + _PATIENCE_S
        logs = [self._at.home / self.prefix / f"{stage}-{index}.log" for index in range(self._kind.workers)]
        while self._how(stage) != "plain" and min(log.read_bytes().count(b'"lane_opened"') for log in logs) < share:
            _check(until)
            await asyncio.sleep(_LOOK_S)

    async def fill(self, messages: Sequence[Message]) -> None:
        await fill(self._at.servers, self.prefix, messages)

    async def join(self, stage: _Stage) -> Sequence[Message]:
        """Follow the join to its end; the records that it made."""
        total, until = len(self._load.changes), time.monotonic() + _PATIENCE_S
        topic, group = f"{self.prefix}visit.changes", f"{self.prefix}yibao-join"
        async with reader(self._at.servers, topic, self._load.partitions, group=group) as consumer:
            while not stage.points or stage.points[-1][1] < total:
                stage.note(await consumed(consumer))
                _check(until)
                await asyncio.sleep(_LOOK_S)
            records = await numbered(consumer)
        return await ready_messages(self._at.servers, self.prefix, records, self._load.partitions)

    async def deliver(self, stage: _Stage, sizes: "asyncio.Future[int]") -> None:
        """Follow the deliver stage until the platform has every record. sizes: of all of them, known when the join is through.

        Raises RuntimeError when the platform got more than that.
        """
        until, done = time.monotonic() + _PATIENCE_S, 0
        while not sizes.done() or done < sizes.result():
            requests, plain_bytes = await asyncio.to_thread(taken, self.url)
            done = plain_bytes - requests
            stage.note(done)
            _check(until)
            await asyncio.sleep(_LOOK_S)
        if done > sizes.result():
            raise RuntimeError(f"the platform got {done - sizes.result()} bytes of records more than there are")


async def run_round(load: Load, at: Surroundings, kind: Kind, *, prefix: str) -> Round:
    """One round from nothing to everything accepted."""
    with Course(load, at, kind, prefix=f"{prefix}a-") as course:
        await course.fill(load.lookups)
        join = await course.stand("join")
        deliver = None if kind.apart else await course.stand("deliver")
        await course.fill(load.changes)
        joining = asyncio.ensure_future(course.join(join))
        if deliver is not None:
            await course.deliver(deliver, asyncio.ensure_future(_sizes(joining)))
        ready = await joining
        records, found = len(ready), join.cost(len(load.changes))
        if deliver is not None:
            return _round(course, load, records, join=found, deliver=deliver.cost(records))
    with Course(load, at, kind, prefix=f"{prefix}b-") as course:
        deliver = await course.stand("deliver")
        await course.fill(ready)
        await course.deliver(deliver, asyncio.ensure_future(_sizes(joining)))
        return _round(course, load, records, join=found, deliver=deliver.cost(records))


async def _sizes(joining: "asyncio.Future[Sequence[Message]]") -> int:
    """Bytes of all records, each with the comma or bracket in front of it."""
    return sum([len(message.value) + 1 for message in await joining])


def _round(course: Course, load: Load, records: int, *, join: Cost, deliver: Cost) -> Round:
    return Round(
        prefix=course.prefix,
        changes=len(load.changes),
        records=records,
        join=join,
        deliver=deliver,
        requests=taken(course.url)[0],
    )


def cpu_of(workers: Sequence[Started]) -> float:
    """CPU seconds so far of all of them."""
    return sum(one.cpu_s for one in workers)


def _check(until: float) -> None:
    if time.monotonic() > until:
        raise TimeoutError("a round did not end in time; see the workers' logs")
