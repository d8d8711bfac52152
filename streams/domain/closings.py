"""What closes a dead letter by itself, or by a person's order."""

from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from streams.domain.records import DeadLetter


class ClosedBy(StrEnum):
    """What closed a letter. HAND: a person, with a reason. EVIDENCE: a person, with what the platform confirmed. ACCEPTED: the
    platform took a later version of the record. SUPERSEDED: a later letter tells of the record. GONE: its row went, before it was
    ever reported as the letter's record. MENDED: what it told is so no more.
    """

    HAND = "hand"
    EVIDENCE = "evidence"
    ACCEPTED = "accepted"
    SUPERSEDED = "superseded"
    GONE = "gone"
    MENDED = "mended"


class Closed(NamedTuple):
    """A letter that a stage closes, in the transaction in which that becomes so."""

    id: str
    """Of the letter."""
    key: bytes
    """The visit key."""
    at: int
    """Of the event that closes it (ms)."""
    by: ClosedBy
    """What closes it."""
    evidence: str = ""
    """The msgid under which the later version was accepted; the id of the later letter."""

    def __repr__(self) -> str:
        """Without the visit key."""
        return f"Closed(id={self.id}, by={self.by})"


def letter_id(letter: DeadLetter) -> str:
    """32 hex characters, the same for the same failure of the same content, wherever and however often it happens."""
    parts = (letter.stage, letter.dead_class.value, letter.service, letter.institution, letter.record_key, letter.identity)
    return blake2b("\x1f".join(parts).encode(errors="replace"), digest_size=16).hexdigest()
