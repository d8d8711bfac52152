"""Where each stage starts: the first committed offset of its group, written once and never again. Pure.

A stage keeps its numbers in the metadata of its committed offset, and refuses to start without them. An offset that is missing
although the stage has worked was lost or reset: written anew, everything would be delivered a second time.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from streams.topics.stages import Stage

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOffset:
    """One committed offset to write."""

    group: str
    topic: str
    partition: int
    offset: int
    metadata: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a partition still holds: offsets from `begin` up to, but without, `end`."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetPlan:
    """What the stages' groups need."""

    write: tuple[FirstOffset, ...]
    """First offsets that are missing."""
    refusals: tuple[str, ...]
    """Why some of them must not be written."""
    notes: tuple[str, ...]
    """What a person should know."""


def plan_first_offsets(
    table: Sequence[Stage],
    *,
    partitions: int,
    committed: Collection[tuple[str, Place]],
    reach: Mapping[Place, Reach],
    marks: Mapping[str, str],
) -> OffsetPlan:
    """Decide for every partition of every stage that has no committed offset. `reach` lacks the topics that do not exist yet.

    marks: by stage, the metadata that its first offset carries. partitions: of the site.
    """
    missing = [
        (stage, number)
        for stage in table
        for number in stage.numbers(partitions)
        if (stage.group, (stage.reads, number)) not in committed
    ]
    refusals = tuple(refusal for stage, number in missing for refusal in _refusals(stage, number, reach))
    expired = [(stage.reads, number) for stage, number in missing if _begin(stage, number, reach) > 0]
    return OffsetPlan(
        write=tuple(
            FirstOffset(
                group=stage.group,
                topic=stage.reads,
                partition=number,
                offset=_begin(stage, number, reach),
                metadata=marks[stage.name],
            )
            for stage, number in missing
        ),
        refusals=refusals,
        notes=tuple(
            f"{topic}, partition {number}: rows expired before anybody read them; take a snapshot on demand after the start"
            for topic, number in expired
        ),
    )


def _begin(stage: Stage, number: int, reach: Mapping[Place, Reach]) -> int:
    found = reach.get((stage.reads, number))
    return 0 if found is None else found.begin


def _refusals(stage: Stage, number: int, reach: Mapping[Place, Reach]) -> Iterator[str]:
    worked = [topic for topic in stage.writes if (found := reach.get((topic, number))) is not None and found.end > 0]
    if worked:
        yield (
            f"group {stage.group} has no committed offset in {stage.reads}, partition {number}, although {worked[0]} shows that "
            f"{stage.name} has worked there: it was deleted or expired. Started anew, everything would be reported twice. "
            f"Stop all workers and run `yibao offsets recover --stage {stage.name} --dry-run`"
        )
    elif stage.name == "deliver" and _begin(stage, number, reach) > 0:
        yield (
            f"group {stage.group}: records of {stage.reads}, partition {number}, expired before they were delivered; "
            "their numbers are gone, so delivery cannot know what it missed"
        )
