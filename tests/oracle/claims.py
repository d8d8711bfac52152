"""Random courses of records that go to another visit and come back, by transactions of their own.

`python -m tests.oracle.claims` runs many (part of `make oracle-proof`). A seed is a course. Rows are deleted and inserted again, in
the same table or in another one of the same records; they exchange their numbers through a third one; their visit is emptied and
filled in. Of each number at most one row is there at a time. Two clocks go on, the one of the database's commits and the one of
the capture, now the one fast and now the other. The stages are the product's own, as in `tests/oracle/moves.py`, and the platform
keeps what comes last of a record: in the end what the rows alone say.

In half of the courses the lanes are slow or stand, and nothing is forgotten. In the others they are done with each message before
the next one, the database's clock leaps, and the place stage begins anew or has room for little.
"""

import argparse
import sys
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any, Final

import orjson

from streams.domain.changes import Incoming, tick_value
from streams.domain.join.building import JoinLimits
from streams.domain.join.withdrawing import WithdrawalLimits
from streams.domain.place.ended import MOST, Ended
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING
from streams.domain.place.record_names import record_names
from streams.domain.ready import decode, encode, recalls_in
from streams.domain.records import ReadyRecord
from streams.domain.series import FROM, NUMBER
from streams.domain.trail import left_at
from streams.lanes.deliver.orphans import Decision
from streams.lanes.place.state import MemoryStore
from streams.mapping.linking import direct_visit_keys
from tests.oracle.claimed import KEY_OF, LONELY, RECORDS, VISITS, Row, Where, expected, made, number
from tests.oracle.moving_lane import Lane
from tests.unit.streams.domain.join.join_rig import (
    BILL,
    LIMITS,
    REGISTER,
    SETTLE,
    SITE,
    SOURCES,
    START_MS,
    VISIT,
    envelope,
)

PARTITIONS: Final = 3
GRACE_MS: Final = 10_000
HORIZON_MS: Final = 600_000
SERIES: Final = "his/b"
TURNS: Final = 40_000


@cache
def placer() -> Placer:
    from streams.mapping import compile_site, load_site  # noqa: PLC0415

    site = load_site(SITE)
    return Placer(direct_visit_keys(site), partitions=PARTITIONS, names=record_names(compile_site(site)), ended_ms=HORIZON_MS)


LIMITED: Final = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=GRACE_MS))


class Course:
    """One course."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.limits: JoinLimits = LIMITED
        self.lanes = [Lane(partition, limits=self.limits) for partition in range(PARTITIONS)]
        self.rows: dict[Where, Row] = {}
        """The rows that come and go, by table and row key."""
        self.was: dict[tuple[str, str], str] = {}
        """What was said of a record in a visit last, so that it can come back as it was."""
        self.numbers, self.lsn, self.tx = [1] * PARTITIONS, 100, 1
        self.now = self.committed = START_MS
        self.platform: dict[tuple[str, str], Row] = {}
        self.found: list[str] = []
        self.quick = self.rng.random() < 0.5
        self.room = self.rng.choice((1, 2, MOST)) if self.quick else MOST
        """So many claims the place stage remembers."""
        self.going = NOTHING._replace(ended=Ended(HORIZON_MS, most=self.room))
        self.kept = MemoryStore()
        self.source = self.rng.choice(("his", "many"))
        mine = [name for name, tables in RECORDS.items() if SOURCES[tables[0][0]] == self.source]
        self.names = self.rng.sample(mine, self.rng.randint(1, 3))
        self.refused = set() if self.quick else {f"S{visit}" for visit in VISITS if self.rng.random() < 0.3}
        """Settlements that the platform does not take before they are mended."""
        self.slow = [1.0 if self.quick else self.rng.choice((0.0, 0.03, 0.3, 1.0)) for _ in range(2 * PARTITIONS)]

    def run(self) -> list[str]:
        """What went wrong."""
        for visit in VISITS:
            self.say("h.visit", "c", VISIT | {"visit_id": visit})
            self.say("h.settle", "c", SETTLE | {"settle_no": f"S{visit}", "visit_id": visit})
            self.say("m.register", "c", REGISTER | {"register_no": f"R{visit}", "visit_id": visit})
            self.say("m.bill", "c", BILL | {"bill_no": f"B{visit}", "visit_id": visit})
        for _ in range(self.rng.randrange(4, 24)):
            self.act()
            if self.quick:
                self.end()
                self.strike()
            elif self.refused and self.rng.random() < 0.1:
                self.mend(self.rng.choice(sorted(self.refused)))
            for _ in range(self.rng.choice((0, 2, 10, 40))):
                self.work()
        self.slow = [max(chance, self.rng.choice((0.05, 1.0))) for chance in self.slow]
        self.end()
        for settle in sorted(self.refused):
            self.mend(settle)
        self.end()
        self.compare()
        return self.found

    # The database

    def act(self) -> None:
        """Do something to the row of one record, most often in a transaction of its own."""
        rng, name = self.rng, self.rng.choice(self.names)
        if rng.random() < 0.9:
            self.pass_time()
        where = next((where for where, row in self.rows.items() if number(where, row) == name), None)
        if where is None:
            self.insert(name)
        elif rng.random() < 0.55:
            self.say(where[0], "d", self.rows.pop(where))
        elif name.startswith("I") and rng.random() < 0.4:
            self.exchange(where)
        else:
            self.update(name, where)

    def pass_time(self) -> None:
        self.tx += 1
        leaps = (1, HORIZON_MS - 1, HORIZON_MS + 1, 10 * HORIZON_MS) if self.quick else (1, HORIZON_MS // 40)
        self.committed += self.rng.choice(leaps) if self.rng.random() < 0.3 else self.rng.randrange(3_000)
        self.now += self.rng.choice((1, 10, 100, GRACE_MS // 2, 2 * GRACE_MS) if self.rng.random() < 0.3 else (1, 10))

    def insert(self, name: str) -> None:
        rng = self.rng
        table = rng.choice(RECORDS[name])
        visit = rng.choice(LONELY if name == "R9" else VISITS)
        keys = [key for key in ("N1", "N2", "N3") if (table, key) not in self.rows] if table == "m.numbered_item" else [name]
        row = self.content(table, rng.choice(keys), name, visit)
        self.rows[table, row[KEY_OF[table]]] = row
        self.say(table, "c", row)

    def update(self, name: str, where: Where) -> None:
        """Another content, another visit, or none."""
        before, chance = self.rows[where], self.rng.random()
        visit = before["visit_id"] if chance < 0.4 else self.rng.choice(LONELY if name == "R9" else VISITS)
        after = self.content(where[0], where[1], name, visit or (LONELY if name == "R9" else VISITS)[0])
        if chance > 0.85:
            after["visit_id"] = None
        self.rows[where] = after
        self.say(where[0], "u", after, before=before)

    def exchange(self, where: Where) -> None:
        """Two rows exchange their record numbers, through a third one."""
        others = [other for other in self.rows if other[0] == where[0] == "m.numbered_item" and other != where]
        if not others:
            return
        other = self.rng.choice(others)
        one, two = self.rows[where]["item_id"], self.rows[other]["item_id"]
        for which, name in ((where, "I9"), (other, one), (where, two)):
            self.pass_time()
            before = self.rows[which]
            self.rows[which] = after = before | {"item_id": name}
            self.was[name, f"{after['visit_id']}"] = after["item"]
            self.say(which[0], "u", after, before=before)
            for _ in range(self.rng.choice((0, 4))):
                self.work()

    def content(self, table: str, key: str, name: str, visit: str) -> Row:
        """A row, often with what was said of its record in this visit last."""
        fresh = f"{self.lsn}"
        says = self.was[name, visit] = self.was.get((name, visit), fresh) if self.rng.random() < 0.8 else fresh
        return made(table, key, name, visit, says)

    def mend(self, settle: str) -> None:
        """What the platform refuses comes in another version, which it takes."""
        row = SETTLE | {"settle_no": settle, "visit_id": settle.removeprefix("S")}
        self.refused.remove(settle)
        self.pass_time()
        self.say("h.settle", "u", row | {"total": f"{self.lsn + 9_000}.00"}, before=row)

    # Capture, and place

    def say(self, table: str, op: str, row: Row, *, before: Any = None) -> None:
        self.lsn += 1
        key = orjson.dumps({KEY_OF[table]: row[KEY_OF[table]]})
        value = envelope(
            table, op, row, at=self.lsn, before=before, committed_at=self.committed,
            txId=self.tx, ts_us=self.committed * 1000,
        )  # fmt: skip
        self.place(Incoming("rows.his", 0, self.lsn, key, value, (), self.now))

    def place(self, incoming: Incoming) -> None:
        folded = placer().fold(incoming, source=self.source, going=self.going)
        self.going = folded.going
        for one in folded.placed:
            number = self.numbers[one.partition]
            self.numbers[one.partition] += 1
            more = left_at(one.headers, self.numbers) if one.headers else ()
            headers = ((FROM, SERIES.encode()), (NUMBER, b"%d" % number), *more)
            changes = self.lanes[one.partition].changes
            changes.append(Incoming("visit.changes", one.partition, len(changes), one.key, one.value, headers, self.now))

    def strike(self) -> None:
        """Now and then let the place stage begin anew, now and then after an early version, which kept nothing."""
        assert self.going.ended is not None
        self.kept.write(self.going.ended.take_changes(), {}, position=0)
        if self.rng.random() < 0.1:
            state = self.kept if self.rng.random() < 0.7 else MemoryStore()
            self.going = self.going._replace(ended=Ended.kept(state, HORIZON_MS, begun=True, most=self.room))
            self.kept = state

    # Lanes

    def work(self) -> None:
        rng = self.rng
        lane = rng.choice(self.lanes)
        if rng.random() < self.slow[lane.partition]:
            lane.fold()
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
        if lane.taken == len(lane.changes):
            self.now += 5_000 if lane.state.awaited else self.rng.choice((0, 0, 1_000))
            self.place(Incoming("rows.his", 0, 0, None, tick_value(self.now, [lane.partition]), (), self.now))

    def deliver(self, lane: Lane) -> None:
        if freed := lane.orphans.free(1):
            self.post(lane, *freed)
        elif lane.delivered < len(lane.ready):
            key, value, headers = encode(lane.ready[lane.delivered], lane.delivered + 1)
            record = decode(Incoming("visit.ready", 0, lane.delivered, key, value, tuple(headers), self.now))
            lane.delivered += 1
            if recalls := recalls_in([record]):
                lane.orphans.settle([], [], failed_at=0, recalls=recalls)
            elif lane.orphans.left_out([record]):
                lane.orphans.settle([], [record], failed_at=0)
            else:
                self.post(lane, record)

    def post(self, lane: Lane, record: ReadyRecord) -> None:
        accepted = record.record_key not in self.refused
        if accepted:
            self.platform[record.service.value, record.record_key] = orjson.loads(record.value)
        lane.orphans.settle([Decision([record], accepted)], [], failed_at=0)

    def end(self) -> None:
        """Let everything come to its end."""
        for turn in range(TURNS):
            self.work()
            if turn % 10 == 0 and not self.is_busy():
                break
        else:
            self.found.append("it is stuck")

    def is_busy(self) -> bool:
        return any(
            lane.taken < len(lane.changes) or lane.delivered < len(lane.ready) or lane.orphans.free(1) or lane.state.awaited
            for lane in self.lanes
        )

    def compare(self) -> None:
        """What the platform has with what the database shows."""
        for where, row in self.rows.items():
            if (visit := row["visit_id"]) is None or number(where, row) == "I9":
                continue
            record, must = expected(where, row, visit)
            held = self.platform.get(record, {})
            if (shown := {name: held.get(name) for name in must}) != must:
                self.found.append(f"{record}: the platform holds {shown} and must hold {must}")


def main() -> int:
    """0 when no course went wrong, 1 when one did."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.claims")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--count", type=int, default=6_000, help="how many seeds")
    asked = parser.parse_args()
    wrong = 0
    for seed in range(asked.first, asked.first + asked.count):
        if found := Course(seed).run():
            wrong += 1
            print(f"claims, seed {seed}: {found[0]}", flush=True)
    print(f"claims, seeds {asked.first} to {asked.first + asked.count - 1}: {wrong} went wrong", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
