"""Look at the first messages behind an offset, as far as they are committed, at a bounded cost. Synchronous; never call it from an
event loop.

The end of a topic counts more than its messages: marks of transactions, and what was aborted, have offsets, too. What is read as
committed says how many messages there are, and when the first of them was written.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.domain.ticks import is_tick
from streams.errors import Unreachable
from streams.topics.access import away, is_inside_a_client, let_in

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""

_POLL_MS = 200
_AT_ONCE_BYTES = 256 * 1024


class Seen(NamedTuple):
    """One message, without what it holds."""

    offset: int
    """Where it stands."""
    timestamp_ms: int
    """Its own time."""
    headers: tuple[tuple[str, bytes | None], ...]
    """In their order."""
    tells_time: bool = False
    """Whether it is a tick, and nothing that anybody waits for."""

    def __repr__(self) -> str:
        """Without what it says."""
        return f"Seen(offset={self.offset}, timestamp_ms={self.timestamp_ms})"


def _seen(message: Any) -> Seen:
    tells_time = is_tick(message.key, message.value)
    return Seen(message.offset, message.timestamp, tuple(message.headers), tells_time)


@dataclass(slots=True, kw_only=True)
class Ahead:
    """What stands behind an offset of a partition."""

    seen: list[Seen] = field(default_factory=list)
    """The first messages, in their order."""
    left: int = 0
    """Offsets up to the end of what is committed that were not looked at; each may be a message or not."""

    @property
    def whole(self) -> bool:
        """Whether all was looked at."""
        return self.left == 0


class Lookahead:
    """A consumer that is a member of no group. Raises Unreachable when no broker answers.

    client: how to reach the brokers, as kafka-python names it.
    """

    def __init__(self, client: Mapping[str, Any]) -> None:
        self._servers = servers = client["bootstrap_servers"]
        self._where = f"Kafka at {servers if isinstance(servers, str) else ','.join(servers)}"
        options = {
            "isolation_level": "read_committed",
            "enable_auto_commit": False,
            "allow_auto_create_topics": False,
            "auto_offset_reset": "earliest",
            "max_partition_fetch_bytes": _AT_ONCE_BYTES,
        }
        with let_in(servers, tls=client.get("ssl_context")):
            self._consumer: Any = KafkaConsumer(**{**client, **options})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._consumer.close(timeout_ms=1_000)

    def behind(self, offsets: Mapping[Place, int], *, most: int, deadline_s: float) -> dict[Place, Ahead]:
        """What stands behind each of these offsets. most: messages of a partition, about. What is not looked at until then, or
        within `deadline_s`, is counted as left; of a topic that is missing so are all its partitions.
        """
        if not offsets:
            return {}
        try:
            there = {topic: self._consumer.partitions_for_topic(topic) or () for topic, _number in offsets}
            known = {TopicPartition(*at): offset for at, offset in offsets.items() if at[1] in there[at[0]]}
            return {at: Ahead(left=1) for at in offsets} | (self._behind(known, most, deadline_s) if known else {})
        except (KafkaError, AssertionError, LookupError) as error:
            if not isinstance(error, KafkaError) and not is_inside_a_client(error):
                raise
            told = f"{self._where} stopped answering while it was looked at what waits ({type(error).__name__}): try again"
            raise Unreachable(f"{told}{away(self._servers)}") from error

    def _behind(self, offsets: Mapping[Any, int], most: int, deadline_s: float) -> dict[Place, Ahead]:
        consumer, until = self._consumer, time.monotonic() + deadline_s
        consumer.assign(list(offsets))
        ends = consumer.end_offsets(list(offsets))
        found = {at: Ahead() for at in offsets}
        for at, begin in consumer.beginning_offsets(list(offsets)).items():
            consumer.seek(at, min(max(offsets[at], begin), ends[at]))
        open_places = self._unread(list(offsets), ends)
        while open_places and time.monotonic() < until:
            for at, messages in consumer.poll(timeout_ms=_POLL_MS).items():
                found[at].seen += [_seen(one) for one in messages if one.offset < ends[at]]
                if len(found[at].seen) >= most:
                    consumer.pause(at)
            open_places = [at for at in self._unread(open_places, ends) if len(found[at].seen) < most]
        for at, ahead in found.items():
            ahead.left = max(0, ends[at] - consumer.position(at))
        return {(at.topic, at.partition): ahead for at, ahead in found.items()}

    def _unread(self, places: Sequence[Any], ends: Mapping[Any, int]) -> list[Any]:
        return [at for at in places if self._consumer.position(at) < ends[at]]
