"""How far the lanes of other partitions are, for rows that left those and may not pass what is still on its way there."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from connector.contract import Topics
from streams.domain.join.moving import NOT_KNOWN, Passed
from streams.lanes.context import LaneContext
from streams.lanes.marks import joined_upto, seq_of
from streams.lanes.ports import TopicPartition

log = structlog.get_logger()

_MOST_LOOKS: Final = 64


@dataclass(slots=True)
class Following:
    """One partition: what its join had done when it had numbered so many records. When those are delivered, it has passed."""

    upto: Mapping[str, int] = field(default_factory=dict)
    """By series: the number up to which nothing is on its way to the platform."""
    _looks: deque[tuple[Mapping[str, int], int]] = field(default_factory=deque)
    """Of each look whose records are not delivered yet: what was joined, and the number of the next record."""

    def saw(self, joined: Mapping[str, int], *, seq: int, delivered: int) -> bool:
        """Take what the marks of both lanes say, that of the join read first. seq: of its next record. delivered: number of the
        first record that the deliver lane has not done with. Whether something more has passed.
        """
        if not self._looks or self._looks[-1][0] != joined:
            self._looks.append((joined, seq))
        if len(self._looks) > _MOST_LOOKS:  # a lane that stands for hours; what is told late is not told wrong
            self._looks = deque([look for place, look in enumerate(self._looks) if place % 2 or place == len(self._looks) - 1])
        before = self.upto
        while self._looks and self._looks[0][1] <= delivered:
            self.upto = self._looks.popleft()[0]
        return self.upto != before


@dataclass(slots=True)
class _Standing:
    since: float
    told: bool = False


class Passage:
    """Looks at the marks of the partitions that rows of this process wait for: two offsets of each. Tells where they wait long.

    awaited: by partition, how many rows wait for its lanes. on_news: asks for a tick.
    """

    def __init__(
        self,
        *,
        topics: Topics,
        context: LaneContext,
        every_s: float,
        awaited: Callable[[], Mapping[int, int]],
        on_news: Callable[[], Awaitable[None]],
    ) -> None:
        self.passed: Passed = NOT_KNOWN
        """What the lanes are told; another object when it is another."""
        self._topics = topics
        self._context = context
        self._every_s = every_s
        self._awaited = awaited
        self._on_news = on_news
        self._following: dict[int, Following] = {}
        self._standing: dict[int, _Standing] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.look()

    async def look(self) -> None:
        """Look once. A mark that cannot be read, or no broker that answers, is no news."""
        awaited = self._awaited()
        news = False
        for partition in sorted(awaited):
            with suppress(Exception):  # brokers that are away, and marks that are not ours, are told of by others
                news |= await self._look_at(partition)
        self._tell(awaited)
        if news:
            self.passed = Passed({partition: one.upto for partition, one in self._following.items()})
            await self._on_news()

    async def _look_at(self, partition: int) -> bool:
        broker, topics = self._context.broker, self._topics
        joined = await broker.committed(topics.group("join"), TopicPartition(topics.changes, partition))
        delivered = await broker.committed(topics.group("deliver"), TopicPartition(topics.ready, partition))
        if joined is None or delivered is None or not joined.metadata or not delivered.metadata:
            return False
        following = self._following.setdefault(partition, Following())
        return following.saw(joined_upto(joined.metadata), seq=seq_of(joined.metadata), delivered=seq_of(delivered.metadata))

    def _tell(self, awaited: Mapping[int, int]) -> None:
        """Once where rows wait long for a lane, and once where none does any more."""
        now = self._context.clock()
        for partition in self._standing.keys() - awaited.keys():
            if self._standing.pop(partition).told:
                log.info("moves_resumed", awaited=partition)
        for partition, rows in awaited.items():
            standing = self._standing.setdefault(partition, _Standing(now))
            if not standing.told and now - standing.since > self._context.settings.silent_s:
                standing.told = True
                log.warning("moves_awaited", awaited=partition, rows=rows, waited_s=round(now - standing.since))
