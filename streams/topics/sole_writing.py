"""Write messages as the only one who does so now, wherever others run: what was read of the topic stays true until it is written.

Whoever begins takes it from whoever was at it: the brokers refuse what that one still had under way, all of it, and what it wrote
before can be read. So of two that decide about the same at once, one writes, and the other is told. Synchronous; never call it from
an event loop.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import InvalidProducerEpochError, KafkaError, ProducerFencedError

from streams.errors import Refused, Unreachable
from streams.topics.access import away, let_in
from streams.topics.writing import Message
from streams.wording import count_of

_WITHIN_S: Final = 30.0
_AT_ONCE: Final = 1_000
_TAKEN: Final = (ProducerFencedError, InvalidProducerEpochError)


class SoleWriter:
    """An open writer, until another one of its name begins."""

    def __init__(self, producer: Any, client: Mapping[str, Any], topic: str) -> None:
        self._producer, self._servers, self._topic = producer, client["bootstrap_servers"], topic

    def write(self, messages: Iterable[Message], *, otherwise: str) -> int:
        """Write messages, those of a partition in their order; how many. They are there in portions of 1,000, each whole or not at
        all. Raises Refused where another one of its name began meanwhile, Unreachable where it is not known what was written.

        otherwise: what counts then, and how to go on; an error ends with it.
        """
        left, written = iter(messages), 0
        while portion := list(islice(left, _AT_ONCE)):
            try:
                self._portion(portion)
            except _TAKEN as error:
                told = (
                    f"another command writes into {self._topic} at the same time, and this one wrote {count_of(written, 'message')}"
                )
                raise Refused(f"{told}: {otherwise}") from error
            except (KafkaError, OSError) as error:
                wrote = count_of(written, "message was", "messages were")
                told = f"{wrote} written; {otherwise} ({type(error).__name__}, {self._topic})"
                raise Unreachable(f"{told}{away(self._servers)}") from error
            written += len(portion)
        return written

    def _portion(self, messages: Iterable[Message]) -> None:
        self._producer.begin_transaction()
        try:
            self._send(messages)
        except _TAKEN:
            raise
        except BaseException:
            with suppress(KafkaError, OSError):  # else readers would wait for it until its time is up
                self._producer.abort_transaction()
            raise
        self._producer.commit_transaction()

    def _send(self, messages: Iterable[Message]) -> None:
        sent = [
            self._producer.send(self._topic, key=one.key, value=one.value, partition=one.partition, headers=list(one.headers))
            for one in messages
        ]
        for one in sent:
            one.get(_WITHIN_S)


@contextmanager
def sole_writer(client: Mapping[str, Any], topic: str, *, name: str) -> Iterator[SoleWriter]:
    """Begin as the only writer of this name. What others of it wrote until now can be read from here on. Raises Unreachable.

    client: how to reach the brokers, as kafka-python names it. name: the id of the transactions.
    """
    own = {"transactional_id": name, "transaction_timeout_ms": int(_WITHIN_S * 1000), "acks": "all"}
    with let_in(client["bootstrap_servers"], tls=client.get("ssl_context")):
        producer = KafkaProducer(**{**client, **own})
    try:
        try:
            producer.init_transactions()
        except (KafkaError, OSError) as error:
            told = (
                f"no transaction {name} could begin ({type(error).__name__}): where brokers have access lists, who closes letters"
            )
            raise Unreachable(f"{told} needs to write under it (docs/operations.md){away(client['bootstrap_servers'])}") from error
        yield SoleWriter(producer, client, topic)
    finally:
        producer.close(0)
