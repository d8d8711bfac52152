"""Random courses of settlements and lines, against sums that are added up naively from the rows that are left (rule R2).

`python -m tests.oracle.sums` runs many; `--first SEED --count 1` runs one.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from streams.domain.changes import Incoming
from streams.domain.join import tallies
from streams.domain.join.fold import Joiner
from streams.domain.join.indexed import Index
from streams.domain.join.tallies import Tally, is_tally, told_in
from streams.domain.normalise.record import CompiledMapping
from streams.domain.ticks import tick_value
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.state import State
from streams.lanes.join.store import MemoryStore
from streams.lanes.ports import TopicPartition
from streams.mapping import compile_site, load_site
from tests.unit.streams.domain.join.join_rig import CHARGE, LIMITS, PATIENT, SETTLE, SITE, START_MS, VISIT, envelope

_VISITS: Final = ("V1", "V2")
_SETTLEMENTS: Final = ("S1", "S2", "S3")
_LINES: Final = tuple(f"C{number}" for number in range(7))
_AMOUNTS: Final = ("10.00", "20.00", "0.01", "-10.00", "?")
_TABLES: Final = ("h.charge", "h.old_charge")
_WITHIN_MS: Final = 60_000
_OLD: Final = "  - {table: h.old_charge, role: fee, key: [charge_id], visit_key: visit_id, settlement: settle_no, moves: charges}\n"

Row = Mapping[str, Any]
Where = tuple[str, str]
"""Table and number."""


@cache
def mappings(*, moving: bool) -> Mapping[str, CompiledMapping]:
    """The mappings of the join's tests. moving: lines move to a table of old ones."""
    with TemporaryDirectory() as folder:
        for file in SITE.parent.iterdir():
            text = file.read_text("utf-8")
            if moving and file.name == "his.yaml":
                text = text.replace("settlement: settle_no}\n", "settlement: settle_no, moves: charges}\n" + _OLD)
                text += "deletions: {moved_within: 1m}\n"  # no longer than lines are waited for here
            (Path(folder) / file.name).write_text(text, "utf-8")
        return compile_site(load_site(Path(folder) / SITE.name))


class Course:
    """One course. seed: decides everything."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.moving = self.rng.random() < 0.4
        self.rows: dict[Where, dict[str, Any]] = {}
        self.now, self.place, self.offset, self.counted = START_MS, 100, 0, 0
        self.store = MemoryStore()
        self.on = True
        self._begin()

    def _begin(self) -> None:
        """As a worker that starts."""
        of = mappings(moving=self.moving)
        if not self.on:
            off = {name: replace(one, dialect=replace(one.dialect, levels={"R2": "off"})) for name, one in of.items()}
            of = off
        index = Index(of)
        self.state = State(TopicPartition("state", 0), self.store, index=index)
        self.state._open(self.store.open("sums", index))
        self.overlay = Overlay(self.state)
        self.joiner = Joiner(of, LIMITS, zone=of["his"].dialect.zone)

    def find(self, name: str, key: tuple[str, ...]) -> Row:
        """The row of a lookup."""
        del name, key
        return PATIENT

    def _fold(self, value: bytes) -> None:
        self.offset += 1
        folded = self.joiner.fold(Incoming("visit.changes", 0, self.offset, b"{}", value, (), self.now), self.overlay, self)
        self.overlay.apply(folded.state)
        self.counted += folded.counts.get("warned_R2", 0)
        if self.rng.random() < 0.4:
            self._commit()

    def _commit(self) -> None:
        self.state.apply(self.overlay.changed, position=self.state.position + len(self.overlay.changed))
        self.overlay = Overlay(self.state)

    def _say(self, op: str, table: str, row: Row) -> None:
        self.place += 1
        self._fold(envelope(table, op, row, at=self.place))  # type: ignore[no-untyped-call]

    def run(self) -> list[str]:
        """What is wrong in the end."""
        for visit in _VISITS:
            self._say("c", "h.visit", VISIT | {"visit_id": visit})
        acts = {self._line: 10, self._settle: 4, self._delete: 3, self._wait: 2, self._restart: 1, self._forget: 1, self._switch: 1}
        for act in self.rng.choices([*acts], [*acts.values()], k=self.rng.randint(8, 45)):
            act()
        if not self.on:
            self._switch()
        for visit in _VISITS:  # one change of each, so that sums that were dropped are there again
            self._put("h.settle", "S9" + visit, {"visit_id": visit, "total": "1.00"})
        self._wait()
        self._wait()
        self._commit()
        return [*self._wrong()]

    def _put(self, table: str, number: str, columns: Row) -> None:
        base, key = (SETTLE, "settle_no") if table == "h.settle" else (CHARGE, "charge_id")
        before = self.rows.get((table, number))
        row = {**base, **(before or {}), **columns, key: number}
        if before is not None and before["visit_id"] != row["visit_id"]:
            self._say("d", table, before)
            before = None
        self.rows[table, number] = row
        self._say("c" if before is None else "u", table, row)

    def _line(self) -> None:
        table = self.rng.choice(_TABLES) if self.moving else "h.charge"
        columns = {"visit_id": self.rng.choice(_VISITS), "settle_no": self.rng.choice((*_SETTLEMENTS, " S1 ", "", None))}
        self._put(table, self.rng.choice(_LINES), columns | {"amount": self.rng.choice(_AMOUNTS)})

    def _settle(self) -> None:
        total = self.rng.choice((*_AMOUNTS, "30.00", "20.01"))
        self._put("h.settle", self.rng.choice(_SETTLEMENTS), {"visit_id": self.rng.choice(_VISITS), "total": total})

    def _delete(self) -> None:
        if self.rows:
            table, number = self.rng.choice(sorted(self.rows))
            self._say("d", table, self.rows.pop((table, number)))

    def _wait(self) -> None:
        self.now += self.rng.choice((1_000, _WITHIN_MS // 2)) if self.rng.random() < 0.5 else _WITHIN_MS + 1_000
        self._commit()
        self._fold(tick_value(self.now))
        self._commit()
        for after_ms in (_WITHIN_MS + 1_000, 1_000):  # a visit that a tick changes is seen by the next one
            self.now += after_ms
            self._fold(tick_value(self.now))
            self._commit()

    def _restart(self) -> None:
        self._commit()
        self._begin()

    def _forget(self) -> None:
        """The state is as an earlier version left it."""
        self._commit()
        mine = [key for visit in _VISITS for key in self._entries(visit)]
        self.state.apply(dict.fromkeys(mine), position=self.state.position + 1)
        self._begin()

    def _switch(self) -> None:
        """A site that wants the rule no more, and wants it again."""
        self._commit()
        self.on = not self.on
        self._begin()

    def _entries(self, visit: str) -> Mapping[bytes, bytes]:
        return self.state.group(visit.encode() + b"\x1fu")

    def _wrong(self) -> list[str]:
        found = []
        for visit in _VISITS:
            kept = {key: value for key, value in self._entries(visit).items() if key.count(b"\x1f") > 2}
            sums = {key.rpartition(b"\x1f")[2].decode(): tallies.load(value)._replace(deadline=0) for key, value in kept.items()}
            if sums != (naive := self._naive(visit)):
                found.append(f"{visit}: {[*map(str, sums.items())]} instead of {[*map(str, naive.items())]}")
            told = {key.rpartition(b"\x1f")[2].decode() for key, value in kept.items() if told_in(key, value)}
            if told != (differs := {name for name, one in naive.items() if _differs(one)}):
                found.append(f"{visit}: {told} are warned of instead of {differs}")
            assert all(map(is_tally, kept))
        return found

    def _naive(self, visit: str) -> dict[str, Tally]:
        """Added up from the rows that are left."""
        found: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
        lines: dict[str, dict[str, Row]] = defaultdict(dict)
        for (table, number), row in sorted(self.rows.items()):
            if row["visit_id"] != visit:
                continue
            if table == "h.settle":
                _add(found[number], 2, row["total"])
            elif (row["settle_no"] or "").strip():
                lines[number].setdefault("one", row)  # in two tables it is one line
        for of in lines.values():
            _add(found[of["one"]["settle_no"].strip()], 0, of["one"]["amount"])
        return {name: Tally(*sums) for name, sums in found.items()}


def _add(sums: list[int], at: int, amount: str) -> None:
    sums[at + 1] += 1
    if amount == "?":
        sums[4] += 1
    else:
        sums[at] += int(Decimal(amount) * 100)


def _differs(one: Tally) -> bool:
    return one.settlements == 1 and one.lines > 0 and not one.unread and one.lines_cents != one.stated_cents


def faults(seed: int) -> list[str]:
    """What goes wrong in one course."""
    return Course(seed).run()


def main() -> None:
    """Many courses."""
    asked = argparse.ArgumentParser(prog="python -m tests.oracle.sums")
    asked.add_argument("--first", type=int, default=0)
    asked.add_argument("--count", type=int, default=5_000)
    chosen = asked.parse_args()
    wrong = {seed: found for seed in range(chosen.first, chosen.first + chosen.count) if (found := faults(seed))}
    for seed, found in wrong.items():
        print(seed, *found, sep="\n  ")
    print(f"sums: {chosen.count} courses, {len(wrong)} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
