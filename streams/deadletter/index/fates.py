"""What became of letters that were replayed."""

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from streams.deadletter.index.entry import RESTS, SEPARATOR

_AT_ONCE: Final = 500
_REPLAY_ID: Final = RESTS.index("replay_id")
_OF_CLOSING: Final = """
    coalesce((SELECT h.{} FROM history h WHERE h.id = l.id AND h.closed <> '' AND h.at >= l.last
        ORDER BY h.closed = 'accepted' DESC, h.at DESC, h.offset DESC LIMIT 1), '')"""
"""Of what closed a letter since it failed last. That the platform took its record says most of several."""
_QUERY: Final = f"""
SELECT l.id, l.closed, l.rest, l.record_hash, g.dead_class, g.rule, {_OF_CLOSING.format("closed")}, {_OF_CLOSING.format("evidence")}
FROM letters l JOIN groups g ON g.id = l.grp WHERE l.id IN
"""


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
    """How these letters stand, by id. What the index does not hold is left out."""
    found = {}
    for first in range(0, len(letters), _AT_ONCE):
        some = letters[first : first + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        for row in index.execute(f"{_QUERY} ({marks})", [bytes.fromhex(one) for one in some]):
            identity, closed, rest, record_hash, dead_class, rule, how, evidence = row
            replay_id = rest.split(SEPARATOR)[_REPLAY_ID]
            how, evidence = (how, evidence) if closed else ("", "")
            found[identity.hex()] = Fate(closed, how, replay_id, record_hash, f"{dead_class} {rule}", evidence)
    return found
