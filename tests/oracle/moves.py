"""Random courses of rows that move between visits of several partitions, whose lanes are slow, or stand for long.

`python -m tests.oracle.moves` runs many (part of `make oracle-proof`). A seed is a course. The stages are the product's own,
without brokers: place, one join and one deliver lane a partition, and what the joins look at of each other. The platform keeps
what comes last of a record; no older version may come after a newer one, and no line before its settlement.
"""

import argparse
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, Final

import orjson

from streams.domain.changes import Incoming, tick_value
from streams.domain.join.fold import Joiner
from streams.domain.join.moving import NOT_KNOWN, Passed, first_open
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING
from streams.domain.ready import Emission
from streams.domain.series import FROM, NUMBER
from streams.domain.trail import left_at
from streams.lanes.join.passage import Following
from streams.lanes.join.state import Overlay, State
from streams.lanes.marks import JoinMark, joined_upto, seq_of
from streams.lanes.numbers import taken
from streams.lanes.ports import TopicPartition
from streams.mapping.linking import direct_visit_keys
from tests.unit.streams.domain.join.join_rig import CHARGE, LIMITS, PATIENT, SETTLE, SITE, START_MS, VISIT, envelope, mappings

PARTITIONS: Final = 3
VISITS: Final = ("V1", "V2", "V3", "V5")
"""V2 and V5 stand in one partition."""
LINES: Final = ("C1", "C2", "C3", "C4")
TOGETHER: Final = "C4"
"""The line that has a settlement of its own, which moves with it."""
SERIES: Final = "his/b"
VERSION: Final = "HILIST_NAME"
"""The field that says which version a record is."""
TURNS: Final = 40_000


@cache
def joiner() -> Joiner:
    return Joiner(mappings(), LIMITS, zone=mappings()["his"].dialect.zone)


@cache
def placer() -> Placer:
    from streams.mapping import load_site  # noqa: PLC0415

    return Placer(direct_visit_keys(load_site(SITE)), partitions=PARTITIONS)


class Patients:
    """The one that there is."""

    def find(self, name: str, key: tuple[str, ...]) -> Any:
        del name
        return PATIENT | {"patient_id": key[0]}


@dataclass(slots=True)
class Lane:
    """The join and the deliver lane of one partition, and what their transactions left."""

    partition: int
    changes: list[Incoming] = field(default_factory=list)
    stored: dict[bytes, bytes] = field(default_factory=dict)
    ready: list[Emission] = field(default_factory=list)
    mark: JoinMark = field(default_factory=lambda: JoinMark(seq=1))
    taken: int = 0
    delivered: int = 0
    state: State = field(default_factory=lambda: State(TopicPartition("visit.state", 0)))
    following: defaultdict[int, Following] = field(default_factory=lambda: defaultdict(Following))
    passed: Passed = NOT_KNOWN
    told: Passed | None = None

    def take_over(self) -> None:
        """Another worker begins with what is committed."""
        self.state, self.following = State(TopicPartition("visit.state", 0)), defaultdict(Following)
        self.state.apply(self.stored, position=0)
        self.passed, self.told = NOT_KNOWN, None

    def fold(self) -> list[str]:
        """One transaction of one message; the letters that it led to."""
        if self.taken == len(self.changes):
            return []
        incoming, overlay = self.changes[self.taken], Overlay(self.state)
        folded = joiner().fold(incoming, overlay, Patients(), self.passed._replace(is_news=self.passed is not self.told))
        overlay.apply(folded.state)
        self.ready += folded.ready
        self.mark = JoinMark(seq=len(self.ready) + 1, taken=taken(self.mark.taken, [incoming]), left=first_open(overlay))
        self.state.apply(overlay.changed, position=self.taken)
        for key, value in overlay.changed.items():
            self.stored.pop(key, None)
            if value is not None:
                self.stored[key] = value
        self.taken += 1
        if "tick" in folded.counts:
            self.told = self.passed
        return [f"{letter.dead_class.value} {letter.rule} {letter.record_key}" for letter in folded.dead if not letter.closed]

    def look(self, lanes: "list[Lane]") -> None:
        """As `streams.lanes.join.passage` does."""
        news = False
        for partition in self.state.awaited:
            other = lanes[partition]
            text = other.mark.text()
            news |= self.following[partition].saw(joined_upto(text), seq=seq_of(text), delivered=other.delivered + 1)
        if news:
            self.passed = Passed({partition: one.upto for partition, one in self.following.items()})


class Course:
    """One course."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.lanes = [Lane(partition) for partition in range(PARTITIONS)]
        self.rows: dict[str, dict[str, Any]] = {}
        """Lines as they stand in the database."""
        self.settle: dict[str, Any] | None = None
        """The settlement that moves."""
        self.numbers, self.going, self.lsn, self.now, self.version = [1] * PARTITIONS, NOTHING, 100, START_MS, 0
        self.platform: dict[tuple[str, str], int] = {}
        self.found: list[str] = []
        self.counts: Counter[str] = Counter()
        self.slow = [self.rng.choice((0.0, 0.03, 0.3, 1.0)) for _ in range(2 * PARTITIONS)]

    def run(self) -> list[str]:
        """What went wrong."""
        for visit in VISITS:
            self.say("h.visit", "c", VISIT | {"visit_id": visit})
            self.say("h.settle", "c", SETTLE | {"settle_no": f"S{visit}", "visit_id": visit})
        for _ in range(self.rng.randrange(6, 30)):
            self.act()
            for _ in range(self.rng.choice((0, 2, 10, 40))):
                self.work()
            if self.rng.random() < 0.1:
                self.slow[self.rng.randrange(2 * PARTITIONS)] = self.rng.choice((0.0, 0.03, 0.3, 1.0))
        self.come_last()
        self.slow = [max(chance, self.rng.choice((0.05, 1.0))) for chance in self.slow]
        self.end()
        return self.found

    # The database, and place

    def act(self) -> None:
        """Do something to a line: write it, move it, delete it and insert it again."""
        rng, line = self.rng, self.rng.choice(LINES)
        self.version += 1
        before, tx = self.rows.get(line), self.version
        visit = rng.choice(VISITS) if before is None or rng.random() < 0.6 else before["visit_id"]
        settle = "SX" if line == TOGETHER else f"S{visit}"
        after = CHARGE | {"charge_id": line, "visit_id": visit, "settle_no": settle, "item": f"{self.version}"}
        self.rows[line] = after
        settle_first = rng.random() < 0.5
        if line == TOGETHER and settle_first:
            self.settle_in(visit, tx)
        self.write(before, after, tx)
        if line == TOGETHER and not settle_first:
            self.settle_in(visit, tx)

    def settle_in(self, visit: str, tx: int) -> None:
        """Move the settlement that belongs to one line."""
        before, self.settle = self.settle, SETTLE | {"settle_no": "SX", "visit_id": visit}
        self.say("h.settle", "c" if before is None else "u", self.settle, before=before, tx=tx)

    def write(self, before: Any, after: dict[str, Any], tx: int) -> None:
        """Write a line."""
        rng = self.rng
        if before is None:
            self.say("h.charge", "c", after, tx=tx)
        elif rng.random() < 0.2:
            self.say("h.charge", "d", before, tx=tx)
            self.say("h.charge", "c", after, tx=tx)
        else:
            self.say("h.charge", "u", after, before=before, tx=tx)
            if rng.random() < 0.05:  # capture sends it again
                self.lsn -= 1
                self.say("h.charge", "u", after, before=before, tx=tx)

    def come_last(self) -> None:
        """A line that never moved belongs to the settlement that did."""
        if self.settle is not None:
            row = CHARGE | {"charge_id": "C9", "visit_id": self.settle["visit_id"], "settle_no": "SX", "item": "1"}
            self.rows["C9"] = row
            self.say("h.charge", "c", row)

    def say(self, table: str, op: str, row: dict[str, Any], *, before: Any = None, tx: int = 0) -> None:
        self.lsn += 1
        name = {"h.visit": "visit_id", "h.settle": "settle_no", "h.charge": "charge_id"}[table]
        key = orjson.dumps({name: row[name]})
        value = envelope(table, op, row, at=self.lsn, before=before, txId=tx, ts_us=(START_MS + self.lsn) * 1000)
        self.place(Incoming("rows.his", 0, self.lsn, key, value, (), self.now))

    def place(self, incoming: Incoming) -> None:
        folded = placer().fold(incoming, source="his", going=self.going)
        self.going = folded.going
        for one in folded.placed:
            number = self.numbers[one.partition]
            self.numbers[one.partition] += 1
            more = left_at(one.headers, self.numbers) if one.headers else ()
            headers = ((FROM, SERIES.encode()), (NUMBER, b"%d" % number), *more)
            changes = self.lanes[one.partition].changes
            changes.append(Incoming("visit.changes", one.partition, len(changes), one.key, one.value, headers, self.now))

    # Lanes

    def work(self) -> None:
        rng = self.rng
        lane = rng.choice(self.lanes)
        if rng.random() < self.slow[lane.partition]:
            self.told(lane.fold())
        if rng.random() < self.slow[PARTITIONS + lane.partition]:
            self.deliver(lane)
        chance = rng.random()
        if chance < 0.15:
            rng.choice(self.lanes).look(self.lanes)
        elif chance < 0.2:
            self.tick(rng.choice(self.lanes))
        elif chance < 0.21:
            lane.take_over()

    def tick(self, lane: Lane) -> None:
        if lane.state.waits:
            self.now += 5_000
            self.place(Incoming("rows.his", 0, 0, None, tick_value(self.now, [lane.partition]), (), self.now))

    def deliver(self, lane: Lane) -> None:
        if lane.delivered == len(lane.ready):
            return
        record = lane.ready[lane.delivered].record
        lane.delivered += 1
        where = record.service.value, record.key
        values = orjson.loads(record.value)
        self.counts["delivered"] += 1
        if where[0] == "fee_list_d":
            version = int(values[VERSION])
            if version < self.platform.get(where, 0):
                self.found.append(f"{where}: version {version} came after {self.platform[where]}")
            if ("setl_d", values["SETL_ID"]) not in self.platform:
                self.found.append(f"{where} came before its settlement")
            self.platform[where] = version
        else:
            self.platform[where] = 1

    def told(self, letters: list[str]) -> None:
        self.found += letters

    def end(self) -> None:
        for turn in range(TURNS):
            self.work()
            if turn % 50 == 0 and not self.is_busy():
                break
        else:
            self.found.append("it is stuck")
        for line, row in self.rows.items():
            if self.platform.get(("fee_list_d", line), 0) != int(row["item"]):
                self.found.append(f"{line}: an older version stands")

    def is_busy(self) -> bool:
        return any(lane.taken < len(lane.changes) or lane.delivered < len(lane.ready) or lane.state.awaited for lane in self.lanes)


def main() -> int:
    """0 when no course went wrong, 1 when one did."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.moves")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--count", type=int, default=6_000, help="how many seeds")
    asked = parser.parse_args()
    wrong = 0
    for seed in range(asked.first, asked.first + asked.count):
        if found := Course(seed).run():
            wrong += 1
            print(f"moves, seed {seed}: {found[0]}", flush=True)
    print(f"moves, seeds {asked.first} to {asked.first + asked.count - 1}: {wrong} went wrong", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
