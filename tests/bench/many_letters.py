"""Letters by the million as messages: what one like them became, with another number in it. To make each by itself takes four times
as long as to read it into the index.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from streams.deadletter import headers as h
from streams.deadletter.record import encode_dead_letter, record_key_hash
from streams.domain.closings import letter_id
from streams.domain.records import DeadLetter, Header

_TOLD_EVERY: Final = 100_000


class Message(NamedTuple):
    """One to be written."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class ManyLetters:
    """of: a letter by its number. Letters whose numbers differ by `period` differ in nothing but numbers and times.
    visit_of: its other number. say: told now and then how many are made.
    """

    def __init__(
        self, of: Callable[[int], DeadLetter], *, period: int, visit_of: Callable[[int], int], say: Callable[[int], None]
    ) -> None:
        self._of, self._period, self._visit_of, self._say = of, period, visit_of, say
        self._forms = [_Form(of, period * 20_001 + at, visit_of) for at in range(period)]
        for at, form in enumerate(self._forms):
            other = period * 1_234 + at
            if form.message(other) != _encoded(of(other)):
                raise RuntimeError(f"letter {other} is not made as {at} is")

    def messages(self, numbers: Iterable[int]) -> Iterator[Message]:
        """Those with these numbers."""
        for made, number in enumerate(numbers):
            if made and made % _TOLD_EVERY == 0:
                self._say(made)
            yield self._forms[number % self._period].message(number)


class _Form:
    def __init__(self, of: Callable[[int], DeadLetter], number: int, visit_of: Callable[[int], int]) -> None:
        self._letter, self._visit_of = of(number), visit_of
        self._first_at = self._letter.failed_at - (of(number + 1).failed_at - self._letter.failed_at) * number
        self._step = of(number + 1).failed_at - self._letter.failed_at
        self._message = _encoded(self._letter)
        self._old = was, was_visit = f"{number}".encode(), f"{visit_of(number)}".encode()
        self._varying = {name for name, text in self._message.headers if text and (was in text or was_visit in text)}

    def message(self, number: int) -> Message:
        """The same of another number."""
        visit = f"{self._visit_of(number)}".encode()
        one = f"{number}".encode()
        own = self._own(number)
        was, was_visit = self._old

        def other(text: bytes | None) -> bytes | None:
            return text and text.replace(was, one).replace(was_visit, visit)

        message = self._message
        varying = self._varying
        headers = [(name, own.get(name) or (other(text) or b"" if name in varying else text)) for name, text in message.headers]
        return Message(message.partition, other(message.key), other(message.value), headers)

    def _own(self, number: int) -> Mapping[str, bytes]:
        """What does not show the number."""
        letter, at = self._letter, f"{self._first_at + self._step * number}".encode()
        named = replace(letter, record_key=f"F{number}", identity=f"{number}")
        return {
            h.ID: letter_id(named).encode(),
            h.RECORD_KEY_HASH: record_key_hash(letter.service, f"F{number}").encode(),
            h.CONTENT_HASH: f"{number:032x}".encode(),
            h.FIRST_FAILED_AT: at,
            h.LAST_FAILED_AT: at,
        }


def _encoded(letter: DeadLetter) -> Message:
    key, value, headers = encode_dead_letter(letter)
    return Message(letter.partition, key, value, headers)
