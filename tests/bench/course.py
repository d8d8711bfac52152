"""The steps of a round: workers that stand idle on fresh topics, messages for them, and how far they are until the work is done."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.bench.bench_site import write_site
from tests.bench.bound import bound
from tests.bench.messages import Load, Message, rows_topic
from tests.bench.processes import Started, platform, taken, worker
from tests.bench.topics import apply_topics, consumed, ended, fill, joined, messages_in, numbered, placed, reader

_LOOK_S = 0.05
_PATIENCE_S = 150.0
_SHARE = 0.97
_YOUNG_S = 4.0
_IDLE_CPU_S = 0.06


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a measurement takes place."""

    servers: str
    home: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One stage's part of a round."""

    cpu_us: float
    """CPU microseconds per unit: a change for place and join, a record for the deliver stage."""
    rate: float
    """Units a second."""
    cpu_share: float
    """Cores that its workers used."""
    rss_mib: float
    """Most memory of one worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a round measures."""

    answer_s: float = 0.0
    """How long the platform takes to answer."""
    workers: int = 1
    """Of each stage; of place always one, which has the only partition of the rows."""
    placed: bool = False
    """The bench fills `rows.<source>`, and the place stage `visit.changes`; otherwise the bench fills that, without numbers."""
    apart: bool = False
    """Each stage alone, one after the other, instead of all together."""
    join: str = "worker"
    """`worker` as it is shipped, or a kind of `tests.bench.bare`."""
    deliver: str = "worker"
    """`worker` as it is shipped, or a kind of `tests.bench.bare`."""
    cores: float | None = None
    """The most CPU that each worker may take; None: no bound."""


@dataclass(slots=True)
class Stage:
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

    async def stand(self, stage: str) -> Stage:
        """Start the workers of a stage and wait until they stand idle."""
        started = [self._start(stage, index) for index in range(self._workers(stage))]
        await asyncio.sleep(_YOUNG_S)
        await self._shared_out(stage)
        used = -1.0
        while (now := cpu_of(started)) - used > _IDLE_CPU_S:
            used = now
            await asyncio.sleep(1.0)
        return Stage(started, cpu_of(started), [])

    def _start(self, stage: str, index: int) -> Started:
        put = self._running.enter_context(bound(self._kind.cores))
        home = self._at.home / self.prefix
        begun = self._running.enter_context(worker(stage, site=self._site, home=home, index=index, kind=self._how(stage)))
        put(begun.process.pid)
        return begun

    def _how(self, stage: str) -> str:
        return {"place": "worker", "join": self._kind.join, "deliver": self._kind.deliver}[stage]

    def _workers(self, stage: str) -> int:
        return 1 if stage == "place" else self._kind.workers

    async def _shared_out(self, stage: str) -> None:
        """Wait until every worker has opened its share of the lanes: a group that is still forming stands idle, too."""
        count, until = self._workers(stage), time.monotonic() + _PATIENCE_S
        share = 1 if stage == "place" else self._load.partitions // count
        logs = [self._at.home / self.prefix / f"{stage}-{index}.log" for index in range(count)]
        while self._how(stage) != "plain" and min(log.read_bytes().count(b'"lane_opened"') for log in logs) < share:
            _check(until)
            await asyncio.sleep(_LOOK_S)

    async def fill(self, messages: Sequence[Message], *stages: Stage | None) -> None:
        """Write messages. stages: those that begin to work with them."""
        for stage in filter(None, stages):
            stage.note(0)
        await fill(self._at.servers, self.prefix, messages)

    async def place(self, stage: Stage) -> Sequence[int]:
        """Follow the place stage through all rows; how many messages it placed, by partition of `visit.changes`."""
        until = time.monotonic() + _PATIENCE_S
        async with reader(self._at.servers, rows_topic(self.prefix), 1, group=f"{self.prefix}yibao-place") as consumer:
            total = await ended(consumer)
            while stage.points[-1][1] < total:
                stage.note(min(total, await consumed(consumer)))
                _check(until)
                await asyncio.sleep(_LOOK_S)
            return await placed(consumer)

    async def join(self, stage: Stage, placing: "asyncio.Future[Sequence[int]] | None" = None) -> Sequence[Message]:
        """Follow the join to its end; the records that it made. placing: what it gets by the place stage; None: by the bench.

        A topic that is written in transactions has holes; how far the join is in it is told by the numbers in its mark.
        """
        total: int | None = None
        until = time.monotonic() + _PATIENCE_S
        topic, group = f"{self.prefix}visit.changes", f"{self.prefix}yibao-join"
        async with reader(self._at.servers, topic, self._load.partitions, group=group) as consumer:
            while total is None or stage.points[-1][1] < total:
                counts = placing.result() if placing is not None and placing.done() else None
                stage.note(await (consumed(consumer) if placing is None else joined(consumer, counts)))
                if placing is None:
                    total = await ended(consumer)
                elif counts is not None:
                    total = sum(counts)
                _check(until)
                await asyncio.sleep(_LOOK_S)
            records = await numbered(consumer)
        return await self.written("visit.ready", records)

    async def written(self, topic: str, count: int) -> Sequence[Message]:
        """The `count` messages that a stage wrote."""
        return await messages_in(self._at.servers, self.prefix, topic, count=count, partitions=self._load.partitions)

    async def deliver(self, stage: Stage, sizes: "asyncio.Future[int]") -> None:
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


def cpu_of(workers: Sequence[Started]) -> float:
    """CPU seconds so far of all of them."""
    return sum(one.cpu_s for one in workers)


def _check(until: float) -> None:
    if time.monotonic() > until:
        raise TimeoutError("a round did not end in time; see the workers' logs")
