"""Random courses of rows that move between visits of several partitions, whose lanes are slow, or stand for long.

`python -m tests.oracle.moves` runs many (part of `make oracle-proof`). A seed is a course. The stages are the product's own,
without brokers: place, one join and one deliver lane a partition, and what the joins look at of each other. The platform keeps
what comes last of a record; no older version may come after a newer one, and no line before its settlement. It refuses some
settlements until they come mended: their lines wait, and move meanwhile.
"""

import argparse
import sys
from collections import Counter
from functools import cache
from random import Random
from typing import Any, Final

import orjson

from streams.domain.changes import Incoming, tick_value
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING
from streams.domain.ready import decode, encode, recalls_in
from streams.domain.records import ReadyRecord
from streams.domain.series import FROM, NUMBER
from streams.domain.trail import left_at
from streams.lanes.deliver.orphans import Decision
from streams.mapping.linking import direct_visit_keys
from tests.oracle.moving_lane import Lane
from tests.unit.streams.domain.join.join_rig import CHARGE, SETTLE, SITE, START_MS, VISIT, envelope

PARTITIONS: Final = 3
VISITS: Final = ("V1", "V2", "V3", "V5")
"""V2 and V5 stand in one partition."""
LINES: Final = ("C1", "C2", "C3", "C4")
TOGETHER: Final = "C4"
"""The line that has a settlement of its own, which moves with it."""
SERIES: Final = "his/b"
MENDED: Final = "total"
"""The column in which a settlement was wrong."""
VERSION: Final = "HILIST_NAME"
"""The field that says which version a record is."""
TURNS: Final = 40_000


@cache
def placer() -> Placer:
    from streams.mapping import load_site  # noqa: PLC0415

    return Placer(direct_visit_keys(load_site(SITE)), partitions=PARTITIONS)


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
        self.refused = {f"S{visit}" for visit in VISITS if self.rng.random() < 0.4}
        """Settlements that the platform does not take before they are mended."""
        self.exchanged: set[str] = set()
        """Lines that got the number of another one: of them an older version may come between, but never last."""
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
            if self.refused and self.rng.random() < 0.1:
                self.mend(self.rng.choice(sorted(self.refused)))
            for _ in range(self.rng.choice((0, 2, 10, 40))):
                self.work()
            if self.rng.random() < 0.1:
                self.slow[self.rng.randrange(2 * PARTITIONS)] = self.rng.choice((0.0, 0.03, 0.3, 1.0))
        self.come_last()
        self.slow = [max(chance, self.rng.choice((0.05, 1.0))) for chance in self.slow]
        self.end()
        for settle in sorted(self.refused):
            self.mend(settle)
        self.end()
        self.compare()
        return self.found

    # The database, and place

    def act(self) -> None:
        """Do something to a line: write it, move it, delete it and insert it again."""
        rng, line = self.rng, self.rng.choice(LINES)
        self.version += 1
        if rng.random() < 0.12:
            self.exchange()
            return
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

    def exchange(self) -> None:
        """Two lines get the numbers of each other in one statement, perhaps in other visits."""
        those, tx = [line for line in LINES if line != TOGETHER and line in self.rows], self.version
        if len(those) < 2:
            return
        pair = self.rng.sample(those, 2)
        self.exchanged |= {*pair}
        for row, line in zip([self.rows[one] for one in pair], reversed(pair), strict=True):
            self.version += 1
            self.rows[line] = row | {"charge_id": line, "item": f"{self.version}"}
            self.say("h.charge", "d", row, tx=tx)
            self.lsn -= 1
            self.say("h.charge", "c", self.rows[line], tx=tx)

    def mend(self, settle: str) -> None:
        """What the platform refuses comes in another version, which it takes."""
        row = SETTLE | {"settle_no": settle, "visit_id": settle.removeprefix("S")}
        self.refused.remove(settle)
        self.version += 1
        self.say("h.settle", "u", row | {MENDED: f"{self.version + 1_000}.00"}, before=row, tx=self.version)

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
        if freed := lane.orphans.free(1):
            self.post(lane, *freed)
        elif lane.delivered < len(lane.ready):
            key, value, headers = encode(lane.ready[lane.delivered], lane.delivered + 1)
            record = decode(Incoming("visit.ready", 0, lane.delivered, key, value, tuple(headers), self.now))
            lane.delivered += 1
            if recalls := recalls_in([record]):
                self.counts["recalled"] += lane.orphans.settle([], [], failed_at=0, recalls=recalls).counts.get("recalled", 0)
            elif lane.orphans.left_out([record]):
                lane.orphans.settle([], [record], failed_at=0)
            else:
                self.post(lane, record)

    def post(self, lane: Lane, record: ReadyRecord) -> None:
        accepted = record.record_key not in self.refused
        if accepted:
            self.take(record)
        lane.orphans.settle([Decision([record], accepted)], [], failed_at=0)

    def take(self, record: ReadyRecord) -> None:
        """What the platform does with a record."""
        where = record.service.value, record.record_key
        values = orjson.loads(record.value)
        self.counts["delivered"] += 1
        if where[0] == "fee_list_d":
            version = int(values[VERSION])
            if version < self.platform.get(where, 0) and where[1] not in self.exchanged:
                self.found.append(f"{where}: version {version} came after {self.platform[where]}")
            if ("setl_d", values["SETL_ID"]) not in self.platform:
                self.found.append(f"{where} came before its settlement")
            self.platform[where] = version
        else:
            self.platform[where] = 1

    def told(self, letters: list[str]) -> None:
        self.found += letters

    def end(self) -> None:
        """Let everything come to its end."""
        for turn in range(TURNS):
            self.work()
            if turn % 50 == 0 and not self.is_busy():
                break
        else:
            self.found.append("it is stuck")

    def compare(self) -> None:
        """What the platform has with what the database shows."""
        for line, row in self.rows.items():
            if self.platform.get(("fee_list_d", line), 0) != int(row["item"]):
                self.found.append(f"{line}: an older version stands")

    def is_busy(self) -> bool:
        return any(
            lane.taken < len(lane.changes) or lane.delivered < len(lane.ready) or lane.orphans.free(1) or lane.state.awaited
            for lane in self.lanes
        )


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
