"""Write messages into a topic that exists. Synchronous; never call it from an event loop."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.errors import Unreachable
from streams.topics.access import away, let_in
from streams.wording import count_of

_WRITTEN_WITHIN_S = 30.0
_AT_ONCE = 1_000


def write(client: Mapping[str, Any], topic: str, *, key: bytes, value: bytes, otherwise: str) -> int:
    """Write it, and return its offset when all copies have it. Raises Unreachable where that is not known.

    client: how to reach the brokers, as kafka-python names it. otherwise: what is not known then, and how to look; an error
    begins with it.
    """
    # Not idempotent: that would need a further right on older brokers, and whoever reads these topics minds no repetition.
    with let_in(client["bootstrap_servers"], tls=client.get("ssl_context")):
        producer = KafkaProducer(**{**client, "acks": "all", "enable_idempotence": False})
    try:
        offset: int = producer.send(topic, key=key, value=value, partition=0).get(_WRITTEN_WITHIN_S).offset
    except (KafkaError, OSError) as error:
        raise Unreachable(f"{otherwise} ({type(error).__name__}, {topic}){away(client['bootstrap_servers'])}") from error
    finally:
        producer.close(_WRITTEN_WITHIN_S)
    return offset


class Message(NamedTuple):
    """One message, and where it goes."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    def __repr__(self) -> str:
        """Without what it holds."""
        return f"Message(partition={self.partition})"


def write_messages(client: Mapping[str, Any], topic: str, messages: Iterable[Message], *, otherwise: str) -> int:
    """Write messages, those of a partition in their order; how many, when all copies have them. Raises as `write`."""
    left, written = iter(messages), 0
    with let_in(client["bootstrap_servers"], tls=client.get("ssl_context")):
        # One request at a time: what is sent again after an error must not overtake what follows it.
        producer = KafkaProducer(
            **{**client, "acks": "all", "enable_idempotence": False, "max_in_flight_requests_per_connection": 1}
        )
    try:
        while portion := list(islice(left, _AT_ONCE)):
            sent = [
                producer.send(topic, key=one.key, value=one.value, partition=one.partition, headers=list(one.headers))
                for one in portion
            ]
            for one in sent:
                one.get(_WRITTEN_WITHIN_S)
            written += len(portion)
    except (KafkaError, OSError) as error:
        told = f"{count_of(written, 'message was', 'messages were')} written; {otherwise} ({type(error).__name__}, {topic})"
        raise Unreachable(told) from error
    finally:
        producer.close(_WRITTEN_WITHIN_S)
    return written


def write_all(client: Mapping[str, Any], topic: str, values: Iterable[bytes], *, otherwise: str) -> None:
    """Write messages without a key, in no certain order among them; returns when all copies have all of them. Raises as `write`."""
    left = iter(values)
    first = list(islice(left, _AT_ONCE))
    if not first:
        return
    with let_in(client["bootstrap_servers"], tls=client.get("ssl_context")):
        producer = KafkaProducer(**{**client, "acks": "all", "enable_idempotence": False})
    try:
        while first:
            for sent in [producer.send(topic, value=value, partition=0) for value in first]:
                sent.get(_WRITTEN_WITHIN_S)
            first = list(islice(left, _AT_ONCE))
    except (KafkaError, OSError) as error:
        raise Unreachable(f"{otherwise} ({type(error).__name__}, {topic})") from error
    finally:
        producer.close(_WRITTEN_WITHIN_S)
