"""Random courses of a hospital that edits lines by deleting them and inserting them again under new ids, held against a list of
what each line is: the record of the equal line that its transaction deleted before, or its own.

Transactions delete, insert and change lines of several visits, some lines more than once; capture sends again what it sent, reads
rows ahead of the log, and reads the whole table again after lines went unseen; workers change; bills come late.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Final

import orjson

from streams.domain.absent import Seen
from streams.domain.place.fold import Placer
from streams.domain.records import Row
from streams.mapping import Site, load_site
from streams.mapping.settled import Renumbered
from streams.mapping.sources import Source
from tests.oracle.flow import PARTITIONS
from tests.oracle.one_source import Stages
from tests.oracle.stages import placer_of, run_many
from tests.unit.streams.domain.join.join_rig import SITE

_SOURCE: Final = "many"
_KEYS: Final = {"m.register": "register_no", "m.bill": "bill_no", "m.item": "item_id"}
_QUIET_MS: Final = 30_000
_VISITS: Final = ("1", "2")
_SAME: Final = ("visit_id", "item", "note")


@cache
def site() -> Site:
    """One system of the tests of the join, whose lines come again under new ids."""
    plain = load_site(SITE)
    by_name = {table.table: table for table in plain.mappings[_SOURCE].tables}
    more = {"renumbered": Renumbered(same=_SAME), "record_prefix": "L-", "fields": {"RX_DRORD_NO": Source(column="doctor")}}
    tables = (by_name["m.register"], by_name["m.bill"], by_name["m.item"].model_copy(update=more))
    mapping = plain.mappings[_SOURCE].model_copy(update={"tables": tables})
    return plain.model_copy(update={"mappings": {_SOURCE: mapping}, "sources": {_SOURCE: plain.sources[_SOURCE]}})


@cache
def placer() -> Placer:
    return placer_of(site(), partitions=PARTITIONS, quiet_ms=_QUIET_MS)


@dataclass(slots=True)
class _Line:
    """A line, and which record it is. known: whether that was reported."""

    row: Row
    record: str
    known: bool


class Course:
    """One course. seed: decides everything."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.stages = Stages(site(), placer())
        self.now, self.lsn, self.transaction, self.numbers = 1_714_700_100_000, 100, 500, 0
        self.lines: dict[str, _Line] = {}
        self.billed: set[str] = set()
        self.log: list[bytes] = []
        self.said: dict[str, list[Any]] = {}
        """By record, what is to be sent of it."""
        self.moved: set[str] = set()
        """Records of lines that another visit got: there they wait for the former one, and what is true meanwhile is not sent."""
        self.gone: set[str] = set()
        """Records of which is to be told that they have no line."""
        self.found: list[str] = []
        self.read: set[Any] = set()
        """Lines of the transaction that were read ahead of the log."""

    def run(self) -> list[str]:
        late = self.rng.random() < 0.3
        for visit in _VISITS:
            self.transaction += 1
            self._say("c", "m.register", {"register_no": f"R{visit}", "visit_id": visit, "ward": "内科", "card": None})
            if not late:
                self._bill(visit)
        acts = {self._transact: 10, self._wait: 4, self._repeat: 1, self._read: 1, self._change: 1}
        for act in self.rng.choices([*acts], [*acts.values()], k=self.rng.randint(8, 25)):
            act()
            self.now += self.rng.choice((1, 50, 400))
            if late and self.rng.random() < 0.1:
                self._bill(self.rng.choice(_VISITS))
        for visit in _VISITS:
            self._bill(visit)
        self.transaction += 1
        self._wait(_QUIET_MS * 4)
        return [*self.found, *self._wrong()][:1]

    # The hospital

    def _bill(self, visit: str) -> None:
        """From now on the visit's lines are settled."""
        if visit not in self.billed:
            self.transaction += 1
            self.billed.add(visit)
            self._say("c", "m.bill", {"bill_no": f"B{visit}", "visit_id": visit, "total": "20.00"})
            for line in self.lines.values():
                if line.row["visit_id"] == visit:
                    self._reports(line)

    def _transact(self) -> None:
        """Some lines of a visit go and come, in whatever order; sometimes all go first, as most systems do it."""
        self.transaction += 1
        freed: list[_Line] = []
        self.read.clear()
        acts = [self.rng.choice("ddccccum") for _ in range(self.rng.randint(1, 8))]
        for act in sorted(acts, reverse=True) if self.rng.random() < 0.5 else acts:
            free = [line for line in self.lines.values() if line.row["item_id"] not in self.read]
            line = self.rng.choice(free) if free else None
            if act == "c":
                self._insert(freed)
            elif line is not None and act == "d":
                self._delete(line, freed)
            elif line is not None and act == "u":
                self._edit(line)
            elif line is not None and self.rng.random() < 0.3:
                self._move(line)
        self.gone |= {line.record for line in freed if line.known}

    def _insert(self, freed: list[_Line]) -> None:
        self.numbers += 1
        was = self.rng.choice(freed).row if freed and self.rng.random() < 0.8 else None
        row: Row = {"item_id": f"{self.numbers}", "visit_id": self.rng.choice(_VISITS), "item": self.rng.choice(("药", "针"))}
        row |= {"note": self.rng.choice(("a", None)), "doctor": self.rng.choice(("D1", "D2"))}
        row |= {} if was is None else {name: was[name] for name in _SAME}
        if was is not None and self.rng.random() < 0.1 and f"{was['item_id']}" not in self.lines:
            row["item_id"] = was["item_id"]
        line = _Line(row, f"L-{row['item_id']}", known=False)
        equal = [one for one in freed if one.known and (one.row["item_id"] == row["item_id"] or _equal(one.row, row))]
        own = [one for one in equal if one.row["item_id"] == row["item_id"] and one.row["visit_id"] == row["visit_id"]]
        ahead = self.rng.random() < 0.05 and not own and row["item_id"] == f"{self.numbers}"
        if ahead:  # it is read before the log comes to it, as the transaction left it
            self.read.add(row["item_id"])
            self._take(self._envelope("r", "m.item", row, None, snapshot="incremental"))
        elif took := (own or equal)[:1]:
            freed.remove(took[0])
            line.record, line.known = took[0].record, True
        self.lines[f"{row['item_id']}"] = line
        self._say("c", "m.item", row)
        self._reports(line)

    def _delete(self, line: _Line, freed: list[_Line]) -> None:
        del self.lines[f"{line.row['item_id']}"]
        freed.append(line)
        self._say("d", "m.item", line.row)

    def _edit(self, line: _Line) -> None:
        before, line.row = line.row, line.row | {self.rng.choice(("item", "doctor")): self.rng.choice(("药", "D1", "D3"))}
        self._say("u", "m.item", line.row, before)
        self._reports(line)

    def _move(self, line: _Line) -> None:
        before = line.row
        self._has_moved(line)
        self._say("u", "m.item", line.row, before)
        self._reports(line)

    def _has_moved(self, line: _Line) -> None:
        """To another visit, where it has its own number, and counts as reported: nobody but the other visit knows."""
        visit = self.rng.choice([one for one in _VISITS if one != line.row["visit_id"]])
        line.row = line.row | {"visit_id": visit}
        own = f"L-{line.row['item_id']}"
        if line.known and line.record != own:
            self.gone.add(line.record)
        line.record, line.known = own, True
        self.moved.add(own)

    def _reports(self, line: _Line) -> None:
        """What is sent of a line now, where its visit is billed."""
        visit = line.row["visit_id"]
        if visit in self.billed:
            line.known = True
            content = [f"R{visit}", f"B{visit}", line.row["item"], line.row["doctor"]]
            said = self.said.setdefault(line.record, [])
            if [content] != said[-1:]:
                said.append(content)

    def _say(self, op: str, table: str, row: Row, before: Row | None = None) -> None:
        self.lsn += 1
        self.log.append(self._envelope(op, table, row, before))
        self._take(self.log[-1])

    def _take(self, value: bytes) -> None:
        self.now += 1
        self.stages.take(value, self.now)

    def _envelope(self, op: str, table: str, row: Row, before: Row | None, *, snapshot: str = "false") -> bytes:
        schema, name = table.split(".")
        source = {"connector": "postgresql", "name": _SOURCE, "schema": schema, "table": name, "snapshot": snapshot}
        source |= {"lsn": self.lsn, "txId": self.transaction, "ts_ms": self.now, "ts_us": self.now * 1000 + self.lsn}
        images = {"before": row if op == "d" else before, "after": None if op == "d" else row}
        return orjson.dumps({**images, "source": source, "op": op})

    # What else happens

    def _repeat(self) -> None:
        before = len(self.stages.told)
        for value in self.log[self.rng.randint(max(0, len(self.log) - 20), len(self.log)) :]:
            self._take(value)
        # A recall is of what waits in its own visit, where the line stands no more.
        if said := [one for one in self.stages.told[before:] if one[0] != "recall"]:
            self.found.append(f"what was sent before led to {said}")

    def _read(self) -> None:
        """Lines go, and go to another visit, while nobody reads the log; then their whole table is read again."""
        self.transaction += 1
        self._wait(_QUIET_MS * 4)
        for line in [line for line in self.lines.values() if self.rng.random() < 0.2]:
            del self.lines[f"{line.row['item_id']}"]
            self.gone |= {line.record} if line.known else set()
        self.log.clear()
        moved = [line for line in self.lines.values() if self.rng.random() < 0.15]
        for line in moved:
            self._has_moved(line)
        seen, before = Seen(), len(self.stages.told)
        for line in self.lines.values():
            self._take(self._envelope("r", "m.item", line.row, None, snapshot="incremental"))
            seen.add((f"{line.row['item_id']}",), line.row["visit_id"])
            if line in moved:
                self._reports(line)
        if (said := self.stages.told[before:]) and not moved:
            self.found.append(f"what was read as it is led to {said}")
        for value in self.stages.absent("m.item", seen, self.now):
            self._take(value)

    def _change(self) -> None:
        self.stages.change_workers()

    def _wait(self, ms: int = 0) -> None:
        self.now += ms or self.rng.choice((100, 2_000, _QUIET_MS * 2))
        for after in range(3):
            self.stages.tick(self.now + after)

    # The verdict

    def _is_right(self, record: str, sent: list[Any], *, stands: bool) -> bool:
        """Whether that is what was to be sent of a record, of one that moved at least its last state in the order of the others."""
        said = self.said.get(record, [])
        if record not in self.moved:
            return sent == said
        rest = iter(said)
        return all(one in rest for one in sent) and (not stands or sent[-1:] == said[-1:])

    def _wrong(self) -> Iterator[str]:
        sent: dict[str, list[Any]] = {}
        letters: dict[str, str] = {}
        for kind, service, key, what in self.stages.told:
            if kind == "record" and service == "fee_list_d":
                said = sent.setdefault(key, [])
                content = [what["MDTRT_ID"], what["SETL_ID"], what["HILIST_NAME"], what["RX_DRORD_NO"]]
                said += [] if [content] == said[-1:] else [content]
                letters.pop(key, None)
            elif kind == "letter":
                letters[key] = what[0]
            elif kind in ("closed", "ended"):
                letters.pop(key, None)
        there = {line.record for line in self.lines.values()}
        if len(there) < len(self.lines):
            yield "two lines are one record"
        for record in {*sent, *self.said}:
            if not self._is_right(record, sent.get(record, []), stands=record in there):
                yield f"{record} was sent as {sent.get(record)}, and is {self.said.get(record)}"
        gone = self.gone - there
        untold = {record for record in gone - {*letters} if not (record in self.moved and record not in sent)}
        if {*letters.values()} - {"WITHDRAWN"} or {*letters} - gone or untold:
            yield f"told is {letters}, and gone are {self.gone - there}"


def _equal(one: Row, other: Row) -> bool:
    return all(one[name] == other[name] for name in _SAME)


def faults(seed: int) -> list[str]:
    """What went wrong in one course."""
    return Course(seed).run()


if __name__ == "__main__":
    raise SystemExit(run_many("renumbered", faults, count=5_000))
