"""Read a topic from its beginning to its end as it is now. Synchronous; never call it from an event loop."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.errors import Misconfigured, Unreachable
from streams.topics.access import away, is_inside_a_client, let_in
from streams.wording import count_of

_POLL_MS = 500
_STALLED_S = 15.0

OnProgress = Callable[[int, int], None]
"""Told of messages read and to be read."""


def read_whole(
    client: Mapping[str, Any],
    *topics: str,
    deadline_s: float = math.inf,
    on_progress: OnProgress = lambda _read, _total: None,
) -> Iterator[Any]:
    """The committed messages of these topics, partition by partition in order.

    client: how to reach the brokers, as kafka-python names it. deadline_s: stop before the end after so long; what `on_progress`
    was told last says how far that was. Raises Unreachable when no broker answers or nothing comes for 15 s, Misconfigured when a
    topic does not exist.
    """
    servers = client["bootstrap_servers"]
    where = f"Kafka at {servers if isinstance(servers, str) else ','.join(servers)}"
    options = {"isolation_level": "read_committed", "enable_auto_commit": False, "allow_auto_create_topics": False}
    with let_in(servers, tls=client.get("ssl_context")):
        consumer = KafkaConsumer(**{**client, **options})
    try:
        yield from _read(consumer, topics, where=where, until=time.monotonic() + deadline_s, on_progress=on_progress)
    except Unreachable as error:
        raise Unreachable(f"{error}{away(servers)}") from error
    except (KafkaError, AssertionError, LookupError) as error:
        if not isinstance(error, KafkaError) and not is_inside_a_client(error):
            raise
        told = f"{where} stopped answering while {', '.join(topics)} was read ({type(error).__name__}): try again{away(servers)}"
        raise Unreachable(told) from error
    finally:
        consumer.close(timeout_ms=1_000)


def _read(consumer: Any, topics: Sequence[str], *, where: str, until: float, on_progress: OnProgress) -> Iterator[Any]:
    begins, ends = _reach(consumer, topics, where)
    total = left = sum(ends[place] - begins[place] for place in ends)
    moved_at = time.monotonic()
    on_progress(0, total)
    while left > 0 and time.monotonic() < until:
        for messages in consumer.poll(timeout_ms=_POLL_MS).values():
            yield from messages
        before, left = left, sum(max(0, ends[place] - consumer.position(place)) for place in ends)
        if left < before:
            moved_at = time.monotonic()
            on_progress(total - left, total)
        elif time.monotonic() - moved_at > _STALLED_S:
            raise Unreachable(
                f"{where} gives nothing more of {', '.join(topics)}, {count_of(left, 'message')} before its end: check the brokers"
            )


def _reach(consumer: Any, topics: Sequence[str], where: str) -> tuple[Mapping[Any, int], Mapping[Any, int]]:
    places = []
    for topic in topics:
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            raise Misconfigured(f"{where} has no topic {topic}: create it with `yibao topics apply`, or check kafka.topic_prefix")
        places += [TopicPartition(topic, number) for number in sorted(partitions)]
    consumer.assign(places)
    begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
    for place in places:
        consumer.seek(place, begins[place])
    return begins, ends
