"""Read what is written into topics of one partition from now on. Synchronous; never call it from an event loop."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.errors import Misconfigured, Unreachable
from streams.topics.access import away, is_inside_a_client, let_in


class Follower:
    """Reads these topics from where they ended when it was made. Raises Unreachable, Misconfigured where one does not exist.

    client: how to reach the brokers, as kafka-python names it.
    """

    def __init__(self, client: Mapping[str, Any], topics: Sequence[str]) -> None:
        self._servers = servers = client["bootstrap_servers"]
        self._where = f"Kafka at {servers if isinstance(servers, str) else ','.join(servers)}"
        options = {"isolation_level": "read_committed", "enable_auto_commit": False, "allow_auto_create_topics": False}
        with let_in(servers, tls=client.get("ssl_context")):
            self._consumer: Any = KafkaConsumer(**{**client, **options})
        try:
            self._start([TopicPartition(topic, 0) for topic in topics])
        except BaseException:
            self._consumer.close(timeout_ms=1_000)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._consumer.close(timeout_ms=1_000)

    def poll(self, wait_s: float) -> list[Any]:
        """The messages that came, in the order of their topics; none within `wait_s`: an empty list."""
        try:
            found = self._consumer.poll(timeout_ms=int(wait_s * 1000))
        except (KafkaError, AssertionError, LookupError) as error:
            raise self._unreachable(error) from error
        return [message for messages in found.values() for message in messages]

    def _start(self, places: Sequence[TopicPartition]) -> None:
        try:
            for place in places:
                if not self._consumer.partitions_for_topic(place.topic):
                    raise Misconfigured(f"{self._where} has no topic {place.topic}: create it with `yibao topics apply`")
            self._consumer.assign(places)
            for place, end in self._consumer.end_offsets(places).items():
                self._consumer.seek(place, end)
        except (KafkaError, AssertionError, LookupError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> Unreachable:
        if not isinstance(error, KafkaError) and not is_inside_a_client(error):
            raise error
        return Unreachable(f"{self._where} stopped answering ({type(error).__name__}): try again{away(self._servers)}")
