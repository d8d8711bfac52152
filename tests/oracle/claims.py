"""Random courses of records that go to another visit and come back, by transactions of their own.

`python -m tests.oracle.claims` runs many (part of `make oracle-proof`). A seed is a course. Rows are deleted and inserted again, in
the same table or in another one of the same records; they exchange their numbers through a third one; their visit is emptied and
filled in. Of each number at most one row is there at a time. Two clocks go on, the one of the database's commits and the one of
the capture, now the one fast and now the other. The stages are the product's own, as in `tests/oracle/moves.py`, and the platform
keeps what comes last of a record: in the end what the rows alone say.

In half of the courses the lanes are slow or stand, and nothing is forgotten. In the others they are done with each message before
the next one, the database's clock leaps, and the place stage begins anew or has room for little.
"""

import sys
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any, Final

import orjson

from streams.domain.join.fold import Joiner
from streams.domain.join.withdrawing import WithdrawalLimits
from streams.domain.place.ended import MOST
from streams.domain.place.fold import Placer
from streams.domain.records import ReadyRecord
from streams.mapping import load_site
from tests.oracle.claimed import KEY_OF, LONELY, RECORDS, VISITS, Row, Where, expected, made, number
from tests.oracle.lanes import Lane, PlaceLane
from tests.oracle.stages import PARTITIONS, Stages, joiner_of, placer_of, run_many, values_of
from tests.unit.streams.domain.join.join_rig import BILL, LIMITS, REGISTER, SETTLE, SITE, SOURCES, VISIT, envelope

GRACE_MS: Final = 10_000
HORIZON_MS: Final = 600_000


@cache
def folds() -> tuple[Placer, Joiner]:
    """Those of place and join."""
    site, limits = load_site(SITE), replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=GRACE_MS))
    return placer_of(site, ended_ms=HORIZON_MS), joiner_of(site, limits)


class Course(Stages):
    """One course."""

    def __init__(self, seed: int) -> None:
        rng, (placer, joiner) = Random(seed), folds()
        self.quick = rng.random() < 0.5
        self.room = rng.choice((1, 2, MOST)) if self.quick else MOST
        """So many claims the place stage remembers."""
        sources = {
            source: PlaceLane(source, placer, partitions=PARTITIONS, ended_ms=HORIZON_MS, most=self.room)
            for source in ("his", "many")
        }
        super().__init__(rng, sources, joiner, quick=self.quick)
        self.rows: dict[Where, Row] = {}
        """The rows that come and go, by table and row key."""
        self.was: dict[tuple[str, str], str] = {}
        """What was said of a record in a visit last, so that it can come back as it was."""
        self.lsn, self.tx = 100, 1
        self.committed = self.now
        self.platform: dict[tuple[str, str], dict[str, str]] = {}
        self.source = self.rng.choice(("his", "many"))
        mine = [name for name, tables in RECORDS.items() if SOURCES[tables[0][0]] == self.source]
        self.names = self.rng.sample(mine, self.rng.randint(1, 3))
        self.refused = set() if self.quick else {f"S{visit}" for visit in VISITS if self.rng.random() < 0.3}

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
            self.work_for(self.rng.choice((0, 2, 10, 40)))
        self.hurry()
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
            self.work_for(self.rng.choice((0, 4)))

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
        self.place(SOURCES[table.partition(".")[0]], value, key)

    def strike(self) -> None:
        """Now and then let the place stage begin anew, now and then behind an early version, which kept nothing."""
        if self.rng.random() < 0.1:
            self.sources[self.source].take_over(forgets=self.rng.random() < 0.3)

    # The platform

    def pause(self, lane: Lane) -> int | None:
        if lane.taken < len(lane.changes):
            return None
        return 5_000 if lane.state.awaited else self.rng.choice((0, 0, 1_000))

    def take(self, record: ReadyRecord) -> None:
        self.platform[record.service.value, record.record_key] = values_of(record)

    def compare(self) -> None:
        """What the platform has with what the database shows."""
        for where, row in self.rows.items():
            if (visit := row["visit_id"]) is None or number(where, row) == "I9":
                continue
            record, must = expected(where, row, visit)
            held = self.platform.get(record, {})
            if (shown := {name: held.get(name) for name in must}) != must:
                self.found.append(f"{record}: the platform holds {shown} and must hold {must}")


def faults(seed: int) -> list[str]:
    """What went wrong in one course."""
    return Course(seed).run()


if __name__ == "__main__":
    sys.exit(run_many("claims", faults, count=6_000))
