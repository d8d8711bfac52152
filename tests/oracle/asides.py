"""Random courses of rows of two institutions that move between visits of several partitions, some of which set one of the
institutions aside.

`python -m tests.oracle.asides` runs many (part of `make oracle-proof`). A seed is a course. Beside what `tests.oracle.moves` asks:
while an institution is aside, the rows of the other one go on, wherever they move; in every second course, in which no row ever
becomes another institution's record (who follows one that does may wait).
"""

import sys
from typing import Any, Final

from streams.domain.records import ReadyRecord
from tests.oracle.moves import LINES, TOGETHER, VERSION, VISITS, Course
from tests.oracle.stages import PARTITIONS, run_many, values_of
from tests.unit.streams.domain.join.join_rig import CHARGE, HOSPITAL, PHARMACY, SETTLE, VISIT

ORGS: Final = {"H": HOSPITAL, "P": PHARMACY}
_OF: Final = {"V1": "H", "V2": "H", "V3": "H", "V5": "H", "V4": "P", "V6": "P", "V8": "P"}
"""Each institution has visits in all partitions."""
_PATIENCE: Final = 6_000
_TOLD: Final = ("KEY_CHANGED_AFTER_REPORT", "DELETED_AFTER_REPORT")


class ApartCourse(Course):
    """One course."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.refused = set()
        self.changes = seed % 2 == 1
        """Whether rows become the other institution's records."""

    def run(self) -> list[str]:
        """What went wrong."""
        for visit, org in _OF.items():
            self.say("h.visit", "c", VISIT | {"visit_id": visit, "org": org})
            self.say("h.settle", "c", SETTLE | {"settle_no": f"S{visit}", "visit_id": visit, "org": org})
        for _ in range(self.rng.randrange(6, 30)):
            if self.rng.random() < 0.25:
                self.shut_or_let_in()
            self.act()
            self.work_for(self.rng.choice((0, 2, 10, 40)))
            self.change_speed()
            if self.rng.random() < 0.05:
                self.sources["his"].take_over()
        self.hurry()
        if not self.changes:
            self.others_go_on()
        for lane in self.lanes:
            lane.shut.clear()
        self.end()
        self.compare()
        return self.found

    def shut_or_let_in(self) -> None:
        """A lane sets an institution aside, or lets all of them in."""
        lane = self.rng.choice(self.lanes)
        lane.shut = set() if lane.shut else {self.rng.choice((HOSPITAL, PHARMACY))}

    def act(self) -> None:
        """Write a line, move it, or make it the other institution's, where it is or as it moves."""
        rng, line = self.rng, self.rng.choice([one for one in LINES if one != TOGETHER])
        self.version += 1
        before, tx = self.rows.get(line), self.version
        visit = rng.choice([*_OF]) if before is None or rng.random() < 0.6 else before["visit_id"]
        org = _OF[visit]
        if before is not None and self.changes and rng.random() < 0.4:  # it becomes the other one's where it is
            visit, org = before["visit_id"], "P" if before["org"] == "H" else "H"
        elif before is not None and (not self.changes or rng.random() < 0.8):  # most rows stay what they are
            org = before["org"]
            visit = visit if _OF[visit] == org else rng.choice([one for one in _OF if _OF[one] == org])
        elif self.changes and rng.random() < 0.3:
            org = rng.choice([*ORGS])
        after = CHARGE | {"charge_id": line, "visit_id": visit, "org": org, "settle_no": f"S{visit}", "item": f"{self.version}"}
        self.rows[line] = after
        self.write(before, after, tx)

    def take(self, record: ReadyRecord) -> None:
        where: Any = (record.service.value, record.institution, record.record_key)
        if where[0] == "fee_list_d":
            version = int(values_of(record)[VERSION])
            if version < self.platform.get(where, 0):
                self.found.append(f"{where}: version {version} came after {self.platform[where]}")
            self.platform[where] = version

    def hear(self, letters: list[str]) -> None:
        self.found += [letter for letter in letters if not any(rule in letter for rule in _TOLD)]

    def others_go_on(self) -> None:
        """One institution is held in all lanes, for long. Of the other one's lines, nothing waits."""
        out = self.rng.choice((HOSPITAL, PHARMACY))
        for lane in self.lanes:
            lane.shut = {out}
        for _ in range(_PATIENCE):
            if not (late := [line for line, row in self.rows.items() if ORGS[row["org"]] != out and not self.has_newest(line)]):
                return
            self.work()
        self.found.append(f"{late} wait for {out}, whose records they never were")

    def has_newest(self, line: str) -> bool:
        """Whether the platform has the line as the database has it."""
        row: Any = self.rows[line]
        where: Any = ("fee_list_d", ORGS[row["org"]], line)
        return self.platform.get(where, 0) == int(row["item"])

    def compare(self) -> None:
        self.found += [f"{line}: an older version stands" for line in self.rows if not self.has_newest(line)]


def faults(seed: int) -> list[str]:
    """What went wrong in one course."""
    return ApartCourse(seed).run()


if __name__ == "__main__":
    assert len({*VISITS}) > PARTITIONS
    sys.exit(run_many("asides", faults, count=6_000))
