"""Read dead letters from the topic: the whole of it as it is now, every failure once; or the one that stands at a place."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from streams.deadletter.record import DeadLetterView, Message, read_dead_letter
from streams.errors import Rejected
from streams.topics.access import BrokerAccess
from streams.topics.at_places import read_at
from streams.topics.onward import Onward
from streams.topics.whole import OnProgress, read_whole

_ONE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read."""

    letters: tuple[DeadLetterView, ...]
    """One per id, as its latest message has it, the oldest failure first; without those that the latest message closed."""
    told: tuple[DeadLetterView, ...]
    """These, and what was told before a later version, a later letter, the row's end or a person closed it."""
    messages: int
    """Messages that were read."""
    foreign: int
    """Messages without our id."""
    complete: bool
    """False when the time was up before the end of the topic."""


def read_dead_letters(
    client: Mapping[str, Any],
    topic: str,
    *,
    values: bool = False,
    deadline_s: float = 300.0,
    on_progress: OnProgress = lambda _read, _total: None,
) -> Reading:
    """The letters of `topic`, up to its end as it is when the reading begins. Synchronous; never call it from an event loop.

    client: how to reach the brokers, as kafka-python names it. values: keep the original bytes, too (they are personal data).
    on_progress: told of messages read and to be read. Raises as `read_whole`.
    """
    complete = False

    def progress(read: int, total: int) -> None:
        nonlocal complete
        complete = read >= total
        on_progress(read, total)

    letters = _Letters(values=values)
    letters.take(read_whole(client, topic, deadline_s=deadline_s, on_progress=progress))
    return letters.reading(complete=complete)


def read_letter(access: BrokerAccess, topic: str, partition: int, offset: int, *, client_id: str) -> DeadLetterView | None:
    """The letter that stands there, with its original bytes (they are personal data); None where the topic does not hold it."""
    with Onward(access, topic, [partition], client_id=client_id, most=1) as reader:
        reach = reader.reach()[partition]
        if not reach.begin <= offset < reach.end:
            return None
        for portion in reader.read({partition: offset}, {partition: offset + 1}, deadline_s=_ONE_S):
            if portion.messages:
                [message] = portion.messages
                return read_dead_letter(message) if message.offset == offset else None
    return None


def read_letters(
    access: BrokerAccess, topic: str, places: Collection[tuple[int, int]], *, client_id: str
) -> Iterator[DeadLetterView]:
    """The letters that stand at these places (partition, offset), with their original bytes (they are personal data). Reads no more
    than the parts of the topic in which they stand. What the topic does not hold any more is left out. Raises Unreachable.
    """
    for message in read_at(access, topic, places, client_id=client_id):
        yield read_dead_letter(message)


class _Letters:
    def __init__(self, *, values: bool) -> None:
        self._values = values
        self._latest: dict[str, DeadLetterView] = {}
        self._ended: set[str] = set()
        self._messages = 0
        self._foreign = 0

    def reading(self, *, complete: bool) -> Reading:
        letters = sorted(
            (one for one in self._latest.values() if not one.closed_at), key=lambda letter: (letter.first_failed_at, letter.id)
        )
        open_ = tuple([letter for letter in letters if letter.id not in self._ended])
        return Reading(letters=open_, told=tuple(letters), messages=self._messages, foreign=self._foreign, complete=complete)

    def take(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._messages += 1
            try:
                letter = read_dead_letter(message)
            except Rejected:
                self._foreign += 1
                continue
            self._keep(letter)

    def _keep(self, letter: DeadLetterView) -> None:
        if letter.closed_at and not letter.dead_class:  # it says nothing of the letter but that it is closed
            self._ended.add(letter.id)
            return
        self._ended.discard(letter.id)
        earlier = self._latest.get(letter.id)
        if earlier is not None:
            newer, older = (letter, earlier) if letter.last_failed_at >= earlier.last_failed_at else (earlier, letter)
            first = min(filter(None, (newer.first_failed_at, older.first_failed_at)), default=0)
            letter = replace(newer, first_failed_at=first)
        self._latest[letter.id] = letter if self._values else replace(letter, key=None, value=None, original_headers=())
