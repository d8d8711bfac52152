"""What closes a letter: a message of its own in `visit.dead`, in the letter's partition, that names it and says what closed it.

The letter itself stays where it is. Whoever counts letters takes what a partition says of an id last: a failure of the same content
that comes after the closing opens it again.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from streams.deadletter import headers as h
from streams.deadletter.record import FORM, safe_message
from streams.domain.closings import Closed, ClosedBy
from streams.domain.records import Header
from streams.domain.violations import DeadClass
from streams.errors import Misconfigured
from streams.spec.masking import mask_text

NEEDS_EVIDENCE: Final = frozenset({"DELETED_AFTER_REPORT", "KEY_CHANGED_AFTER_REPORT"})
"""Rules whose letters a reason alone does not close: the platform has a record that is wrong until it confirms otherwise."""

_NUMBER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """One letter, and what closes it."""

    id: str
    """Of the letter."""
    key: bytes | None = field(default=None, repr=False)
    """Key of its message; None where it has none, or is not known."""
    at: int
    """Milliseconds since the epoch."""
    by: ClosedBy
    """What closes it."""
    who: str
    """A person as `user@host`, or a stage."""
    why: str = ""
    """A person's reason; masked when it is written."""
    evidence: str = ""
    """The platform's number, the msgid, the id of the later letter."""


def encode_closing(closing: Closing) -> tuple[bytes | None, bytes, list[Header]]:
    """Key, value and headers of the message. The value is empty: kafka-python writes no message with neither key nor value."""
    values = {
        h.ID: closing.id,
        h.FORM: f"{FORM}",
        h.LAST_FAILED_AT: f"{closing.at}",
        h.CLOSED_AT: f"{closing.at}",
        h.CLOSED_BY: closing.by.value,
        h.CLOSED_WHO: closing.who,
        h.CLOSED_WHY: safe_message(closing.why),
        h.CLOSED_EVIDENCE: closing.evidence,
    }
    return closing.key, b"", [(name, value.encode()) for name, value in values.items()]


def encode_closed(closed: Closed, stage: str) -> tuple[bytes | None, bytes, list[Header]]:
    """The same of a letter that a stage closes."""
    return encode_closing(Closing(id=closed.id, key=closed.key, at=closed.at, by=closed.by, who=stage, evidence=closed.evidence))


def needs_evidence(dead_class: str, rule: str) -> bool:
    """Whether a letter is closed by what the platform confirmed, and by nothing less."""
    return dead_class == DeadClass.WITHDRAWN and rule in NEEDS_EVIDENCE


def confirmation(text: str) -> str:
    """A number that the platform gave. Raises Misconfigured for what is none, or looks like a person's."""
    number = text.strip()
    if _NUMBER.fullmatch(number) is None or mask_text(number) != number:
        raise Misconfigured(
            "a confirmation is the number that the platform gave: letters, digits and . _ / -, at most 64, and no person's number"
        )
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmations:
    """A file of confirmations, read."""

    numbers: Mapping[str, str]
    """By id, or beginning of an id, or record key: the platform's number."""
    not_understood: tuple[str, ...]
    """By line: what is wrong with it. Nothing of the line is repeated."""


def read_confirmations(lines: Iterable[str]) -> Confirmations:
    """Lines of a letter's id (or its record key) and the platform's number, divided by a comma or a tab. Empty lines, those that
    begin with #, and a first line without a digit (names of columns) are passed over.
    """
    numbers: dict[str, str] = {}
    wrong: list[str] = []
    for place, line in enumerate(lines, 1):
        text = line.removeprefix("\ufeff").strip()
        if not text or text.startswith("#") or (place == 1 and not any(one.isdigit() for one in text)):
            continue
        parts = [part.strip().strip('"') for part in re.split(r"[,\t]", text)]
        try:
            which, number = parts
            number = confirmation(number)
        except (ValueError, Misconfigured):
            wrong.append(f"line {place}: a letter's id or record key, a comma, and the platform's number are wanted")
            continue
        if not which or numbers.get(which, number) != number:
            wrong.append(f"line {place}: {'names no letter' if not which else 'another line gives this letter another number'}")
            continue
        numbers[which] = number
    return Confirmations(numbers=numbers, not_understood=tuple(wrong))
