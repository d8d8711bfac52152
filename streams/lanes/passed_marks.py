"""What others than their lane read in marks: whoever waits for the lanes of a partition, and who shows how far they are."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from streams.domain.join.passing import Joined
from streams.lanes.deliver.aside import Aside, aside_in
from streams.lanes.mark_text import left_by_institution, number_in, numbers_in, object_in, object_of
from streams.lanes.marks import seq_in

MOST_LEFT: Final = 12
"""Institutions of which a mark says how far rows of them may pass in one series; where they are more, it says it of all."""


def left_of(found: Mapping[str, Mapping[str, int]]) -> Mapping[str, Any]:
    """What a join's mark says of its open leaves. found: as `streams.domain.join.moving.first_open` says it."""
    left = {series: min(numbers.values()) for series, numbers in found.items()}
    known = {series: numbers for series, numbers in found.items() if numbers.keys() != {""} and len(numbers) <= MOST_LEFT}
    return {"left": left, "left_of": known}


def joined_in(text: str) -> Joined:
    """What a join has done with of what it was sent, for whoever waits for it, whatever a later version wrote beside it. Raises
    Fatal as the others.
    """
    mark = object_of(text)
    left = {series: {"": number} for series, number in numbers_in(mark.get("left", {})).items()}
    return Joined(numbers_in(mark.get("in", {})), {**left, **left_by_institution(mark)})


class Delivered(NamedTuple):
    """Up to which number, without it, the records of a partition are settled."""

    seq: int
    """Of each institution that is not aside."""
    aside: Mapping[str, int] = MappingProxyType({})
    """By institution that is."""


def delivered_in(text: str) -> Delivered:
    """How far a deliver lane is, for whoever waits for it, whatever a later version wrote beside it. Raises Fatal as the others."""
    mark = object_of(text)
    if "aside" not in mark:
        return Delivered(seq_in(mark))
    aside = object_in(mark["aside"])
    return Delivered(number_in(mark, "at"), {name: number_in(object_in(entry), "n") for name, entry in aside.items()})


def undelivered(text: str, joined: int) -> int:
    """How many records have no outcome. text: the deliver stage's mark. joined: the next number of the join. Raises Fatal as the
    others.
    """
    mark = object_of(text)
    if "aside" not in mark:
        return max(0, joined - seq_in(mark))
    aside = aside_in(mark["aside"]).values()
    return max(0, joined - number_in(mark, "at")) + sum(max(0, entry.waiting) for entry in aside)


def aside_of(text: str) -> Mapping[str, Aside]:
    """What is aside in a deliver stage's mark. Raises Fatal as the others."""
    return aside_in(object_of(text).get("aside", {}))
