"""Find messages of a topic by bytes that they hold, without an index: fifteen times as fast as it is read on.

Synchronous for its user; while it looks through one answer of the brokers, the next one comes.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Final

from aiokafka.errors import CorruptRecordException, KafkaError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from streams.errors import Unreachable
from streams.topics.batches import Fetched, Sought, found_in
from streams.topics.onward import STALLED_S, Onward, Portion

_WAIT_MS: Final = 500
_AGAIN_S: Final = 0.1
_COMMITTED: Final = 1
_WITH_LOG_START: Final = 4
"""Members of a partition's part of an answer, from the version on that names where its log begins."""


class Search(Onward):
    """An open reader, as `Onward`, which finds messages."""

    def find(self, starts: Mapping[int, int], ends: Mapping[int, int], sought: Sought, *, deadline_s: float) -> Iterator[Portion]:
        """The committed messages that are meant from `starts` to `ends`, and perhaps some that came since; partition after
        partition, those of each in its order. Stops before that when the time is up.

        Raises Unreachable when nothing comes for 15 s, or a checksum is wrong.
        """
        until, positions = time.monotonic() + deadline_s, dict(starts)
        wanted = iter(sorted(number for number, end in ends.items() if starts[number] < end))
        coming = self._next(wanted, positions, ends)
        while coming is not None and time.monotonic() < until:
            fetched = self._come(coming)
            positions[fetched.place.partition] = fetched.next_offset
            here = fetched.place.partition if fetched.next_offset < ends[fetched.place.partition] else None
            coming = self._fetching(here, positions) if here is not None else self._next(wanted, positions, ends)
            yield Portion(self._found(fetched, sought), dict(positions))

    def _next(self, wanted: Iterator[int], positions: Mapping[int, int], ends: Mapping[int, int]) -> "Future[Fetched] | None":
        return next((self._fetching(number, positions) for number in wanted if positions[number] < ends[number]), None)

    def _fetching(self, number: int, positions: Mapping[int, int]) -> "Future[Fetched]":
        return self._begun(self._fetch(TopicPartition(self._topic, number), positions[number]))

    def _found(self, fetched: Fetched, sought: Sought) -> list[Any]:
        try:
            return [*found_in(fetched, sought)]
        except CorruptRecordException as error:
            raise Unreachable(
                f"{self._where} gives {self._topic} as no one wrote it ({error}): check the brokers' disks"
            ) from error

    async def _fetch(self, place: TopicPartition, start: int) -> Fetched:
        """Whole batches of a partition; none where it has not got on for 15 s."""
        until = time.monotonic() + STALLED_S
        while True:
            last: Exception | None = None
            try:
                fetched = await self._answer(place, start)
                if fetched.next_offset > start:
                    return fetched
            except OffsetOutOfRangeError:  # its beginning went meanwhile
                begin = (await self._consumer.beginning_offsets([place]))[place]
                start = max(start, begin)
            except KafkaError as error:
                last = error
                await self._consumer._client.force_metadata_update()  # noqa: SLF001 - guarded by the pin
            if time.monotonic() > until:
                raise last or Unreachable(f"{self._where} gives nothing more of {self._topic} before its end: check the brokers")
            await asyncio.sleep(_AGAIN_S)

    async def _answer(self, place: TopicPartition, start: int) -> Fetched:
        client = self._consumer._client  # noqa: SLF001 - guarded by the pin
        leader = client.cluster.leader_for_partition(place)
        if leader is None or leader == -1:
            raise KafkaError(f"{place} has no leader")
        topics = [(place.topic, [(place.partition, start, self._fetch_bytes)])]
        answer = await client.send(leader, FetchRequest(_WAIT_MS, 1, self._fetch_bytes, _COMMITTED, topics))
        _, [(_, code, _, *rest)] = answer.topics[0]
        if code:
            raise for_code(code)
        aborted = rest[2] if len(rest) >= _WITH_LOG_START else rest[1]
        return Fetched(place, start, rest[-1] or b"", aborted or ())
