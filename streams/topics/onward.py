"""Read a topic on from where somebody stopped to its end as it is now. For topics of a million messages: aiokafka reads them four
times faster than kafka-python does.

Synchronous for its user, with a thread of its own for the client's loop; may be called where a loop runs.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import Unreachable
from streams.topics.access import BrokerAccess, away, is_inside_a_client, not_let_in
from streams.topics.offsets import Reach

_POLL_MS: Final = 500
STALLED_S: Final = 15.0
"""So long nothing may come before the brokers are called away."""
_CLOSE_S: Final = 10.0
_ANSWER_MS: Final = 12_000
FETCH_BYTES: Final = 4 * 1024 * 1024
"""Of a partition, for whoever reads all of it."""

Result = TypeVar("Result")


class Portion(NamedTuple):
    """Some committed messages, and how far the topic is read with them."""

    messages: list[Any]
    """Those of one partition stand in its order."""
    positions: Mapping[int, int]
    """By partition: the offset to go on from."""


class Onward:
    """An open reader of partitions of one topic, which exists. Raises Unreachable where no broker answers.

    Only what is committed is read, and a partition's end is where that ends. most: messages of one portion. fetch_bytes: of a
    partition, as they come from a broker at once; they are held in memory, unpacked.
    """

    def __init__(  # noqa: PLR0913 - where it reads, and how much at once
        self,
        access: BrokerAccess,
        topic: str,
        partitions: Iterable[int],
        *,
        client_id: str,
        most: int = 5_000,
        fetch_bytes: int = FETCH_BYTES,
    ) -> None:
        self._topic, self._most, self._fetch_bytes = topic, most, fetch_bytes
        self._places = [TopicPartition(topic, number) for number in sorted(partitions)]
        self._servers = access.bootstrap_servers
        self._where = f"Kafka at {self._servers}"
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="onward", daemon=True)
        self._thread.start()
        self._consumer: Any = None
        try:
            self._consumer = self._do(_connected(access, client_id, fetch_bytes))
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    def reach(self) -> dict[int, Reach]:
        """What each partition holds that is committed."""
        begins, ends = self._do(self._consumer.beginning_offsets(self._places)), self._do(self._consumer.end_offsets(self._places))
        return {place.partition: Reach(begin=begins[place], end=ends[place]) for place in self._places}

    def read(self, starts: Mapping[int, int], ends: Mapping[int, int], *, deadline_s: float) -> Iterator[Portion]:
        """The messages from `starts` to `ends`, and perhaps some that came since. Stops before that when the time is up.

        Raises Unreachable when nothing comes for 15 s.
        """
        until, moved_at = time.monotonic() + deadline_s, time.monotonic()
        positions = dict(starts)
        self._do(self._seek(starts))
        while any(positions[number] < end for number, end in ends.items()) and time.monotonic() < until:
            found, now = self._do(self._some())
            if now != positions:
                positions, moved_at = now, time.monotonic()
                yield Portion(found, now)
            elif time.monotonic() - moved_at > STALLED_S:
                raise Unreachable(f"{self._where} gives nothing more of {self._topic} before its end: check the brokers")

    async def _seek(self, starts: Mapping[int, int]) -> None:
        # Not before: the client looks for a place to begin for what has none, and tells that it found none when it likes.
        self._consumer.assign(self._places)
        for place in self._places:
            if place.partition in starts:
                self._consumer.seek(place, starts[place.partition])

    async def _some(self) -> tuple[list[Any], dict[int, int]]:
        found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=self._most)
        messages = [message for portion in found.values() for message in portion]
        return messages, {place.partition: await self._consumer.position(place) for place in self._places}

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._come(self._begun(work))

    def _begun(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _come(self, future: Future[Result]) -> Result:
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise
        except (KafkaError, AssertionError, LookupError, OSError) as error:
            if not isinstance(error, KafkaError | OSError) and not is_inside_a_client(error):
                raise
            if self._consumer is None:
                raise not_let_in(self._servers.split(","), error) from error
            told = f"{self._where} stopped answering while {self._topic} was read ({type(error).__name__}): try again"
            raise Unreachable(f"{told}{away(self._servers)}") from error

    def _close(self) -> None:
        with suppress(KafkaError, OSError, TimeoutError):
            asyncio.run_coroutine_threadsafe(self._ended(), self._loop).result(_CLOSE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_S)
        self._loop.close()

    async def _ended(self) -> None:
        """What an interruption left under way is ended: else the loop tells of each task that it drops."""
        if self._consumer is not None:
            await self._consumer.stop()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _connected(access: BrokerAccess, client_id: str, fetch_bytes: int) -> Any:
    options: dict[str, object] = {
        "bootstrap_servers": access.bootstrap_servers,
        "client_id": client_id,
        "security_protocol": access.protocol,
        "ssl_context": access.tls,
        "sasl_mechanism": access.mechanism,
        "sasl_plain_username": access.user,
        "sasl_plain_password": access.password,
    }
    consumer = AIOKafkaConsumer(
        **{name: value for name, value in options.items() if value is not None},
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
        request_timeout_ms=_ANSWER_MS,
        max_partition_fetch_bytes=fetch_bytes,
    )
    try:
        await consumer.start()
    except BaseException:
        await consumer.stop()
        raise
    return consumer
