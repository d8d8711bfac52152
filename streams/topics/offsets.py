"""Where each stage starts: the first committed offset of its group, written once and never again. Pure.

A stage keeps its numbers in the metadata of its committed offset, and refuses to start without them. An offset that is missing
although the stage has worked was lost or reset: written anew, everything would be delivered a second time.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from connector.contract import Topics

FIRST_METADATA = json.dumps({"seq": 1}, separators=(",", ":"))
"""Metadata of a first offset: the number of the next record is 1."""

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOffset:
    """One committed offset to write."""

    group: str
    topic: str
    partition: int
    offset: int
    metadata: str = FIRST_METADATA


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a partition still holds: offsets from `begin` up to, but without, `end`."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetPlan:
    """write: first offsets that are missing. refusals: why some must not be written. notes: what a person should know."""

    write: tuple[FirstOffset, ...]
    refusals: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    name: str
    group: str
    topic: str
    results: tuple[str, ...]


def stage_inputs(topics: Topics) -> tuple[tuple[str, str], ...]:
    """Group and input topic of each stage."""
    return tuple((stage.group, stage.topic) for stage in _stages(topics))


def topics_to_look_at(topics: Topics) -> tuple[str, ...]:
    """Topics whose reach decides about first offsets."""
    return tuple(dict.fromkeys(name for stage in _stages(topics) for name in (stage.topic, *stage.results)))


def plan_first_offsets(
    topics: Topics, *, partitions: int, committed: Collection[tuple[str, Place]], reach: Mapping[Place, Reach], born: str = ""
) -> OffsetPlan:
    """Decide for every partition of every stage that has no committed offset. `reach` lacks the topics that do not exist yet.

    born: a new name for the numbers that begin here. A join worker keeps a copy of its state on disk; by this name it knows a copy
    that belongs to topics which were deleted and made anew.
    """
    missing = [
        (stage, number)
        for stage in _stages(topics)
        for number in range(partitions)
        if (stage.group, (stage.topic, number)) not in committed
    ]
    refusals = tuple(refusal for stage, number in missing for refusal in _refusals(stage, number, reach))
    expired = [(stage.topic, number) for stage, number in missing if _begin(stage, number, reach) > 0]
    return OffsetPlan(
        write=tuple(
            FirstOffset(
                group=stage.group,
                topic=stage.topic,
                partition=number,
                offset=_begin(stage, number, reach),
                metadata=_first_metadata(born if stage.name == "join" else ""),
            )
            for stage, number in missing
        ),
        refusals=refusals,
        notes=tuple(
            f"{topic}, partition {number}: rows expired before anybody read them; take a snapshot on demand after the start"
            for topic, number in expired
        ),
    )


def _first_metadata(born: str) -> str:
    return json.dumps({"seq": 1, "born": born}, separators=(",", ":")) if born else FIRST_METADATA


def _stages(topics: Topics) -> tuple[_Stage, ...]:
    return (
        _Stage(name="join", group=topics.group("join"), topic=topics.changes, results=(topics.state, topics.ready)),
        _Stage(name="deliver", group=topics.group("deliver"), topic=topics.ready, results=(topics.receipts,)),
    )


def _begin(stage: _Stage, number: int, reach: Mapping[Place, Reach]) -> int:
    found = reach.get((stage.topic, number))
    return 0 if found is None else found.begin


def _refusals(stage: _Stage, number: int, reach: Mapping[Place, Reach]) -> Iterator[str]:
    worked = [topic for topic in stage.results if (found := reach.get((topic, number))) is not None and found.end > 0]
    if worked:
        yield (
            f"group {stage.group} has no committed offset in {stage.topic}, partition {number}, although {worked[0]} shows that "
            f"{stage.name} has worked there: it was deleted or expired. Started anew, everything would be reported twice. "
            "Write the offset and its metadata again from what the last record tells"
        )
    elif stage.name == "deliver" and _begin(stage, number, reach) > 0:
        yield (
            f"group {stage.group}: records of {stage.topic}, partition {number}, expired before they were delivered; "
            "their numbers are gone, so delivery cannot know what it missed"
        )
