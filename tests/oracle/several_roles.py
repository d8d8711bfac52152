"""Random courses of a hospital whose bills are visits and settlements at once, held against one that keeps two tables, a visit and
a settlement for each bill; and, where no visit has two bills, against what its database holds in the end.

Bills come, change, get other keys and numbers, go to other visits, are deleted alone or with an insert in one transaction, and are
emptied; some do not count; lines come before and after them. Capture sends again what it sent, a reading of the whole table finds
what went unseen, and workers change.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from random import Random
from typing import Any, Final

import orjson

from streams.domain.absent import Seen
from streams.domain.place.fold import Placer
from streams.domain.records import Row
from streams.mapping import Site, load_site
from streams.mapping.tables import Table, Which
from tests.oracle.flow import PARTITIONS
from tests.oracle.one_source import Stages
from tests.oracle.stages import placer_of, run_many
from tests.unit.streams.domain.join.join_rig import SITE

BILL, ITEM = "m.bill", "m.item"
AS_SETTLEMENT: Final = "m.bill.settlement"
KEY_OF: Final = {BILL: "bill_no", AS_SETTLEMENT: "bill_no", ITEM: "item_id"}
_SOURCE: Final = "many"
_QUIET_MS: Final = 30_000
_REFUSED: Final = "20.0001"
"""More decimals than the interface has."""
_VISITS: Final = ("V1", "V2", "V3", "V4")


@cache
def site(*, counting: bool) -> Site:
    """One system of the tests of the join, whose bills are both. counting: whether some of them do not count."""
    which = {"state": Which.model_validate(["5"])} if counting else {}
    bill = Table.model_validate({"table": BILL, "roles": ["settlement", "visit"], "key": ["bill_no"], "visit_key": "visit_id"})
    item = Table.model_validate({"table": ITEM, "role": "fee", "key": ["item_id"], "visit_key": "visit_id"})
    plain = load_site(SITE)
    tables = (*bill.model_copy(update={"which": which}).apart(), item)
    mapping = plain.mappings[_SOURCE].model_copy(update={"tables": tables})
    return plain.model_copy(update={"mappings": {_SOURCE: mapping}, "sources": {_SOURCE: plain.sources[_SOURCE]}})


@cache
def placer(*, counting: bool) -> Placer:
    return placer_of(site(counting=counting), partitions=PARTITIONS, quiet_ms=_QUIET_MS)


def placer_of_two_tables(*, counting: bool) -> Placer:
    """Of the hospital that has a table for each role: nothing is placed twice."""
    found = placer_of(site(counting=counting), partitions=PARTITIONS, quiet_ms=_QUIET_MS)
    found._further = {}
    return found


class Course:
    """One course. seed: decides everything."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.counting, self.alone = self.rng.random() < 0.3, self.rng.random() < 0.6
        self.both = Stages(site(counting=self.counting), placer(counting=self.counting))
        self.two = Stages(site(counting=self.counting), placer_of_two_tables(counting=self.counting))
        self.now, self.lsn, self.transaction, self.numbers = 1_714_700_100_000, 100, 500, 0
        self.bills: dict[str, Row] = {}
        self.items: dict[str, Row] = {}
        self.log: list[list[dict[str, Any]]] = []
        """Statements: the changes of each."""
        self.found: list[str] = []
        self.emptied: set[Any] = set()
        """Records that the platform had when the table was emptied: they are told by their count."""

    def run(self) -> list[str]:
        acts = {
            self._bill: 6, self._edit: 5, self._rekey: 2, self._renumber: 2, self._move: 3, self._delete: 3, self._again: 2,
            self._truncate: 0.5, self._line: 4, self._wait: 4, self._repeat: 1, self._unseen: 1, self._change: 0.7,
        }  # fmt: skip
        for act in self.rng.choices([*acts], [*acts.values()], k=self.rng.randint(12, 40)):
            if self.rng.random() < 0.7:
                self.transaction += 1
            act()
            self.now += self.rng.choice((1, 50, 400))
        self.transaction += 1
        self._wait(_QUIET_MS * 4)
        return [*self.found, *(self._wrong() if self.alone else ())][:1]

    # The hospital

    def _free(self) -> list[str]:
        taken = {row["visit_id"] for row in self.bills.values()} if self.alone else set()
        return [one for one in _VISITS if one not in taken]

    def _bill(self) -> None:
        if free := self._free():
            self.numbers += 1
            self._statement([("c", BILL, self._row(f"B{self.numbers}", f"R{self.numbers}", self.rng.choice(free)), None)])

    def _row(self, key: str, number: str, visit: str | None) -> Row:
        ward, total = self.rng.choice(("内科", "外科")), self.rng.choice(("20.00", "30.00", "40.00", "50.00", _REFUSED))
        state = self.rng.choice(("5", "5", "5", "1"))
        return {
            "bill_no": key,
            "register_no": number,
            "visit_id": visit,
            "card": None,
            "ward": ward,
            "total": total,
            "state": state,
        }

    def _one(self) -> Row | None:
        return self.rng.choice([*self.bills.values()]) if self.bills else None

    def _edit(self) -> None:
        if row := self._one():
            new = self._row(f"{row['bill_no']}", f"{row['register_no']}", row["visit_id"])
            self._statement([("u", BILL, new, row)])

    def _renumber(self) -> None:
        """Another number at the platform, and the same key."""
        if row := self._one():
            self.numbers += 1
            self._statement([("u", BILL, row | {"register_no": f"R{self.numbers}"}, row)])

    def _move(self) -> None:
        free = self._free()
        if (row := self._one()) and free:
            self._statement([("u", BILL, row | {"visit_id": self.rng.choice(free)}, row)])

    def _rekey(self) -> None:
        """A delete and a create at one place of the log."""
        if row := self._one():
            self.numbers += 1
            new = row | {"bill_no": f"B{self.numbers}"}
            if self.rng.random() < 0.3 and (free := self._free()):
                new |= {"visit_id": self.rng.choice(free)}
            self._statement([("d", BILL, row, None), ("c", BILL, new, None)], beside=True)

    def _delete(self) -> None:
        if row := self._one():
            self._statement([("d", BILL, row, None)])

    def _again(self) -> None:
        """Deleted and inserted by two statements of one transaction."""
        if row := self._one():
            self._statement([("d", BILL, row, None)])
            self._statement([("c", BILL, self._row(f"{row['bill_no']}", f"{row['register_no']}", row["visit_id"]), None)])

    def _truncate(self) -> None:
        self.emptied |= _outcome(self.both.told)[0].keys()
        self._statement([("t", BILL, {}, None)])
        said = {what[2] for kind, _, _, what in self.both.told if kind == "letter" and what[1] == "TRUNCATE"}
        if said != {(BILL,), (AS_SETTLEMENT,)}:
            self.found.append(f"the table was emptied, and of that is told {said}")

    def _line(self) -> None:
        if self.items and self.rng.random() < 0.4:
            row = self.rng.choice([*self.items.values()])
            self._statement([self.rng.choice((("d", ITEM, row, None), ("u", ITEM, row | {"item": "头孢"}, row)))])
            return
        self.numbers += 1
        row = {"item_id": f"I{self.numbers}", "visit_id": self.rng.choice(_VISITS), "item": "青霉素"}
        self._statement([("c", ITEM, row, None)])

    def _statement(self, changes: list[tuple[str, str, Row, Row | None]], *, beside: bool = False) -> None:
        said = []
        for number, (op, table, row, before) in enumerate(changes):
            self.lsn += 0 if beside and number else 1
            rows = self.bills if table == BILL else self.items
            if op == "t":
                rows.clear()
            elif op == "d":
                rows.pop(f"{row[KEY_OF[table]]}")
            else:
                rows[f"{row[KEY_OF[table]]}"] = row
            said.append(self._envelope(op, table, row, before))
        self.log.append(said)
        self._tell(said)

    def _envelope(self, op: str, table: str, row: Row, before: Row | None, *, snapshot: str = "false") -> dict[str, Any]:
        schema, name = table.split(".")
        source = {"connector": "postgresql", "name": _SOURCE, "schema": schema, "table": name, "snapshot": snapshot}
        source |= {"lsn": self.lsn, "txId": self.transaction, "ts_ms": self.now, "ts_us": self.now * 1000 + self.lsn}
        return {"before": row if op == "d" else before, "after": row if op in ("c", "u", "r") else None, "source": source, "op": op}

    def _tell(self, said: list[dict[str, Any]]) -> None:
        """To both hospitals."""
        for one in said:
            before = len(self.both.told), len(self.two.told)
            self.now += 1
            self.both.take(orjson.dumps(one), self.now)
            for name in ("bill", "bill.settlement") if one["source"]["table"] == "bill" else ("item",):
                self.two.take_of(name, orjson.dumps({**one, "source": {**one["source"], "table": name}}), self.now)
            self._alike(before, f"{one['op']} of {one['source']['table']}")

    def _alike(self, before: tuple[int, int], what: str) -> None:
        one, other = self.both.told[before[0] :], self.two.told[before[1] :]
        if one != other:
            apart = [[repr(said)[:200] for said in these if said not in those] for these, those in ((one, other), (other, one))]
            self.found.append(f"{what} led to {apart[0]}, and with two tables to {apart[1]}, or in another order")

    # What else happens

    def _repeat(self) -> None:
        for said in self.log[self.rng.randint(max(0, len(self.log) - 6), len(self.log)) :]:
            self._tell(said)

    def _unseen(self) -> None:
        """Bills go while nobody reads the log; then their whole table is read again."""
        for row in [row for row in self.bills.values() if self.rng.random() < 0.4]:
            del self.bills[f"{row['bill_no']}"]
        self.log.clear()
        seen = Seen()
        for row in [*self.bills.values()]:
            self._tell([self._envelope("r", BILL, row, None, snapshot="incremental")])
            seen.add((f"{row['bill_no']}",), row["visit_id"])
        before = len(self.both.told), len(self.two.told)
        for stages in (self.both, self.two):
            for table in (BILL, AS_SETTLEMENT):
                for value in stages.absent(table, seen, self.now):
                    stages.take(value, self.now)
        self._alike(before, "what was not found")

    def _change(self) -> None:
        self.both.change_workers()
        self.two.change_workers()

    def _wait(self, ms: int = 0) -> None:
        before = len(self.both.told), len(self.two.told)
        self.now += ms or self.rng.choice((100, 2_000, _QUIET_MS * 2))
        for stages in (self.both, self.two):
            stages.tick(self.now)
            stages.tick(self.now + 1)
        self._alike(before, "time")

    # The verdict, from the database alone

    def _wrong(self) -> Iterator[str]:
        platform, letters = _outcome(self.both.told)
        there = {f"{row['visit_id']}": row for row in self.bills.values() if not self.counting or row["state"] == "5"}
        kept = {("mdtrt_d", row["register_no"]): row["ward"] for row in there.values()}
        kept |= {("setl_d", row["bill_no"]): (row["register_no"], row["total"]) for row in there.values()}
        refused = {where: says for where, says in kept.items() if says[1] == _REFUSED}
        yield from (f"{where} is refused, and nobody was told" for where in refused if not letters[where])
        kept = {where: says for where, says in kept.items() if where not in refused}
        for where, says in kept.items():
            if platform.get(where) != says:
                yield f"{where} is {platform.get(where)} at the platform, and {says} in the database"
            if letters[where]:
                yield f"{where} is in the database, and a letter says {letters[where]}"
        for where in platform.keys() - kept.keys() - refused.keys():
            if where[0] != "fee_list_d" and "WITHDRAWN" not in letters[where] and where not in self.emptied:
                yield f"{where} is not in the database, and nobody was told"
        for row in self.items.values():
            bill = there.get(f"{row['visit_id']}")
            if bill is not None and bill["total"] != _REFUSED:
                says = (bill["register_no"], bill["bill_no"], row["item"])
                if (said := platform.get(("fee_list_d", row["item_id"]))) != says:
                    yield f"line {row['item_id']} is {said} at the platform, and {says} in the database"


def _outcome(told: list[tuple[str, str, str, Any]]) -> tuple[Mapping[Any, Any], Mapping[Any, list[str]]]:
    """What the platform has, by service and number, and the letters that are open."""
    platform: dict[Any, Any] = {}
    letters: defaultdict[Any, list[str]] = defaultdict(list)
    for kind, service, key, what in told:
        if kind == "record":
            says = {
                "mdtrt_d": lambda one: one["ADM_DEPT_NAME"],
                "setl_d": lambda one: (one["MDTRT_ID"], one["MEDFEE_SUMAMT"]),
                "fee_list_d": lambda one: (one["MDTRT_ID"], one["SETL_ID"], one["HILIST_NAME"]),
            }[service](what)
            platform[service, key] = says
            letters[service, key].clear()
        elif kind == "letter":
            letters[service, key].append(what[0])
        elif kind in ("closed", "ended"):
            ended = what if kind == "ended" else "WITHDRAWN"
            letters[service, key] = [one for one in letters[service, key] if one != ended]
    return platform, letters


def faults(seed: int) -> list[str]:
    """What went wrong in one course."""
    return Course(seed).run()


if __name__ == "__main__":
    raise SystemExit(run_many("several_roles", faults, count=5_000))
