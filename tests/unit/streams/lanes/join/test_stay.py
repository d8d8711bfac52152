"""A change of a long stay costs what it changes: counted in entries that are read and calls that are made, not in time."""

import asyncio
import itertools
import sys
from dataclasses import dataclass, field, replace

import pytest

from streams.built import core
from streams.domain.join.fold import Joiner
from streams.domain.join.indexed import Index
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.rocks_store import RocksStore, RocksStores
from streams.lanes.join.state import State
from streams.lanes.ports import TopicPartition
from streams.mapping import compile_site, load_site
from tests.unit.streams.domain.join.join_rig import LIMITS, SITE, Join

OF_ONE = 10
"""Lines of a settlement; and items, so that an item's lines are a tenth of all."""
HELD = 120
KINDS = ("add", "settle", "refund", "correct", "held")
ITEMS = {"line": "item", "visit": "{column: ward, of: visit}", "lookup": "{lookup: patient, by: [item], column: name}"}


@pytest.fixture(scope="module", params=ITEMS)
def mappings(request, tmp_path_factory):
    """The site, with items from the line, its visit, or a lookup."""
    folder = tmp_path_factory.mktemp(request.param)
    for file in SITE.parent.iterdir():
        text = file.read_text("utf-8")
        if file.name == "his.yaml":
            text = text.replace("MED_LIST_CODG: {constant: M1}", f"MED_LIST_CODG: {ITEMS[request.param]}")
        (folder / file.name).write_text(text, "utf-8")
    return compile_site(load_site(folder / SITE.name))


class Counting(RocksStore):
    """A worker's store that counts the entries that are read from it."""

    read = 0

    def _from(self, prefix):
        for entry in super()._from(prefix):
            self.read += 1
            yield entry

    def get(self, key):
        self.read += 1
        return super().get(key)


@pytest.fixture(scope="module")
def stays(mappings, tmp_path_factory):
    """By the number of lines: a stay in which nothing happened yet."""
    stores = RocksStores(tmp_path_factory.mktemp("state") / "state")
    series = itertools.count()

    def stay(lines):
        store = Counting(stores._database, next(series), folder=stores.folder, topic="visit.state")
        return Stay(mappings=mappings, lines=lines, store=store)

    yield stay
    asyncio.run(stores.close())


@dataclass
class Stay(Join):
    """A stay of so many reported lines, in the state of a worker."""

    mappings: dict = field(default_factory=dict)
    lines: int = 0
    store: Counting | None = None

    def __post_init__(self):
        for item in range(OF_ONE):
            self.patients[f"M{item}",] = self.patients["P1",] | {"name": f"N{item}"}
        self.begin()
        self.change("h.visit", ward="M1")
        for number in range(-(-self.lines // OF_ONE)):
            self.change("h.settle", settle_no=f"S{number}")
        for number in range(self.lines):
            self.line(number)

    def begin(self):
        """As a worker that starts."""
        zone = self.mappings["his"].dialect.zone
        self.joiner = Joiner(self.mappings, replace(LIMITS, many_lines=LIMITS.few_lines), zone=zone)
        self.state = State(TopicPartition("state", 0), self.store, index=Index(self.mappings))
        self.state._open(self.store.open("x", Index(self.mappings)))

    def line(self, number, op="c", **columns):
        of = {"charge_id": f"C{number}", "settle_no": f"S{number // OF_ONE}", "item": f"M{number % OF_ONE}"}
        self.change("h.charge", op, **of | columns)

    def send(self, value, **more):
        incoming, overlay = self.incoming(value)._replace(**more), Overlay(self.state)
        folded = self.joiner.fold(incoming, overlay, self)
        overlay.apply(folded.state)
        self.state.apply(overlay.changed, position=self.offset)
        self.state.note(folded.missing)
        self.ready += folded.ready
        return folded

    def cold(self, kind):
        """Entries read, calls made, and records emitted by one change, of which the worker knows nothing."""
        if kind == "settle":
            for number in range(OF_ONE):
                self.line(10_000 + number, settle_no="SX")
        if kind == "held":
            for number in range(HELD):
                self.line(20_000 + number, settle_no="S0", item="M9", amount="-1.00", quantity="-0.1000")
        self.begin()
        self.store.read, calls, before = 0, [0], len(self.ready)

        def count(*_):
            calls[0] += 1

        sys.setprofile(count)
        try:
            self.act(kind)
        finally:
            sys.setprofile(None)
        return self.store.read, calls[0], len(self.ready) - before

    def act(self, kind):
        match kind:
            case "add" | "held":
                self.line(30_000, settle_no="S0", item="M1")
            case "settle":
                self.change("h.settle", settle_no="SX")
            case "refund":
                self.line(30_000, settle_no="S0", item="M1", amount="-1.00", quantity="-0.1000")
            case "correct":
                self.line(1, "u", amount="30.00", quantity="3.0000")


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_costs_the_same_in_a_stay_of_few_and_of_many_lines(stays, kind):
    """A patient in intensive care has thousands of lines: if each change read them, his lane would stand for others."""
    (few, few_calls, emitted), (many, many_calls, alike) = (stays(lines).cold(kind) for lines in (60, 400))
    assert emitted == alike
    assert emitted == (OF_ONE + 1 if kind == "settle" else 1)
    assert few == many
    assert many_calls <= 1.2 * few_calls
    (_, small, _) = stays(OF_ONE).cold(kind)
    assert many_calls <= (3 if core().compiled else 2) * small  # calls within a compiled core are not seen, and most are there
