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
from streams.domain.join.passing import NOTHING, Joined, Passing
from streams.lanes.context import LaneContext
from streams.lanes.marks import seq_of
from streams.lanes.passed_marks import Delivered, delivered_in, joined_in
from streams.lanes.ports import TopicPartition

log = structlog.get_logger()

_MOST_LOOKS: Final = 64


@dataclass(slots=True)
class Following:
    """One partition: what its join had done when it had numbered so many records. When those are delivered, it has passed: each
    institution by itself, because one of them may be set aside there.
    """

    passing: Passing = NOTHING
    """Up to where nothing is on its way to the platform."""
    _looks: deque[tuple[Joined, int]] = field(default_factory=deque)
    """Of each look whose records are not all delivered yet: what was joined, and the number of the next record."""

    def saw(self, joined: Joined, *, seq: int, delivered: Delivered) -> bool:
        """Take what the marks of both lanes say, that of the join read first. seq: of its next record. delivered: how far
        the deliver lane is. Whether something more has passed.
        """
        if not self._looks or self._looks[-1][0] != joined:
            self._looks.append((joined, seq))
        if len(self._looks) > _MOST_LOOKS:  # a lane that stands for hours; what is told late is not told wrong
            self._looks = deque([look for place, look in enumerate(self._looks) if place % 2 or place == len(self._looks) - 1])
        before, lowest = self.passing, min([delivered.seq, *delivered.aside.values()])
        self.passing = Passing(
            all=self._last(lowest, before.all),
            others=self._last(delivered.seq, before.others),
            # All that it had here was delivered when it was none of those that are aside.
            of={name: self._last(number, before.of.get(name, before.others)) for name, number in delivered.aside.items()},
        )
        while self._looks and self._looks[0][1] <= lowest:
            self._looks.popleft()
        return self.passing != before

    def _last(self, delivered: int, known: Joined) -> Joined:
        """The last look at which no later record was numbered. known: what was found before."""
        return next((joined for joined, seq in reversed(self._looks) if seq <= delivered), known)


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
            self.passed = Passed({partition: one.passing for partition, one in self._following.items()})
            await self._on_news()

    async def _look_at(self, partition: int) -> bool:
        broker, topics = self._context.broker, self._topics
        joined = await broker.committed(topics.group("join"), TopicPartition(topics.changes, partition))
        delivered = await broker.committed(topics.group("deliver"), TopicPartition(topics.ready, partition))
        if joined is None or delivered is None or not joined.metadata or not delivered.metadata:
            return False
        following = self._following.setdefault(partition, Following())
        return following.saw(joined_in(joined.metadata), seq=seq_of(joined.metadata), delivered=delivered_in(delivered.metadata))

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
