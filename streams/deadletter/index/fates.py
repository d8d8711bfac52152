"""What became of letters that were replayed."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

from streams.deadletter.index.entry import RESTS, SEPARATOR
from streams.domain.closings import ClosedBy

_AT_ONCE: Final = 500
_LONGEST: Final = 100
"""So many letters that take each other's place are followed: a record is replayed a few times, and its row changes now and then."""
_REPLAY_ID: Final = RESTS.index("replay_id")
_LETTERS: Final = """
SELECT l.id, l.closed, l.last, l.rest, l.record_hash, g.dead_class, g.rule
FROM letters l JOIN groups g ON g.id = l.grp WHERE l.id IN
"""
_CLOSINGS: Final = "SELECT id, at, closed, evidence FROM history WHERE closed <> '' AND id IN"


class Fate(NamedTuple):
    """How a letter stands."""

    closed: int
    """When it was closed (ms); 0 while it is open."""
    how: str
    """By what, as in `ClosedBy`; `""` while it is open."""
    replay_id: str
    """The plan that it was replayed by last, and failed again; `""` for none."""
    record_hash: bytes
    """Equal for equal records; empty where the letter knows of no record."""
    refusal: str
    """Class and rule."""
    evidence: str = ""
    """By what it was closed, such as the msgid under which its record was accepted; `""` while it is open."""

    def __repr__(self) -> str:
        """Without what stands for a record's key."""
        return f"Fate(closed={self.closed}, how={self.how!r}, refusal={self.refusal!r})"


def fates(index: sqlite3.Connection, letters: Sequence[str]) -> dict[str, Fate]:
    """How these letters stand, by id; of one in whose place a later one came, how that ended. What the index does not hold is left
    out.
    """
    found = _own_fates(index, letters)
    ended, following = dict(found), {letter: fate.evidence for letter, fate in found.items() if fate.how == ClosedBy.SUPERSEDED}
    for _ in range(_LONGEST):
        later = _own_fates(index, sorted({*following.values()} - ended.keys()))
        ended |= later
        for letter, place in list(following.items()):
            end = ended.get(place)
            if end is None or not end.closed:  # open: it was refused again, and is so still
                del following[letter]
            elif end.how == ClosedBy.SUPERSEDED:
                following[letter] = end.evidence
            else:
                found[letter] = end._replace(record_hash=found[letter].record_hash or end.record_hash)
                del following[letter]
        if not following:
            break
    return found


def _own_fates(index: sqlite3.Connection, letters: Sequence[str]) -> dict[str, Fate]:
    found = {}
    for first in range(0, len(letters), _AT_ONCE):
        some = [bytes.fromhex(one) for one in letters[first : first + _AT_ONCE]]
        marks = f"({', '.join('?' * len(some))})"
        closings: dict[bytes, list[tuple[int, str, str]]] = defaultdict(list)
        for identity, at, how, evidence in index.execute(f"{_CLOSINGS} {marks} ORDER BY at, offset", some):
            closings[identity].append((at, how, evidence))
        for identity, closed, last, rest, record_hash, dead_class, rule in index.execute(f"{_LETTERS} {marks}", some):
            how, evidence = _closing(closings[identity], last) if closed else ("", "")
            replay_id = rest.split(SEPARATOR)[_REPLAY_ID]
            found[identity.hex()] = Fate(closed, how, replay_id, record_hash, f"{dead_class} {rule}", evidence)
    return found


def _closing(closings: Sequence[tuple[int, str, str]], last: int) -> tuple[str, str]:
    """By what a letter was closed last, and the evidence; of several closings since it failed last (`last`, ms), that the platform
    took its record says most.
    """
    accepted = [(how, evidence) for at, how, evidence in closings if how == ClosedBy.ACCEPTED and at >= last]
    return next(iter([*accepted[-1:], *((how, evidence) for _, how, evidence in reversed(closings))]), ("", ""))
