"""Random courses of a hospital whose jobs move visits, bills and lines between a day and a year table, held against a hospital in
which nothing ever moves: each record is reported once for every content that it had, in that order, and nobody is told anything.

A job deletes (or empties the table) and inserts in one transaction or in two, in either order, hours apart; it numbers lines anew,
or not. Meanwhile what
stands in one table alone is edited, lines come, workers change, and capture sends again what it sent.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import orjson

from tests.oracle.database import BILL, ITEM, KEY_OF, NAMED_ITEM, NUMBERED_ITEM, OTHER_BILL, REGISTER, YEAR_REGISTER, Row, Where
from tests.oracle.flow import Flow
from tests.oracle.messages import Kind, Message, envelope
from tests.oracle.stages import run_many

_SERVICE = {"R1": "mdtrt_d", "B1": "setl_d", "I1": "fee_list_d", "I2": "fee_list_d", "I3": "fee_list_d"}
_TABLES = {"R1": (REGISTER, YEAR_REGISTER), "B1": (BILL, OTHER_BILL)}
_LINES = (ITEM, NAMED_ITEM, NUMBERED_ITEM)
_NUMBER = {"R1": "register_no", "B1": "bill_no"}
_SAYS = {"mdtrt_d": ("ward", "ADM_DEPT_NAME"), "setl_d": ("total", "MEDFEE_SUMAMT"), "fee_list_d": ("item", "HILIST_NAME")}
_CONTENTS = {
    "mdtrt_d": ("内科", "外科", "儿科"),
    "setl_d": ("20.00", "30.00", "40.00"),
    "fee_list_d": ("青霉素", "头孢", "阿司匹林"),
}
_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000
_LONGEST_MS = 20 * _HOUR_MS
"""Less than a mapping awaits what moves."""


@dataclass(slots=True)
class _Record:
    """What one record is, and where its rows stand: in one table, in two, or in none, on its way."""

    name: str
    says: str
    rows: dict[Where, Row] = field(default_factory=dict)
    since: int = 0
    said: list[str] = field(default_factory=list)

    @property
    def service(self) -> str:
        return _SERVICE[self.name]


class Course:
    """One course. seed: decides everything."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.flow = Flow(moves=True)
        self.now = 1_714_700_100_000
        self.lsn, self.transaction, self.numbers = 100, 500, 0
        self.log: list[bytes] = []
        self.records: dict[str, _Record] = {}
        self.found: list[str] = []

    def run(self) -> list[str]:
        for name in ("R1", "B1", "I1"):
            self._begin(name)
        for _ in range(self.rng.randint(15, 40)):
            act = self.rng.choices([self._move, self._edit, self._come, self._wait, self._repeat, self._change], [6, 4, 1, 5, 1, 1])
            act[0]()
        self._settle()
        self._wait(3 * 24 * _HOUR_MS)
        return [*self.found, *self._wrong()]

    # The hospital

    def _begin(self, name: str) -> None:
        record = self.records[name] = _Record(name, self.rng.choice(_CONTENTS[_SERVICE[name]]))
        record.said.append(record.says)
        self._insert(record, _TABLES.get(name, _LINES)[0])

    def _come(self) -> None:
        new = [name for name in ("I2", "I3") if name not in self.records]
        if new:
            self._begin(new[0])

    def _edit(self) -> None:
        """What stands in one place alone may be edited: of two copies, nobody edits one."""
        if alone := [one for one in self.records.values() if len(one.rows) == 1]:
            record = self.rng.choice(alone)
            record.says = self.rng.choice([one for one in _CONTENTS[record.service] if one != record.says])
            record.said.append(record.says)
            ((where, row),) = record.rows.items()
            self._say("u", where, row | {_SAYS[record.service][0]: record.says}, record)

    def _move(self) -> None:
        """A part of a job: the half that was begun goes on, or another one begins."""
        record = self.rng.choice([*self.records.values()])
        self.transaction += 1
        if len(record.rows) != 1:
            self._go_on(record)
            return
        ((where, row),) = record.rows.items()
        record.since = self.now
        both, first = self.rng.random() < 0.4, self.rng.random() < 0.5
        if first:
            self._insert(record, self._elsewhere(record, where[0]))
        if both or not first:
            self._say("d", where, row, record)
        if both and not first:
            self._insert(record, self._elsewhere(record, where[0]))

    def _go_on(self, record: _Record) -> None:
        if record.rows:
            where, row = next(iter(record.rows.items()))
            self._say("d", where, row, record)
        else:
            self._insert(record, self.rng.choice(_TABLES.get(record.name, _LINES)))

    def _elsewhere(self, record: _Record, table: str) -> str:
        return self.rng.choice([one for one in _TABLES.get(record.name, _LINES) if one != table])

    def _insert(self, record: _Record, table: str) -> None:
        row: Row = {"visit_id": "V1", _NUMBER.get(record.name, "item_id"): record.name, _SAYS[record.service][0]: record.says}
        row |= {REGISTER: {"card": None}, YEAR_REGISTER: {"card": None}, NAMED_ITEM: {"bill_no": "B1"}}.get(table, {})
        if table == NUMBERED_ITEM:
            self.numbers += 1
            row["row_id"] = f"N{self.numbers}"
        self._say("c", (table, row[KEY_OF[table]]), row, record)

    def _say(self, op: str, where: Where, row: Row, record: _Record) -> None:
        if op == "d":
            del record.rows[where]
        else:
            record.rows[where] = row
        self.lsn += 1
        place: Any = {"lsn": self.lsn, "ts_us": self.now * 1000 + self.lsn, "snapshot": "false", "transaction": self.transaction}
        alone = all(one is record or where[0] not in {table for table, _ in one.rows} for one in self.records.values())
        if op == "d" and alone and self.rng.random() < 0.3:
            self.log.append(_truncate(where[0], row, **place))
        else:
            self.log.append(envelope(op, where[0], row, **place))
        self._capture(self.log[-1])
        if orjson.loads(self.log[-1])["op"] == "t":  # something else goes on, and the grace passes
            self.transaction += 1
            self.flow.placing["many"].hear(f"{self.transaction}", self.now)
            self._wait(1_000)

    # What else happens

    def _capture(self, value: bytes) -> list[str]:
        self.now += 1
        return self.flow.take("many", value, Message(kind=Kind.ROW, at=self.now, value=value))

    def _repeat(self) -> None:
        begin = self.rng.randint(max(0, len(self.log) - 8), len(self.log))
        for value in self.log[begin:]:
            if led_to := self._capture(value):
                self.found.append(f"what was sent before led to {led_to}")

    def _change(self) -> None:
        self.flow.change_workers(Message(kind=Kind.WORKER, at=self.now))

    def _wait(self, ms: int = 0) -> None:
        """Time passes; no job takes longer than it may."""
        left = ms or self.rng.choice((1_000, 10 * _MINUTE_MS, 3 * _HOUR_MS))
        while left > 0:
            late = [one for one in self.records.values() if len(one.rows) != 1 and self.now - one.since > _LONGEST_MS - _HOUR_MS]
            for record in late:
                self.transaction += 1
                self._go_on(record)
            step = min(left, _HOUR_MS // 2)
            self.now += step
            left -= step
            for _ in range(2):
                self.flow.tick(Message(kind=Kind.TICK, at=self.now))

    def _settle(self) -> None:
        for record in self.records.values():
            if len(record.rows) != 1:
                self.transaction += 1
                self._go_on(record)

    # The verdict

    def _wrong(self) -> Iterator[str]:
        for kind, service, key, what in self.flow.told:
            if kind != "record":
                yield f"{kind} of {service} {key}: {what}"
        for record in self.records.values():
            sent = [what for kind, _, key, what in self.flow.told if kind == "record" and key == record.name]
            said = [one[_SAYS[record.service][1]] for one in sent]
            if [*said[-1:]] != record.said[-1:] or not _in_order(said, record.said):
                yield f"{record.name} was reported as {said}, and was {record.said}"
            if any(one == other for one, other in pairwise(sent)):
                yield f"{record.name} was reported twice as it is"


def _truncate(table: str, row: Row, **place: Any) -> bytes:
    """The only row of a table goes with all of it."""
    told = orjson.loads(envelope("d", table, row, **place))
    return orjson.dumps({**told, "op": "t", "before": None})


def _in_order(some: list[str], of: list[str]) -> bool:
    """Whether these contents come one after the other among all; a line is sent once more where its bill is another one."""
    left = iter(of)
    distinct = [one for number, one in enumerate(some) if number == 0 or one != some[number - 1]]
    return all(one in left for one in distinct)


def faults(seed: int) -> list[str]:
    """What went wrong in one course."""
    return Course(seed).run()


if __name__ == "__main__":
    raise SystemExit(run_many("by_night", faults, count=3_000))
