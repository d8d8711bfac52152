"""What of a partition was made anew behind what waits (`streams.domain.join.renewing`): older versions of it are not posted.

The join's mark says up to which number that is in force; it rises once all of what waited was ordered, so that a lane never goes by
a part of it. What is known here is read from the topic and follows from it alone: whoever reads it again knows at least as much.
A record that is passed over for it has a letter, closed from the beginning, which keeps its bytes; where it was the first version
of a visit or settlement, what belongs to it waits as for a refused one (`streams.lanes.deliver.orphans`).
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Final, cast

from connector.contract import Topics
from streams.domain.changes import Incoming
from streams.domain.ready import RECALL, decode, number_of
from streams.domain.records import ReadyRecord
from streams.domain.renewed import Answers
from streams.domain.replay import is_anew
from streams.errors import Fatal, Rejected
from streams.lanes.buffer import Clock
from streams.lanes.exits import Exit
from streams.lanes.marks import anew_of
from streams.lanes.ports import Broker, TopicPartition

LOOK_S: Final = 5.0
"""So often the join's mark is looked at."""
_ANSWER_S: Final = 2.0
_AGAIN_S: Final = 0.2
_WITHIN_S: Final = 60.0


class Renewal(Exception):
    """Some of the plan under way was made anew while the lane stood."""


class Renewed:
    """at: the lane's partition of `visit.ready`."""

    def __init__(self, broker: Broker, topics: Topics, at: TopicPartition, *, clock: Clock) -> None:
        self._broker = broker
        self._at = at
        self._join = topics.group("join"), TopicPartition(topics.changes, at.partition)
        self._clock = clock
        self._answers = Answers()
        self.upto = 0
        """Below this number all that was made anew is known."""
        self._position = 0
        self._looked_at = -LOOK_S
        self._known = False
        self.times = 0
        """How often something was found."""

    def __bool__(self) -> bool:
        return bool(self._answers)

    def supersedes(self, record: ReadyRecord) -> bool:
        """Whether a record (no recall) is not to be posted any more."""
        return self._answers.supersedes(record)

    def needless(self, records: Iterable[ReadyRecord]) -> list[ReadyRecord]:
        """Those of some records that are not to be posted any more."""
        return [one for one in records if self.supersedes(one) and RECALL not in one.added] if self._answers else []

    async def restore(self, number: int, offset: int, *, needed: bool) -> None:
        """Learn all that an earlier owner may have gone by. number, offset: of the first record that may wait. needed: whether a
        plan leaves something out, which would be taken for what waits for its parent. Raises Fatal where that cannot be read.
        """
        until = self._clock() + (_WITHIN_S if needed else _ANSWER_S)
        while not await self.look(number, offset, at_once=True) and not self._known:
            if self._clock() > until:
                if needed:
                    told = f"{self._at.topic}-{self._at.partition}: what was made anew of what waits cannot be read"
                    raise Fatal(told, exit_code=Exit.HOLE)
                return
            await asyncio.sleep(_AGAIN_S)

    async def look(self, number: int, offset: int, *, at_once: bool = False) -> bool:
        """Look whether more was made anew; True where it was. Not more often than every few seconds unless `at_once`."""
        if not at_once and self._clock() - self._looked_at < LOOK_S:
            return False
        self._looked_at, before, upto = self._clock(), self.upto, 0
        if number >= before:
            self._answers = Answers()
        self._known = False
        with suppress(Exception):  # brokers that are away are told of by others
            async with asyncio.timeout(_ANSWER_S):
                said = await self._broker.committed(*self._join)
                upto = anew_of(said.metadata) if said is not None and said.metadata else 0
                self._known = upto <= max(before, number)
        return not self._known and upto > 0 and await self._read(upto, offset)

    async def _read(self, upto: int, offset: int) -> bool:
        """Read on to where it is in force; False where the topic does not give it yet."""
        found, wanted = self._answers.and_more(), 0
        position = max(offset, self._position, await self._broker.first_offset(self._at))
        async with aclosing(cast("AsyncGenerator[Sequence[Incoming], None]", self._broker.reread(self._at, position))) as pages:
            async for page in pages:
                for message in page:
                    number = _number(message)
                    if 0 < number < upto and is_anew(message.headers):
                        found.take(decode(message))
                    wanted, position = max(wanted, number + 1), message.offset + 1
                    if wanted >= upto:
                        break
                if wanted >= upto:
                    self._answers, self.upto, self._position = found, upto, position
                    self.times += 1
                    return True
        return False


def _number(message: Incoming) -> int:
    """0 of one that has none."""
    try:
        return number_of(message.headers)
    except Rejected:
        return 0
