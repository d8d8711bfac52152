"""What one change costs in a stay of few and of many lines: CPU of the fold and of the state on disk, without brokers.

A settlement has ten lines, ten items. Each kind of change is a chunk of its own, as on a quiet lane:

add      a line of a settlement that was reported
settle   a settlement for which ten lines wait
refund   a line that takes one back
correct  a line with another amount
held     a line, while 40 refunds of another item wait in vain for theirs

CPU is that of the lane's thread, the least of nine, once RocksDB is at rest: its own threads write and merge files after a long
stay was made, which slows what runs beside them by up to three times (the calls of both sizes are the same to the last one), and
falls on whatever kind has its turn then.

at_hand: the stay changed just now. cold: it is on disk only, and the worker knows nothing of it.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from streams.domain.changes import Incoming
from streams.domain.join import tallies
from streams.domain.join.entries import is_row, load
from streams.domain.join.fold import Joiner
from streams.domain.join.indexed import Index
from streams.domain.normalise.record import CompiledMapping
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.rocks_store import RocksStores
from streams.lanes.join.state import State
from streams.lanes.join.store import Store
from streams.lanes.ports import TopicPartition
from streams.mapping import compile_site, load_site
from tests.unit.streams.domain.join.join_rig import CHARGE, LIMITS, PATIENT, SETTLE, SITE, START_MS, VISIT, envelope

SIZES: Final = (10, 100, 1_000, 5_000, 20_000)
KINDS: Final = ("add", "settle", "refund", "correct", "held")
_OF_ONE: Final = 10
_ITEMS: Final = 10
_HELD: Final = 40
_TIMES: Final = 9
_SMALL: Final = 1_000
_AT_MOST: Final = 2.0
_REST_S: Final = 0.1
_REST_NS: Final = 1_000_000

_NUMBER: Final = "%07d"


class Stay:
    """A stay of so many reported lines, in the store of a worker."""

    def __init__(self, store: Store, lines: int, mappings: Mapping[str, CompiledMapping]) -> None:
        self._mappings = mappings
        self._store = store
        self._place = 0
        self._next = 1_000_000
        self.lines = lines
        store.clear()
        self._begin_anew()
        for table, row in self._first():
            self.change(table, row)
        self._multiply()
        self._ready("refund")()  # so that a long stay has its sums, as one has that grew

    def _first(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        yield "h.visit", VISIT
        yield "h.visit", VISIT | {"visit_id": "another"}
        for number in range(_OF_ONE):
            yield "h.settle", SETTLE | {"settle_no": "S" + _NUMBER % number}
        for number in range(min(_ITEMS, self.lines)):
            yield "h.charge", self.line(number)

    def line(self, number: int, **columns: Any) -> Mapping[str, Any]:
        """A line of the stay."""
        of = {"charge_id": "C" + _NUMBER % number, "settle_no": "S" + _NUMBER % (number // _OF_ONE)}
        return CHARGE | of | {"item": f"M{number % _ITEMS:02d}"} | columns

    def _multiply(self) -> None:
        """The entries of more lines and settlements, each that of one of the first ones, with other numbers."""
        entries = self._state.visit(b"V1")
        of = {load(key, value).key[0]: (key, value) for key, value in entries.items() if is_row(key)}
        made = {}
        for number in range(_ITEMS, self.lines):
            key, value = of["C" + _NUMBER % (number % _ITEMS)]
            for what, now, first in (("C", number, number % _ITEMS), ("S", number // _OF_ONE, number % _ITEMS // _OF_ONE)):
                new, old = ((what + _NUMBER % one).encode() for one in (now, first))
                key, value = key.replace(old, new), value.replace(old, new)
            made[key] = value
        for number in range(_OF_ONE, -(-self.lines // _OF_ONE)):
            key, value = of["S" + _NUMBER % 0]
            old, new = b"S" + (_NUMBER % 0).encode(), b"S" + (_NUMBER % number).encode()
            made[key.replace(old, new)] = value.replace(old, new)
        sums = tallies.head_of(b"V1", "his")
        told = self._state.get(tallies.key_of(sums, "S" + _NUMBER % 0)) or b""
        made |= {tallies.key_of(sums, "S" + _NUMBER % number): told for number in range(_OF_ONE, -(-self.lines // _OF_ONE))}
        self._state.apply(made, position=self._state.position + len(made))

    def _begin_anew(self) -> None:
        """As a worker that starts."""
        index = Index(self._mappings)
        self._state = State(TopicPartition("state", 0), self._store, index=index)
        self._state._open(self._store.open("growth", index))  # what `catch_up` does, without a broker
        mapping = next(iter(self._mappings.values()))
        self._joiner = Joiner(self._mappings, LIMITS, zone=mapping.dialect.zone)

    def change(self, table: str, row: Mapping[str, Any], op: str = "c") -> float:
        """Fold one change; its CPU in microseconds."""
        self._place += 1
        value: bytes = envelope(table, op, row, at=self._place)  # type: ignore[no-untyped-call]
        incoming = Incoming("visit.changes", 0, self._place, b"{}", value, (), START_MS)
        began = time.thread_time_ns()
        overlay = Overlay(self._state)
        folded = self._joiner.fold(incoming, overlay, self)
        overlay.apply(folded.state)
        self._state.apply(overlay.changed, position=self._state.position + len(overlay.changed))
        self._state.note(folded.missing)
        return (time.thread_time_ns() - began) / 1_000

    def find(self, name: str, key: tuple[str, ...]) -> Mapping[str, Any]:
        """The row of a lookup."""
        del name, key
        return PATIENT

    def new(self) -> int:
        """The number of the next line."""
        self._next += 1
        return self._next

    def cost(self, kind: str, *, cold: bool) -> float:
        """Of one change of this kind, in microseconds."""
        act = self._ready(kind)
        if cold:
            self._begin_anew()
        else:
            for change in ("correct", "refund"):
                self._ready(change)()
        return act()

    def _ready(self, kind: str) -> Callable[[], float]:
        """What is to be measured, after what comes before it."""
        first = "S" + _NUMBER % 0
        match kind:
            case "add" | "held":
                row, op, table = self.line(self.new(), settle_no=first), "c", "h.charge"
            case "refund":
                row, op, table = self.line(self.new(), settle_no=first, amount="-1.00", quantity="-0.1000"), "c", "h.charge"
            case "correct":
                row, op, table = self._corrected(), "u", "h.charge"
            case _:
                settlement = f"T{self.new()}"
                for _ in range(_OF_ONE):
                    self.change("h.charge", self.line(self.new(), settle_no=settlement))
                row, op, table = SETTLE | {"settle_no": settlement}, "c", "h.settle"
        return lambda: self.change(table, row, op)

    def _corrected(self) -> Mapping[str, Any]:
        tens = self.new()  # another content each time
        return self.line(tens % self.lines, amount=f"{tens}0.00", quantity=f"{tens}.0000")

    def hold(self) -> None:
        """Let refunds wait that no line can free."""
        for _ in range(_HELD):
            row = self.line(self.new(), settle_no="S" + _NUMBER % 0, item="MXX", amount="-1.00", quantity="-0.1000")
            self.change("h.charge", row)


def growth(folder: Path) -> dict[str, Any]:
    """By size, whether it is at hand, and kind: microseconds."""
    stores = RocksStores(folder / "state")
    mappings, series = compile_site(load_site(_site(folder))), itertools.count()

    def anew() -> Stay:
        return Stay(stores.of(next(series)), size, mappings)

    found: dict[str, dict[str, dict[str, float]]] = {}
    for size in SIZES:
        told = {where: {kind: _least(anew, size, kind, cold=where == "cold") for kind in KINDS} for where in ("at_hand", "cold")}
        print(f"{size} lines: {told}", file=sys.stderr, flush=True)
        found[f"{size}"] = told
    asyncio.run(stores.close())
    return {"us": found, "ratios": dict(_ratios(found))}


def _least(anew: Callable[[], Stay], size: int, kind: str, *, cold: bool) -> float:
    """Of several changes: in a small stay each in one of its own, because each makes it grow."""
    costs, stay = list[float](), anew()
    _at_rest()
    for number in range(_TIMES):
        if number and size < _SMALL:
            stay = anew()
        if kind == "held" and (not number or size < _SMALL):
            stay.hold()
        costs.append(stay.cost(kind, cold=cold))
    return round(min(costs), 1)


def _at_rest() -> None:
    """Wait until no other thread of this process works."""
    others = -1
    while (now := time.process_time_ns() - time.thread_time_ns()) - others > _REST_NS:
        others = now
        time.sleep(_REST_S)


def _ratios(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Iterator[tuple[str, Any]]:
    few, many = found["10"], found["5000"]
    for where in few:
        for kind in KINDS:
            ratio = round(many[where][kind] / few[where][kind], 2)
            yield f"{kind}, {where}: a stay of 5,000 lines, of one of 10", {"median": ratio, "at_most": _AT_MOST, "rounds": [ratio]}


def _site(folder: Path) -> Path:
    """A site whose lines name their items."""
    (folder / "site").mkdir(parents=True, exist_ok=True)
    for file in SITE.parent.iterdir():
        text = file.read_text("utf-8")
        if file.name == "his.yaml":
            text = text.replace("MED_LIST_CODG: {constant: M1}", "MED_LIST_CODG: item")
        (folder / "site" / file.name).write_text(text, "utf-8")
    return folder / "site" / SITE.name
