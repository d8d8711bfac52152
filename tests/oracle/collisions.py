"""Random courses of rows that claim what rows of other visits claim, held against who claimed it first.

`python -m tests.oracle.collisions` runs many (part of `make oracle-proof`). A seed is a course. In- and outpatients, their bills
and their lines have the same numbers; lines of the one know their visit, those of the other one their order, which may have a
number for them, too. The stages are the product's own, without brokers, and their lanes are slow or stand. The platform keeps what
comes last of a record: in the end that is a row of the visit that claimed the record first of those that still claim it, of every
other row a person is told, and of no one else.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson

from streams.domain.join.fold import Joiner
from streams.domain.join.withdrawing import WithdrawalLimits
from streams.domain.place.fold import Placer
from streams.domain.records import ReadyRecord
from streams.domain.violations import DeadClass
from streams.mapping import Site, load_site
from tests.oracle.claimants import Claim, Claimants, Where
from tests.oracle.lanes import Lane, PlaceLane
from tests.oracle.stages import PARTITIONS, Stages, joiner_of, placer_of, run_many, values_of
from tests.unit.streams.domain.join.join_rig import DAY_MS, LIMITS, START_MS, envelope

Row = dict[str, Any]

GRACE_MS: Final = 10_000
NUMBERS: Final = ("1", "2")
HEADS: Final = {"w.inpatient": "I", "w.outpatient": "O"}
BILLS: Final = {"w.bill": "I", "w.other_bill": "O"}
ITEMS: Final = ("w.item", "w.other_item")
ORDER: Final = "w.order"
PREFIX_OF: Final = {table: f"{letter}-" for table, letter in (HEADS | BILLS | {"w.item": "I", "w.other_item": "O"}).items()}
KEYS: Final = (
    dict.fromkeys(HEADS, "visit_no") | dict.fromkeys(BILLS, "bill_no") | dict.fromkeys(ITEMS, "row_id") | {ORDER: "order_no"}
)
NUMBER_OF: Final = {"mdtrt_d": "visit_no", "setl_d": "bill_no", "fee_list_d": "item_no"}
WHO: Final = {"mdtrt_d": "ADM_DEPT_NAME", "setl_d": "PSN_NAME", "fee_list_d": "HILIST_NAME"}
SERVICE: Final = dict.fromkeys(HEADS, "mdtrt_d") | dict.fromkeys(BILLS, "setl_d") | dict.fromkeys(ITEMS, "fee_list_d")
ROWS: Final[tuple[Where, ...]] = (
    *((table, number) for table in (*HEADS, *BILLS, ORDER) for number in NUMBERS),
    *((table, number) for table in ITEMS for number in ("7", "8", "9")),
)


@cache
def site(*, apart: bool = False) -> Site:
    """apart: whether `record_prefix` tells the numbers of its tables apart."""
    found = load_site(Path(__file__).parent / "collisions_site" / "site.yaml")
    if not apart:
        return found
    written = found.mappings["two"]
    tables = tuple(one.model_copy(update={"record_prefix": PREFIX_OF.get(one.table)}) for one in written.tables)
    return found.model_copy(update={"mappings": {"two": written.model_copy(update={"tables": tables})}})


@cache
def folds(*, apart: bool = False) -> tuple[Placer, Placer, Joiner]:
    """That of place, of a version of it that looked at no claims, and that of the join."""
    limits, of = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=GRACE_MS)), site(apart=apart)
    return placer_of(of), placer_of(of, claims=False), joiner_of(of, limits)


class Course(Stages):
    """One course. apart: whether prefixes tell the numbers of its tables apart."""

    def __init__(self, seed: int, *, apart: bool = False) -> None:
        self.apart = apart
        placer, _, joiner = folds(apart=apart)
        self.lane = PlaceLane("two", placer, partitions=PARTITIONS)
        super().__init__(Random(seed), {"two": self.lane}, joiner)
        self.rows: dict[Where, Row] = {}
        self.claimants = Claimants()
        self.lsn, self.version = 100, 0
        self.platform: dict[Claim, str] = {}
        self.log: list[bytes] = []

    def run(self) -> list[str]:
        """What went wrong."""
        if self.rng.random() < 0.2:
            self.begin_without()
        for _ in range(self.rng.randrange(8, 40)):
            self.act()
            self.work_for(self.rng.choice((0, 2, 10, 40)))
            self.change_speed()
        self.end()
        self.compare()
        return self.found

    # The database, and place

    def begin_without(self) -> None:
        """Rows that a version placed which looked at no claims; then their tables are read again."""
        now, self.lane.placer, _ = folds(apart=self.apart)
        for where in self.rng.sample(ROWS, self.rng.randrange(2, len(ROWS))):
            self.version += 1
            self.say("c", where, self.made(where))
        self.end()
        self.lane.placer, self.claimants = now, Claimants()
        for where in self.rng.sample(sorted(self.rows), len(self.rows)):
            self.read_one(where)

    def act(self) -> None:
        """A transaction."""
        rng = self.rng
        self.version += 1
        chance = rng.random()
        if chance < 0.06 and self.log:
            for value in self.log[rng.randrange(max(0, len(self.log) - 12), len(self.log)) :]:  # capture sends them again
                self.capture(value)
        elif chance < 0.12:
            self.read()
        elif chance < 0.15:
            self.empty(rng.choice(ITEMS))
        else:
            for _ in range(rng.choice((1, 1, 1, 2))):
                self.write(rng.choice(ROWS))

    def write(self, where: Where) -> None:
        before = self.rows.get(where)
        if before is not None and self.rng.random() < 0.3:
            self.say("d", where, before)
            if self.rng.random() < 0.4:
                self.say("c", where, before | {"who": f"{'/'.join(where)}:{self.version}"})
        else:
            self.say("c" if before is None else "u", where, self.made(where), before=before)

    def made(self, where: Where) -> Row:
        """A row with some content."""
        table, rng = where[0], self.rng
        row: Row = {KEYS[table]: where[1], "who": f"{'/'.join(where)}:{self.version}"}
        if table in BILLS or table in ("w.item", ORDER):
            row["visit_no"] = rng.choice(NUMBERS)
        if table in ITEMS:
            row["item_no"] = rng.choice(NUMBERS)
        if table == "w.other_item":
            row["order_no"] = rng.choice(NUMBERS)
        if table == ORDER:
            row["item_no"] = rng.choice((None, None, *NUMBERS))
        return row

    def read(self) -> None:
        """A snapshot reads some rows."""
        for where in self.rng.sample(sorted(self.rows), min(3, len(self.rows))):
            self.read_one(where)

    def read_one(self, where: Where) -> None:
        self.claimants.stands(where, self.claim(where, self.rows), self.visit(where, self.rows))
        self.capture(envelope(where[0], "r", self.rows[where], at=None, source="two", snapshot="incremental"))

    def empty(self, table: str) -> None:
        for where in [one for one in self.rows if one[0] == table]:
            del self.rows[where]
        self.lsn += 1
        for where in sorted(ROWS):
            if where[0] == table:
                self.claimants.without |= self.claimants.of(where)  # no visit hears of each of these rows
                self.claimants.stands(where, None, None)
        schema, _, name = table.partition(".")
        more = {"lsn": self.lsn, "ts_ms": START_MS, "ts_us": (START_MS + self.lsn) * 1000, "txId": self.version}
        source = {"connector": "postgresql", "name": "two", "schema": schema, "table": name, **more}
        self.log.append(orjson.dumps({"op": "t", "before": None, "after": None, "source": source}))
        self.capture(self.log[-1])

    def say(self, op: str, where: Where, row: Row, *, before: Row | None = None) -> None:
        after = {**self.rows, where: row} if op != "d" else {one: each for one, each in self.rows.items() if one != where}
        concerned = self.concerned(where)
        if any(self.claimants.is_new(self.claim(one, after), self.visit(one, after)) for one in concerned):
            self.end()  # what another visit held last, and gave up, comes too early before that was told
        self.rows = after
        for one in concerned:
            self.claimants.stands(one, self.claim(one, after), self.visit(one, after))
        self.lsn += 1
        more = {"txId": self.version, "ts_us": (START_MS + self.lsn) * 1000}
        self.log.append(envelope(where[0], op, row, at=self.lsn, before=before, source="two", **more))
        self.capture(self.log[-1])

    def concerned(self, where: Where) -> list[Where]:
        """The rows whose visit or claim may change with this one."""
        lines = [one for one, row in self.rows.items() if where[0] == ORDER and row.get("order_no") == where[1] and one[0] != ORDER]
        return [where, *sorted(lines)]

    def claim(self, where: Where, rows: dict[Where, Row]) -> Claim | None:
        service, row = SERVICE.get(where[0]), rows.get(where)
        if row is None or service is None:
            return None
        header = rows.get((ORDER, row["order_no"]), {}) if "order_no" in row else {}
        return service, self.number(where[0], header.get("item_no") or row[NUMBER_OF[service]])

    def number(self, table: str, number: str) -> str:
        """As it is reported."""
        return f"{PREFIX_OF[table] if self.apart else ''}{number}"

    def visit(self, where: Where, rows: dict[Where, Row]) -> str | None:
        row, table = rows.get(where), where[0]
        if row is None or table == ORDER:
            return None
        if table == "w.other_item":
            order = rows.get((ORDER, row["order_no"]))
            return None if order is None else f"O{order['visit_no']}"
        return f"{(HEADS | BILLS).get(table, 'I')}{row['visit_no']}"

    def capture(self, value: bytes) -> None:
        """What capture says."""
        if self.rng.random() < 0.03:
            self.lane.take_over()
        self.now += 1
        said = orjson.loads(value)
        name = KEYS[f"{said['source']['schema']}.{said['source']['table']}"]
        self.place("two", value, orjson.dumps({name: (said["after"] or said["before"] or {name: ""})[name]}))

    # The platform

    def pause(self, lane: Lane) -> int | None:
        del lane
        return 500

    def take(self, record: ReadyRecord) -> None:
        values, visit = values_of(record), record.key.decode()
        self.platform[record.service.value, record.record_key] = values[WHO[record.service.value]]
        prefix = f"{visit[0]}-" if self.apart else ""
        if values["MDTRT_ID"] != f"{prefix}{visit[1]}" or not values.get("SETL_ID", prefix).startswith(prefix):
            self.found.append(f"{record.record_key} of {visit} names {values['MDTRT_ID']}, {values.get('SETL_ID')}")

    def end(self) -> None:
        """Let everything come to its end, and the grace pass."""
        for _ in range(3):
            slow, self.slow = self.slow, [1.0] * len(self.slow)
            super().end()
            self.slow = slow
            for lane in self.lanes:
                self.tick(lane, GRACE_MS if self.rng.random() < 0.5 else DAY_MS // 24)
        while self.is_busy():
            for lane in self.lanes:
                self.fold(lane)
                self.deliver(lane)
                lane.look(self.lanes)

    # The verdict

    def compare(self) -> None:
        told = self.told()
        for where in told - set(self.rows):
            self.found.append(f"{where} is told as colliding, and is not there")
        letters = [letter for letter in self.letters if letter.dead_class is DeadClass.WITHDRAWN]
        for letter in letters:
            if letter.row is not None and letter.row.record_key:
                claim = letter.service, letter.row.record_key
                if claim not in self.claimants.without:
                    self.found.append(f"{claim} is told as withdrawn, and was always claimed")
        for claim, rows in self.claimants.all.items():
            held = [where for where, visit in rows if visit == self.claimants.holder[claim] and self.is_ready(where, visit)]
            says = self.platform.get(claim)
            sent = [where for where in held if self.rows[where]["who"] == says]
            if held and not sent:
                self.found.append(f"{claim}: the platform has {says}, and must have one of {held} of {rows}")
            for where, visit in rows:
                if self.is_ready(where, visit) and (where in told) == (where in sent):
                    self.found.append(f"{claim}: {where} in {visit} is {'' if where in told else 'not '}told of {rows}")

    def told(self) -> set[Where]:
        """The rows of which a letter of the kind is open."""
        found: dict[str, Where] = {}
        for letter in self.letters:
            if letter.rule == "COLLISION" and letter.closed:
                found.pop(letter.identity, None)
            elif letter.rule == "COLLISION" and letter.row is not None:
                found[letter.identity] = letter.row.table, letter.row.key[0]
        return set(found.values())

    def is_ready(self, where: Where, visit: str) -> bool:
        """Whether what the row belongs to is with the platform: else it waits for that, which is another matter."""
        return all(self.claimants.holder.get(parent) == visit for parent in self.parents(where, visit))

    def parents(self, where: Where, visit: str) -> Iterator[Claim]:
        if where[0] in HEADS:
            return
        head = next(table for table, prefix in HEADS.items() if visit[0] == prefix), visit[1]
        yield ("mdtrt_d", self.number(*head)) if head in self.rows else ("", "")
        if where[0] in ITEMS:
            bills = [one for one, row in self.rows.items() if BILLS.get(one[0]) == visit[0] and row["visit_no"] == visit[1]]
            yield ("setl_d", self.number(*bills[0])) if len(bills) == 1 else ("", "")


def faults(seed: int) -> list[str]:
    """What went wrong in one course: of tables whose numbers overlap, and of the same with prefixes, which never meet."""
    return [*Course(seed).run(), *(f"with prefixes: {one}" for one in Course(seed, apart=True).run())]


if __name__ == "__main__":
    sys.exit(run_many("collisions", faults, count=3_000))
