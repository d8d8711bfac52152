"""What a row can wait for, in words for people. Pure."""

from collections.abc import Mapping
from typing import Final

from streams.domain.join.parts import MOVED_FROM, Part

WITHDRAWAL: Final = "withdrawal"
"""What a record waits for that no row backs any more: that a person is told of it."""
_WITHOUT_LIMIT_MS: Final = 10**11
"""A deadline more than three years later stands for none."""

_WORDS: Final[Mapping[str, str]] = {
    Part.VISIT.value: "its visit, of which no row came yet",
    Part.SETTLEMENT.value: "its settlement, of which no row came yet",
    Part.UNSETTLED.value: "being settled: it names no settlement yet",
    Part.UNREPORTED.value: "the record of its visit or settlement, which waits itself",
    Part.PARENT_REFUSED.value: "its visit or settlement, which was refused or given up: see the letter of that",
    Part.POSITIVE_LINE.value: "the line that it takes back, of which none came yet",
    Part.UNREPORTED_LINE.value: "the record of the line that it takes back, which waits itself",
    Part.AMBIGUOUS_VISIT.value: "one visit: there are several, and it is not known which is meant",
    Part.AMBIGUOUS_SETTLEMENT.value: "one settlement: there are several, and it is not known which is meant",
    WITHDRAWAL: "the end of the time after which a person is told that its row is gone",
    Part.MOVED.value: "the lanes of another partition, which its row left",
}


def words_for(part: str, *, deadline: int = 0) -> str:
    """What a wait is for. part: as the join remembers it. deadline: likewise (ms)."""
    if part in _WORDS and deadline < MOVED_FROM:
        return _WORDS[part]
    kind, _, rest = part.partition(" ")
    if kind == Part.LOOKUP.value:
        return f"a row of the lookup {rest}"
    if kind == Part.COLLISION.value:
        return "another row to give up its record, of which that says something else"
    if kind == Part.MOVED.value:
        return f"the lanes of partition {deadline - MOVED_FROM}, which its row left"
    return part


def kind_of(part: str) -> str:
    """What waits are counted by: what they are for, a lookup with its name, a collision without its transaction."""
    return part.partition(" ")[0] if part.startswith(Part.COLLISION.value) else part


def end_of(since: int, deadline: int) -> int:
    """When a wait ends by time alone (ms); 0 where no time ends it."""
    return 0 if deadline >= MOVED_FROM or deadline - since > _WITHOUT_LIMIT_MS else deadline
