"""One round of the path: workers that stand idle on fresh topics, then all changes at once, until everything is accepted.

CPU is that of the worker processes from standing idle to the last accepted record: no start is in it, and nothing of the work is
left out. The rate is over the middle of the work, from the first commit to 97 % of it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from streams.domain.ready import RECALL
from tests.bench.course import Cost, Course, Kind, Surroundings
from tests.bench.messages import Load, Message, as_rows
from tests.bench.processes import taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round measured."""

    prefix: str
    """Of its topics."""
    changes: int
    """Changes that were folded."""
    records: int
    """Records that were accepted."""
    join: Cost
    """The join's cost."""
    deliver: Cost
    """The deliver stage's cost."""
    requests: int
    """Requests that the platform took."""
    place: Cost | None = None
    """The place stage's cost; None where the bench itself filled `visit.changes`."""

    @property
    def cpu_us_per_record(self) -> float:
        """All stages, per accepted record."""
        place_us = 0.0 if self.place is None else self.place.cpu_us
        return (place_us + self.join.cpu_us) * self.changes / self.records + self.deliver.cpu_us


async def run_round(load: Load, at: Surroundings, kind: Kind, *, prefix: str) -> Round:
    """One round from nothing to everything accepted."""
    return await (_apart if kind.apart else _at_once)(load, at, kind, prefix)


async def _at_once(load: Load, at: Surroundings, kind: Kind, prefix: str) -> Round:
    changes = len(load.changes)
    with Course(load, at, kind, prefix=f"{prefix}a-") as course:
        await course.fill(load.lookups)
        place = await course.stand("place") if kind.placed else None
        join, deliver = await course.stand("join"), await course.stand("deliver")
        await course.fill(as_rows(load.changes) if place else load.changes, place, join, deliver)
        placing = asyncio.ensure_future(course.place(place)) if place else None
        joining = asyncio.ensure_future(course.join(join, placing))
        await course.deliver(deliver, asyncio.ensure_future(_sizes(joining)))
        records = len(_records(await joining))
        return Round(
            prefix=course.prefix,
            changes=changes,
            records=records,
            place=place.cost(changes) if place else None,
            join=join.cost(changes),
            deliver=deliver.cost(records),
            requests=taken(course.url)[0],
        )


async def _apart(load: Load, at: Surroundings, kind: Kind, prefix: str) -> Round:
    """Each stage works on a copy of what the one before it wrote."""
    place, changes = await _place_alone(load, at, kind, prefix) if kind.placed else (None, load.changes)
    with Course(load, at, kind, prefix=f"{prefix}a-") as course:
        await course.fill(load.lookups)
        join = await course.stand("join")
        await course.fill(changes, join)
        joining = asyncio.ensure_future(course.join(join))
        ready, joined = await joining, join.cost(len(load.changes))
    with Course(load, at, kind, prefix=f"{prefix}b-") as course:
        deliver = await course.stand("deliver")
        await course.fill(ready, deliver)
        await course.deliver(deliver, asyncio.ensure_future(_sizes(joining)))
        return Round(
            prefix=course.prefix,
            changes=len(load.changes),
            records=len(_records(ready)),
            place=place,
            join=joined,
            deliver=deliver.cost(len(_records(ready))),
            requests=taken(course.url)[0],
        )


async def _place_alone(load: Load, at: Surroundings, kind: Kind, prefix: str) -> tuple[Cost, Sequence[Message]]:
    """What the place stage cost, and what it wrote."""
    with Course(load, at, kind, prefix=f"{prefix}p-") as course:
        place = await course.stand("place")
        await course.fill(as_rows(load.changes), place)
        written = await course.written("visit.changes", sum(await course.place(place)))
        return place.cost(len(load.changes)), written


async def _sizes(joining: "asyncio.Future[Sequence[Message]]") -> int:
    """Bytes of all records, each with the comma or bracket in front of it."""
    return sum([len(message.value) + 1 for message in _records(await joining)])


def _records(ready: Sequence[Message]) -> Sequence[Message]:
    """What the platform gets of it: not the recalls, which come where a round takes longer than a record may be without a row."""
    return [message for message in ready if RECALL not in message.headers]
