"""Read the dead letters: the whole topic as it is now, every failure once. Synchronous; never call it from an event loop."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.deadletter.record import DeadLetterView, read_dead_letter
from streams.deadletter.summary import Wanted
from streams.errors import Misconfigured, Rejected, Unreachable

_POLL_MS = 500
_STALLED_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read. letters: one per id, its latest message, oldest failure first. messages: read in all. foreign: without our id.
    complete: False when the time was up before the end of the topic.
    """

    letters: tuple[DeadLetterView, ...]
    messages: int
    foreign: int
    complete: bool


def read_dead_letters(  # noqa: PLR0913 - all but the first two have defaults that fit
    client: Mapping[str, Any],
    topic: str,
    *,
    wanted: Wanted | None = None,
    values: bool = False,
    deadline_s: float = 300.0,
    on_progress: Callable[[int, int], None] = lambda _read, _total: None,
) -> Reading:
    """The wanted letters of `topic`, up to its end as it is when the reading begins.

    client: how to reach the brokers, as kafka-python names it, `bootstrap_servers` a list. values: keep the original bytes, too
    (they are personal data). on_progress: told of messages read and to be read. Raises Unreachable when no broker answers or
    nothing comes for 15 s, Misconfigured when the topic does not exist.
    """
    where = f"Kafka at {','.join(client['bootstrap_servers'])}"
    try:
        consumer = KafkaConsumer(
            **{
                **client,
                "isolation_level": "read_committed",
                "enable_auto_commit": False,
                "auto_offset_reset": "earliest",
                "allow_auto_create_topics": False,
            }
        )
    except (KafkaError, OSError) as error:
        raise Unreachable(
            f"{where} does not answer ({type(error).__name__}): check kafka.bootstrap_servers in site.yaml"
        ) from error
    try:
        return _Reader(consumer, wanted or Wanted(), values=values).run(
            topic, where=where, deadline_s=deadline_s, on_progress=on_progress
        )
    except KafkaError as error:
        raise Unreachable(f"{where} stopped answering while {topic} was read ({type(error).__name__}): try again") from error
    finally:
        consumer.close(timeout_ms=1_000)


class _Reader:
    def __init__(self, consumer: Any, wanted: Wanted, *, values: bool) -> None:
        self._consumer = consumer
        self._wanted = wanted
        self._values = values
        self._latest: dict[str, DeadLetterView] = {}
        self._messages = 0
        self._foreign = 0

    def run(self, topic: str, *, where: str, deadline_s: float, on_progress: Callable[[int, int], None]) -> Reading:
        begins, ends = self._reach(topic, where)
        total = sum(ends[place] - begins[place] for place in ends)
        until, moved_at, left = time.monotonic() + deadline_s, time.monotonic(), total
        while left > 0 and time.monotonic() < until:
            for messages in self._consumer.poll(timeout_ms=_POLL_MS).values():
                self._take(messages)
            before, left = left, sum(max(0, ends[place] - self._consumer.position(place)) for place in ends)
            if left < before:
                moved_at = time.monotonic()
                on_progress(total - left, total)
            elif time.monotonic() - moved_at > _STALLED_S:
                raise Unreachable(f"{where} gives nothing more of {topic}, {left} messages before its end: check the brokers")
        letters = sorted(self._latest.values(), key=lambda letter: (letter.first_failed_at, letter.id))
        return Reading(letters=tuple(letters), messages=self._messages, foreign=self._foreign, complete=left <= 0)

    def _reach(self, topic: str, where: str) -> tuple[Mapping[Any, int], Mapping[Any, int]]:
        partitions = self._consumer.partitions_for_topic(topic)
        if not partitions:
            raise Misconfigured(f"{where} has no topic {topic}: create it with `yibao topics apply`, or check kafka.topic_prefix")
        places = [TopicPartition(topic, number) for number in sorted(partitions)]
        self._consumer.assign(places)
        begins, ends = self._consumer.beginning_offsets(places), self._consumer.end_offsets(places)
        for place in places:
            self._consumer.seek(place, begins[place])
        return begins, ends

    def _take(self, messages: Iterable[Any]) -> None:
        for message in messages:
            self._messages += 1
            try:
                letter = read_dead_letter(message)
            except Rejected:
                self._foreign += 1
                continue
            if self._wanted.takes(letter):
                self._keep(letter)

    def _keep(self, letter: DeadLetterView) -> None:
        earlier = self._latest.get(letter.id)
        if earlier is not None:
            newer, older = (letter, earlier) if letter.last_failed_at >= earlier.last_failed_at else (earlier, letter)
            letter = replace(newer, first_failed_at=min(newer.first_failed_at, older.first_failed_at))
        self._latest[letter.id] = letter if self._values else replace(letter, key=None, value=None, original_headers=())
