"""The stages of a site, the product's own, without brokers: a place lane a source, a join and a deliver lane a partition, and what
the joins look at of each other. Lanes are slow, or stand; workers are replaced; the platform refuses some parents until they come
mended, and keeps what comes last. Courses say what happens in the database, and what must be true of the platform.
"""

import argparse
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Final

import orjson

from streams.domain.changes import Incoming
from streams.domain.join.fold import Joiner
from streams.domain.join.limits import JoinLimits
from streams.domain.place.ended import ENDED_MS
from streams.domain.place.fold import Placer
from streams.domain.place.record_names import record_names
from streams.domain.ready import decode, encode, recalls_in
from streams.domain.records import DeadLetter, ReadyRecord
from streams.domain.ticks import tick_value
from streams.lanes.deliver.orphans import Decision
from streams.mapping import Site, compile_site
from streams.mapping.linking import claiming_tables, counting_tables, direct_visit_keys, further_roles, linked_tables
from tests.oracle.lanes import Lane, PlaceLane
from tests.unit.streams.domain.join.join_rig import START_MS

PARTITIONS: Final = 3
TURNS: Final = 40_000
_SPEEDS: Final = (0.0, 0.03, 0.3, 1.0)


def placer_of(
    site: Site, *, partitions: int = PARTITIONS, claims: bool = True, quiet_ms: int = 0, ended_ms: int = ENDED_MS
) -> Placer:
    """The place stage's fold, with all that it knows of a site. claims: whether it looks at other visits; early ones did not."""
    return Placer(
        direct_visit_keys(site),
        partitions=partitions,
        linked=linked_tables(site),
        names=record_names(compile_site(site)),
        claiming=claiming_tables(site) if claims else {},
        counting=counting_tables(site),
        further=further_roles(site),
        quiet_ms=quiet_ms,
        ended_ms=ended_ms,
    )


def joiner_of(site: Site, limits: JoinLimits) -> Joiner:
    """The join's fold. A visit of two lines is a long one."""
    mappings = compile_site(site)
    limits = replace(limits, lines_a_change=1, few_lines=1, many_lines=1)
    return Joiner(mappings, limits, zone=next(iter(mappings.values())).dialect.zone)


class Stages:
    """The lanes, and what reached the platform. sources: the place lanes by source. quick: no lane is slow."""

    def __init__(self, rng: Random, sources: Mapping[str, PlaceLane], joiner: Joiner, *, quick: bool = False) -> None:
        self.rng = rng
        self.sources = sources
        self.letters: list[DeadLetter] = []
        """Of all lanes, as they were written."""
        self.lanes = [Lane(partition, joiner=joiner, letters=self.letters) for partition in range(PARTITIONS)]
        self.now = START_MS
        self.refused: set[str] = set()
        """Keys of the records that the platform does not take."""
        self.found: list[str] = []
        """What went wrong, in words."""
        self.counts: Counter[str] = Counter()
        self.slow = [1.0 if quick else rng.choice(_SPEEDS) for _ in range(2 * PARTITIONS)]

    def take(self, record: ReadyRecord) -> None:
        """What the platform does with a record that it accepts."""
        raise NotImplementedError

    def hear(self, letters: list[str]) -> None:
        """What a person was told just now."""

    def pause(self, lane: Lane) -> int | None:
        """After how long (ms) a lane is told the time; None: it is not told."""
        return 5_000 if lane.state.waits else None

    def place(self, source: str, value: bytes, key: bytes | None = None) -> None:
        """What capture says, to the lanes."""
        incoming = Incoming(f"rows.{source}", 0, 0, key, value, (), self.now)
        for one in self.sources[source].fold(incoming):
            changes = self.lanes[one.partition].changes
            changes.append(Incoming("visit.changes", one.partition, len(changes), one.key, one.value, one.headers, self.now))

    def work(self) -> None:
        """Something of what lanes and workers may do."""
        rng = self.rng
        lane = rng.choice(self.lanes)
        if rng.random() < self.slow[lane.partition]:
            self.hear(self.fold(lane))
        if rng.random() < self.slow[PARTITIONS + lane.partition]:
            self.deliver(lane)
        chance = rng.random()
        if chance < 0.15:
            rng.choice(self.lanes).look(self.lanes)
        elif chance < 0.2:
            self.tick(rng.choice(self.lanes))
        elif chance < 0.21:
            lane.take_over()

    def fold(self, lane: Lane) -> list[str]:
        """Fold one message; a tick more where that left something to do, as the lane asks for it."""
        told = lane.fold()
        if lane.hurries:
            self.tick(lane, 0)
            lane.hurries = False
        return told

    def work_for(self, turns: int) -> None:
        """So many times."""
        for _ in range(turns):
            self.work()

    def change_speed(self) -> None:
        """Now and then one lane is slower, or faster, from now on."""
        if self.rng.random() < 0.1:
            self.slow[self.rng.randrange(2 * PARTITIONS)] = self.rng.choice(_SPEEDS)

    def tick(self, lane: Lane, later_ms: int | None = None) -> None:
        """Tell a lane the time."""
        later_ms = self.pause(lane) if later_ms is None else later_ms
        if later_ms is not None:
            self.now += later_ms
            for source in self.sources:
                self.place(source, tick_value(self.now, [lane.partition]))

    def deliver(self, lane: Lane) -> None:
        """One batch of one record."""
        let_in = [name for name in lane.aside if name not in lane.shut]
        if freed := lane.orphans.free(1, but={*lane.shut, *lane.aside}):
            self._post(lane, *freed)
        elif let_in and self.rng.random() < 0.5:
            self._catch_up(lane, self.rng.choice(let_in))
        elif lane.delivered < len(lane.ready):
            record = self._record(lane, lane.delivered)
            lane.delivered += 1
            if record.institution in lane.shut or record.institution in lane.aside:
                lane.aside.setdefault(record.institution, deque()).append(lane.delivered - 1)
            else:
                self._settle(lane, record)

    def _catch_up(self, lane: Lane, name: str) -> None:
        """One record of an institution that was set aside, and is let in."""
        those = lane.aside[name]
        self._settle(lane, self._record(lane, those.popleft()))
        if not those:
            del lane.aside[name]

    def _record(self, lane: Lane, place: int) -> ReadyRecord:
        key, value, headers = encode(lane.ready[place], place + 1)
        return decode(Incoming("visit.ready", 0, place, key, value, tuple(headers), self.now))

    def _settle(self, lane: Lane, record: ReadyRecord) -> None:
        if recalls := recalls_in([record]):
            self.counts["recalled"] += lane.orphans.settle([], [], failed_at=0, recalls=recalls).counts.get("recalled", 0)
        elif lane.orphans.left_out([record]):
            lane.orphans.settle([], [record], failed_at=0)
        else:
            self._post(lane, record)

    def _post(self, lane: Lane, record: ReadyRecord) -> None:
        accepted = record.record_key not in self.refused
        if accepted:
            self.counts["delivered"] += 1
            self.take(record)
        lane.orphans.settle([Decision([record], accepted)], [], failed_at=0)

    def hurry(self) -> None:
        """Let no lane stand any more."""
        self.slow = [max(chance, self.rng.choice((0.05, 1.0))) for chance in self.slow]

    def end(self) -> None:
        """Let everything come to its end."""
        for turn in range(TURNS):
            self.work()
            if turn % 20 == 0 and not self.is_busy():
                break
        else:
            self.found.append("it is stuck")

    def is_busy(self) -> bool:
        """Whether a lane has something to do."""
        return any(
            lane.taken < len(lane.changes)
            or lane.delivered < len(lane.ready)
            or lane.orphans.free(1)
            or lane.state.awaited
            or lane.aside
            for lane in self.lanes
        )


def values_of(record: ReadyRecord) -> dict[str, str]:
    """The fields of a record."""
    values: dict[str, str] = orjson.loads(record.value)
    return values


def run_many(name: str, run: Callable[[int], list[str]], *, count: int) -> int:
    """Run the courses that the command line asks for: 0 when none went wrong, 1 when one did. run: one seed's; what went wrong."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.oracle.{name}")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--count", type=int, default=count, help="how many seeds")
    asked = parser.parse_args()
    wrong = 0
    for seed in range(asked.first, asked.first + asked.count):
        if found := run(seed):
            wrong += 1
            print(f"{name}, seed {seed}: {found[0]}", flush=True)
    print(f"{name}, seeds {asked.first} to {asked.first + asked.count - 1}: {wrong} went wrong", flush=True)
    return 1 if wrong else 0
