"""Random courses of rows that move between visits of several partitions, whose lanes are slow, or stand for long.

`python -m tests.oracle.moves` runs many (part of `make oracle-proof`). A seed is a course. No older version may come after
a newer one, and no line before its settlement. The platform refuses some settlements until they come mended: their lines wait, and
move meanwhile.
"""

import sys
from functools import cache
from random import Random
from typing import Any, Final

import orjson

from streams.domain.join.fold import Joiner
from streams.domain.place.fold import Placer
from streams.domain.records import ReadyRecord
from streams.mapping import load_site
from tests.oracle.lanes import PlaceLane
from tests.oracle.stages import PARTITIONS, Stages, joiner_of, placer_of, run_many, values_of
from tests.unit.streams.domain.join.join_rig import CHARGE, LIMITS, SETTLE, SITE, START_MS, VISIT, envelope

VISITS: Final = ("V1", "V2", "V3", "V5")
"""V2 and V5 stand in one partition."""
LINES: Final = ("C1", "C2", "C3", "C4")
TOGETHER: Final = "C4"
"""The line that has a settlement of its own, which moves with it."""
MENDED: Final = "total"
"""The column in which a settlement was wrong."""
VERSION: Final = "HILIST_NAME"
"""The field that says which version a record is."""


@cache
def folds() -> tuple[Placer, Joiner]:
    """Those of place and join."""
    site = load_site(SITE)
    return placer_of(site), joiner_of(site, LIMITS)


class Course(Stages):
    """One course."""

    def __init__(self, seed: int) -> None:
        placer, joiner = folds()
        super().__init__(Random(seed), {"his": PlaceLane("his", placer, partitions=PARTITIONS)}, joiner)
        self.rows: dict[str, dict[str, Any]] = {}
        """Lines as they stand in the database."""
        self.settle: dict[str, Any] | None = None
        """The settlement that moves."""
        self.lsn, self.version = 100, 0
        self.platform: dict[tuple[str, str], int] = {}
        self.refused = {f"S{visit}" for visit in VISITS if self.rng.random() < 0.4}
        self.exchanged: set[str] = set()
        """Lines that got the number of another one: of them an older version may come between, but never last."""

    def run(self) -> list[str]:
        """What went wrong."""
        for visit in VISITS:
            self.say("h.visit", "c", VISIT | {"visit_id": visit})
            self.say("h.settle", "c", SETTLE | {"settle_no": f"S{visit}", "visit_id": visit})
        for _ in range(self.rng.randrange(6, 30)):
            self.act()
            if self.refused and self.rng.random() < 0.1:
                self.mend(self.rng.choice(sorted(self.refused)))
            self.work_for(self.rng.choice((0, 2, 10, 40)))
            self.change_speed()
            if self.rng.random() < 0.05:
                self.sources["his"].take_over()
        self.come_last()
        self.hurry()
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
        self.place("his", value, key)

    # The platform

    def take(self, record: ReadyRecord) -> None:
        where, values = (record.service.value, record.record_key), values_of(record)
        if where[0] == "fee_list_d":
            version = int(values[VERSION])
            if version < self.platform.get(where, 0) and where[1] not in self.exchanged:
                self.found.append(f"{where}: version {version} came after {self.platform[where]}")
            if ("setl_d", values["SETL_ID"]) not in self.platform:
                self.found.append(f"{where} came before its settlement")
            self.platform[where] = version
        else:
            self.platform[where] = 1

    def hear(self, letters: list[str]) -> None:
        self.found += letters

    def compare(self) -> None:
        """What the platform has with what the database shows."""
        for line, row in self.rows.items():
            if self.platform.get(("fee_list_d", line), 0) != int(row["item"]):
                self.found.append(f"{line}: an older version stands")


def faults(seed: int) -> list[str]:
    """What went wrong in one course."""
    return Course(seed).run()


if __name__ == "__main__":
    sys.exit(run_many("moves", faults, count=6_000))
