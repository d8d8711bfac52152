"""What the join's state costs when it is large: memory, disk, and how long a restart takes. No servers.

`python -m tests.bench.state FOLDER VISITS` fills the store of one worker that holds all partitions, and prints what it saw as JSON.
"""

import asyncio
import json
import random
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from streams.domain.join.entries import visit_key_of
from streams.lanes.join.rocks_store import RocksStores
from streams.lanes.join.state import State
from streams.lanes.ports import Broker, Page, TopicPartition
from tests.bench.messages import Load, hospital_messages
from tests.bench.parts import fold_all

_PARTITIONS: Final = 12
_SAMPLE: Final = 300
_PAGE: Final = 500
_AT_RANDOM: Final = 5_000
_SINCE: Final = 1_000

_Entry = tuple[bytes, bytes]


class Changelog:
    """A broker with one page of a changelog, whatever came before it."""

    def __init__(self, entries: Sequence[_Entry], *, start: int) -> None:
        self._entries = entries
        self._start = start

    async def first_offset(self, at: TopicPartition) -> int:
        """Nothing was ever removed."""
        del at
        return 0

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Behind the page."""
        return dict.fromkeys(partitions, self._start + len(self._entries))

    async def read(self, at: TopicPartition, start: int) -> AsyncIterator[Page]:
        """The page."""
        del at
        yield Page(entries=self._entries[start - self._start :], position=self._start + len(self._entries))


def sample() -> list[list[_Entry]]:
    """The state entries of some visits as the join leaves them, without their visit's key."""
    lookups, changes = hospital_messages(_SAMPLE, partitions=1)
    folded = fold_all(Load(lookups=lookups, changes=changes, partitions=1))
    keys = {emission.visit_key for emission in folded.emissions}
    return [[(key[len(visit) :], value) for key, value in folded.states[0].visit(visit).items()] for visit in sorted(keys)]


def visits(shapes: Sequence[Sequence[_Entry]], count: int) -> Iterator[list[_Entry]]:
    """So many visits, each in the shape of one of the sample."""
    for number in range(count):
        yield [(b"V%09d" % number + rest, value) for rest, value in shapes[number % len(shapes)]]


def large(folder: Path, count: int) -> dict[str, Any]:
    """Fill, use and reopen the store of a worker."""
    shapes = sample()
    stores = RocksStores(folder)
    states = [State(TopicPartition("state", number), stores.of(number)) for number in range(_PARTITIONS)]
    began = time.process_time()
    entries = _fill(states, visits(shapes, count))
    told: dict[str, Any] = {"visits": count, "entries": entries, "fill_us_per_entry": (time.process_time() - began) / entries * 1e6}
    told["change_us"] = _change_at_random(states, shapes, count)
    told["memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    asyncio.run(stores.close())
    told["disk_mib"] = sum(file.stat().st_size for file in folder.iterdir()) / (1 << 20)
    begun = time.monotonic()
    stores = RocksStores(folder)
    read = asyncio.run(_restart([State(state.at, stores.of(state.at.partition)) for state in states], states))
    told["restart"] = {"entries_read": read, "s": time.monotonic() - begun}
    asyncio.run(stores.close())
    return told


def _fill(states: Sequence[State], filling: Iterator[list[_Entry]]) -> int:
    """As a worker does that reads the changelog: page by page."""
    pages: list[dict[bytes, bytes | None]] = [{} for _ in states]
    total = 0
    for entries in filling:
        number = hash(visit_key_of(entries[0][0])) % len(states)
        pages[number].update(entries)
        total += len(entries)
        if len(pages[number]) >= _PAGE:
            states[number].apply(pages[number], position=states[number].position + len(pages[number]))
            pages[number] = {}
    for state, page in zip(states, pages, strict=True):
        state.apply(page, position=state.position + len(page))
    return total


def _change_at_random(states: Sequence[State], shapes: Sequence[Sequence[_Entry]], count: int) -> float:
    """Microseconds of CPU to find and change a row of any visit, most of which are on disk."""
    rng = random.Random(7)
    began = time.process_time()
    for _ in range(_AT_RANDOM):
        visit = rng.randrange(count)
        key = b"V%09d" % visit + shapes[visit % len(shapes)][0][0]
        state = states[hash(visit_key_of(key)) % len(states)]
        value = state.visit(visit_key_of(key))[key]
        state.apply({key: value}, position=state.position + 1)
    return (time.process_time() - began) / _AT_RANDOM * 1e6


async def _restart(anew: Sequence[State], before: Sequence[State]) -> int:
    read = 0
    for state, last in zip(anew, before, strict=True):
        page = [(b"V%09d\x1fv\x1fhis\x1ft\x1f1" % number, b"r[]") for number in range(_SINCE)]
        read += await state.catch_up(cast("Broker", Changelog(page, start=last.position)))
    return read


if __name__ == "__main__":
    print(json.dumps(large(Path(sys.argv[1]), int(sys.argv[2]))))
