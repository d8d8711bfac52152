"""The watch over the lanes of a process: it notices what should have come and did not, and topics that were bound to another site
meanwhile. It never repairs; it ends the process.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog

from streams.errors import Fatal
from streams.lanes.absence import Deadline
from streams.lanes.assignment import AnyLane, Assignment
from streams.lanes.buffer import Buffer
from streams.lanes.context import LaneContext
from streams.lanes.exits import Exit
from streams.lanes.log_check import contradiction, logs_of, short_log
from streams.lanes.marks import place_mark, seq_of
from streams.lanes.numbers import FIRST, SeriesBuffer
from streams.lanes.ports import TopicPartition

log = structlog.get_logger()

NextNumbers: TypeAlias = Callable[[Sequence[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]
"""The number that the next record of each partition will have, learned in another way than by reading the partition."""

_ANSWER_WITHIN_S = 10.0


@dataclass(slots=True)
class _Seen:
    lane: AnyLane
    wanted: int
    until: Deadline


class Watch:
    """Looks for a missing number that does not come, and for a partition whose end moves on while nothing of it is handed over."""

    def __init__(self, assignment: Assignment, next_numbers: NextNumbers, *, context: LaneContext) -> None:
        self._assignment = assignment
        self._next_numbers = next_numbers
        self._context = context
        self._seen: dict[TopicPartition, _Seen] = {}
        self._blind = False
        self._unconfirmed = False
        self._contradicted: dict[TopicPartition, float] = {}
        self._numbers: Mapping[TopicPartition, int] = {}

    def behind(self, at: TopicPartition, lane: AnyLane) -> int:
        """How many records of a partition have no outcome that is committed, by the numbers of the last look."""
        if lane.buffer is None:
            return lane.in_hand
        return max(0, self._numbers.get(at, 0) - lane.buffer.want) + len(lane.buffer)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._context.settings.watch_every_s)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        await self._demand_site()
        await self._compare_logs()
        lanes = dict(self._assignment.lanes)
        try:
            numbers = await asyncio.wait_for(self._next_numbers(list(lanes)), _ANSWER_WITHIN_S)
        except Fatal:
            raise
        except Exception as exc:  # noqa: BLE001 - a broker that is away gives nothing to judge
            if not self._blind:
                log.warning("watch_blinded", error=type(exc).__name__)
            self._blind = True
            self._seen.clear()
            return
        self._blind, self._numbers = False, numbers
        for at, lane in lanes.items():
            if self._assignment.lanes.get(at) is lane:
                self._judge(at, lane, numbers.get(at, 0))

    async def _demand_site(self) -> None:
        """Raise Fatal where the topics were bound to another site. A broker that does not say leaves what was true."""
        try:
            await asyncio.wait_for(self._context.demand_site(), _ANSWER_WITHIN_S)
        except Fatal:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is, it says nothing of the site
            if not self._unconfirmed:
                log.warning("site_unconfirmed", error=type(exc).__name__)
            self._unconfirmed = True
        else:
            self._unconfirmed = False

    async def _compare_logs(self) -> None:
        """End the process where the brokers contradict for long what lanes know of their logs. A topic that does not exist for a
        moment contradicts nothing.
        """
        claims = {at: claimed for at, lane in self._assignment.lanes.items() if (claimed := lane.claimed)}
        if not claims:
            return
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                logs = await logs_of(self._context.broker, [one for each in claims.values() for one in each])
        except Exception:  # noqa: BLE001 - a broker that is away contradicts nothing; whoever asks for numbers tells of it
            return
        now = self._context.clock()
        found = {at: why for at, claimed in claims.items() if (why := contradiction(claimed, logs))}
        self._contradicted = {at: self._contradicted.get(at, now) for at in found}
        for at, why in found.items():
            if now - self._contradicted[at] >= self._context.settings.log_within_s:
                self._context.die(short_log(why, stage=self._context.stage))

    def _judge(self, at: TopicPartition, lane: AnyLane, next_number: int) -> None:
        now, settings, buffer = self._context.clock(), self._context.settings, lane.buffer
        if buffer is None:
            return
        if buffer.hole_since is not None and now - buffer.hole_since > settings.hole_s:
            self._context.die(
                Fatal(
                    f"number {buffer.want} of {at.topic}-{at.partition} is missing; if it is missing again after the restart, "
                    "retention or a reset took records that were not read: nothing is skipped, a person must decide",
                    exit_code=Exit.HOLE,
                )
            )
            return
        seen = self._seen.get(at)
        behind = buffer.want < next_number and not lane.full
        if not behind or seen is None or seen.lane is not lane or seen.wanted != buffer.want:
            self._seen[at] = _Seen(lane, buffer.want, self._context.deadline(settings.silent_s))
        elif seen.until.left_s < 0:
            self._context.die(
                Fatal(
                    f"nothing of {at.topic}-{at.partition} comes: number {buffer.want} is wanted, {next_number - 1} was written",
                    exit_code=Exit.SILENT,
                )
            )


def next_of_rows(context: LaneContext) -> NextNumbers:
    """For the place stage: `rows.<source>` has neither gaps nor transactions, so its end is the next number."""

    async def numbers(partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        return await context.broker.end_offsets(partitions)

    return numbers


def next_of_changes(context: LaneContext, assignment: Assignment, *, place_group: str, rows: Mapping[str, str]) -> NextNumbers:
    """For the join: behind what it wants comes as much as the place stage has numbered beyond what was taken. rows: by source, the
    topic of its rows.
    """

    async def numbers(partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        series = {}
        for source, topic in rows.items():
            committed = await context.broker.committed(place_group, TopicPartition(topic, 0))
            if committed is not None and committed.metadata:
                mark = place_mark(committed.metadata)
                series[mark.series(source)] = mark.out
        return {at: _behind(assignment.lanes[at].buffer, at.partition, series) for at in partitions if at in assignment.lanes}

    return numbers


def _behind(buffer: Buffer[Any] | None, partition: int, series: Mapping[str, Sequence[int]]) -> int:
    if not isinstance(buffer, SeriesBuffer):
        return 0
    return buffer.want + sum(out[partition] - buffer.wanted.get(name, FIRST) for name, out in series.items())


def next_of_ready(context: LaneContext, *, join_group: str, changes: str) -> NextNumbers:
    """For the deliver stage: the number that the join will write next, by the mark of its last transaction. Transaction markers in
    the topic do not disturb it.
    """

    async def numbers(partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        found = {}
        for at in partitions:
            committed = await context.broker.committed(join_group, TopicPartition(changes, at.partition))
            found[at] = seq_of(committed.metadata) if committed is not None and committed.metadata else 0
        return found

    return numbers
