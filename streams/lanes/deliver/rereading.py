"""Reads again what stands in `visit.ready` and was passed: the records of one institution that is set aside, or whole plans."""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import islice
from typing import Final, cast

from streams.domain.changes import Incoming
from streams.domain.ready import decode, number_of
from streams.domain.records import ReadyRecord
from streams.errors import Rejected
from streams.lanes.ports import Broker, TopicPartition

_READ_AHEAD: Final = 2000
"""Records of one institution that are kept, so that not every plan reads the topic."""


class Gone(Exception):
    """The topic does not hold any more what it held. number: the first record that is missing. at_end: it may only be late, as
    from a broker that has begun to lead the partition just now.
    """

    def __init__(self, number: int, *, at_end: bool) -> None:
        super().__init__(f"record {number}")
        self.number = number
        self.at_end = at_end


class Rereading:
    """What waits of one institution in a partition, in its order, from a place on that was settled.

    number: of the next record of the partition to read. offset: where it stands, or before.
    """

    def __init__(self, broker: Broker, at: TopicPartition, institution: str, *, number: int, offset: int) -> None:
        self.number = number
        self.offset = offset
        self._broker = broker
        self._at = at
        self._institution = institution.encode()
        self._found: deque[ReadyRecord] = deque()

    async def first(self, count: int, *, before: int) -> Sequence[ReadyRecord]:
        """Its first records below the number `before`, at most `count`; fewer where there are no more. Raises Gone."""
        if len(self._found) < count and self.number < before:
            async with aclosing(self._records(before)) as records:
                async for record in records:
                    if self._is_ours(record):
                        self._found.append(decode(record))
                    if len(self._found) >= max(count, _READ_AHEAD):
                        break
            if self.number < before and len(self._found) < count:
                raise Gone(self.number, at_end=True)
        return list(islice(self._found, count))

    async def whole(self, count: int) -> Sequence[ReadyRecord]:
        """The partition's records of a plan, of all institutions. It reads them anew each time. Raises Gone."""
        number, offset, found = self.number, self.offset, list[ReadyRecord]()
        try:
            async with aclosing(self._records(number + count)) as records:
                async for record in records:
                    found.append(decode(record))
        finally:
            self.number, self.offset = number, offset
        if len(found) < count:
            raise Gone(number + len(found), at_end=True)
        return found

    def drop(self, upto: int) -> None:
        """Forget the records below a number, which are settled."""
        while self._found and self._found[0].number < upto:
            self._found.popleft()

    async def _records(self, before: int) -> AsyncGenerator[Incoming, None]:
        """The numbered messages from the place on. Raises Gone where one is missing."""
        start = max(self.offset, await self._broker.first_offset(self._at))
        async with aclosing(cast("AsyncGenerator[Sequence[Incoming], None]", self._broker.reread(self._at, start))) as pages:
            async for page in pages:
                for message in page:
                    if (number := _number(message)) is None or number < self.number:
                        continue
                    if number > self.number:
                        raise Gone(self.number, at_end=False)
                    self.number, self.offset = number + 1, message.offset + 1
                    yield message
                    if self.number >= before:
                        return

    def _is_ours(self, message: Incoming) -> bool:
        return any(name == "institution" and value == self._institution for name, value in message.headers[:11])


def _number(message: Incoming) -> int | None:
    try:
        return number_of(message.headers)
    except Rejected:
        return None
