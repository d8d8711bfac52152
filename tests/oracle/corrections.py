"""Random courses of rows whose corrections go by a person alone (`corrections: dead_letter`), against a naive book of what
the platform has of each record, what stands in the hospital, and what was asked.

`python -m tests.oracle.corrections` runs many; `--first SEED --count 1` runs one.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any, Final

from streams.domain.changes import Incoming
from streams.domain.closings import letter_id
from streams.domain.join.fold import Joiner
from streams.domain.join.indexed import Index
from streams.domain.normalise.record import CompiledMapping
from streams.domain.ready import closes
from streams.domain.replay import Replay, replay_value
from streams.domain.ticks import tick_value
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.state import State
from streams.lanes.join.store import MemoryStore
from streams.lanes.ports import TopicPartition
from streams.spec.fields import ServiceCode
from tests.unit.streams.domain.join.join_rig import CHARGE, LIMITS, PATIENT, SETTLE, START_MS, VISIT, envelope, mappings

HELD: Final = "CORRECTION"
_LINES: Final = ("C1", "C2", "C3")
_ITEMS: Final = ("青霉素", "头孢", "葡萄糖")
_MED_TYPES: Final = ("11", "14")

Row = Mapping[str, Any]
Content = tuple[str, str]
"""What of a line changes: its item, and its visit's kind of care."""


@cache
def holding() -> Mapping[str, CompiledMapping]:
    """The mappings of the join's tests, with corrections of fee lines held."""
    of = {}
    for name, mapping in mappings().items():
        fee = replace(mapping.records[ServiceCode.FEE], holds_corrections=True)
        of[name] = replace(mapping, records={**mapping.records, ServiceCode.FEE: fee})
    return of


@dataclass
class Book:
    """One line: what the hospital has, what the platform has, and what a person was told and has not answered."""

    item: str | None = None
    sent: Content | None = None
    withdrawn: bool = False


class Course:
    """One course. seed: decides everything."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.now, self.place, self.offset = START_MS, 100, 0
        self.store = MemoryStore()
        self.med_type = _MED_TYPES[0]
        self.books = {line: Book() for line in _LINES}
        self.sent: list[tuple[str, Content]] = []
        """What must have gone, in order."""
        self.ready: list[tuple[str, Content]] = []
        self.open: dict[str, tuple[str, str]] = {}
        """Letters that nothing closed: by id their class and row."""
        self.told: dict[str, list[str]] = {}
        """By line, the ids of all letters."""
        self._begin()

    def _begin(self) -> None:
        """As a worker that starts."""
        index = Index(holding())
        self.state = State(TopicPartition("state", 0), self.store, index=index)
        self.state._open(self.store.open("corrections", index))
        self.overlay = Overlay(self.state)
        self.joiner = Joiner(holding(), LIMITS, zone=holding()["his"].dialect.zone)

    def find(self, name: str, key: tuple[str, ...]) -> Row:
        """The row of a lookup."""
        del name, key
        return PATIENT

    def _fold(self, value: bytes) -> None:
        self.offset += 1
        folded = self.joiner.fold(Incoming("visit.changes", 0, self.offset, b"{}", value, (), self.now), self.overlay, self)
        self.overlay.apply(folded.state)
        for letter in folded.dead:
            if letter.closed:
                self.open.pop(letter_id(letter), None)
            else:
                self.open[letter_id(letter)] = letter.dead_class.value, letter.record_key
                self.told.setdefault(letter.record_key, []).append(letter_id(letter))
        for one in folded.closed:
            self.open.pop(one.id, None)
        for emission in folded.ready:
            self.open.pop(closes(emission.tail), None)
            if emission.record.service is ServiceCode.FEE:
                self.ready.append((emission.record.key, _content(emission.record.value)))
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
        self._say("c", "h.visit", VISIT | {"med_type": self.med_type})
        self._say("c", "h.settle", SETTLE)
        acts = {self._write: 8, self._visit: 3, self._delete: 2, self._order: 4, self._restart: 1, self._read: 1}
        for act in self.rng.choices([*acts], [*acts.values()], k=self.rng.randint(5, 40)):
            act()
            if wrong := self._wrong():
                return wrong
        return []

    def _row(self, line: str, item: str) -> Row:
        return CHARGE | {"charge_id": line, "item": item}

    def _write(self) -> None:
        """A line comes or changes, perhaps into what it is."""
        line, item = self.rng.choice(_LINES), self.rng.choice(_ITEMS)
        book = self.books[line]
        op, book.item = "c" if book.item is None else "u", item
        self._say(op, "h.charge", self._row(line, item))
        self._tries(line, ordered=False)

    def _read(self) -> None:
        """A line is read again as it is."""
        line = self.rng.choice(_LINES)
        if (item := self.books[line].item) is not None:
            self._fold(envelope("h.charge", "r", self._row(line, item), at=None, snapshot="incremental"))  # type: ignore[no-untyped-call]
            self._tries(line, ordered=False)

    def _visit(self) -> None:
        """The visit changes, and all of its lines with it."""
        self.med_type = self.rng.choice(_MED_TYPES)
        self._say("u", "h.visit", VISIT | {"med_type": self.med_type})
        for line in _LINES:
            self._tries(line, ordered=False)

    def _delete(self) -> None:
        line = self.rng.choice(_LINES)
        book = self.books[line]
        if book.item is not None:
            self._say("d", "h.charge", self._row(line, book.item))
            self._commit()
            self.now += 1_000
            self._fold(tick_value(self.now))
            book.item, book.withdrawn = None, book.sent is not None

    def _order(self) -> None:
        """A person has a line tried again, perhaps twice: by the letter that is open, or by one of before."""
        line = self.rng.choice(_LINES)
        asked = next((one for one, of in self.open.items() if of == (HELD, line)), "")
        letter = self.rng.choice([*self.told.get(line, ()), *([asked] * 3), "5f" * 16]) or "5f" * 16
        for _ in range(self.rng.choice((1, 1, 2))):
            order = Replay("his", "h.charge", {"charge_id": line}, "V1", "night", letter, 0, self.now)
            self._fold(replay_value(order, at=self.now))
            self._tries(line, ordered=asked in ("", letter))

    def _restart(self) -> None:
        self._commit()
        self._begin()

    def _tries(self, line: str, *, ordered: bool) -> None:
        book = self.books[line]
        if book.item is None:
            return
        content = book.item, self.med_type
        if book.sent is None or book.withdrawn or (ordered and book.sent != content):
            self.sent.append((line, content))
            book.sent, book.withdrawn = content, False

    def _wrong(self) -> list[str]:
        asked = {
            ("WITHDRAWN" if book.withdrawn else HELD, line)
            for line, book in self.books.items()
            if book.withdrawn or (book.item is not None and book.sent != (book.item, self.med_type))
        }
        found = [] if sorted(self.sent) == sorted(self.ready) else [f"sent {self.ready} instead of {self.sent}"]
        told = [*self.open.values()]
        return found + ([] if sorted(told) == sorted(asked) else [f"open are {sorted(told)} instead of {sorted(asked)}"])


def _content(value: bytes) -> Content:
    text = value.decode()
    return next(one for one in _ITEMS if one in text), next(one for one in _MED_TYPES if f'"MED_TYPE":"{one}"' in text)


def faults(seed: int) -> list[str]:
    """What goes wrong in one course."""
    return Course(seed).run()


def main() -> None:
    """Many courses."""
    asked = argparse.ArgumentParser(prog="python -m tests.oracle.corrections")
    asked.add_argument("--first", type=int, default=0)
    asked.add_argument("--count", type=int, default=5_000)
    chosen = asked.parse_args()
    wrong = {seed: found for seed in range(chosen.first, chosen.first + chosen.count) if (found := faults(seed))}
    for seed, found in wrong.items():
        print(seed, *found, sep="\n  ")
    print(f"corrections: {chosen.count} courses, {len(wrong)} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
