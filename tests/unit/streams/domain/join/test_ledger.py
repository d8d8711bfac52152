"""What a visit was charged is kept up to date, and is what counting all of its lines anew gives."""

from dataclasses import dataclass, field

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.join.fold import Joiner
from streams.domain.join.indexed import Index
from streams.domain.join.ledger import Ledger
from streams.domain.join.visit import Visit
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.state import State
from streams.lanes.ports import TopicPartition
from streams.mapping import compile_site, load_site
from tests.unit.streams.domain.join.join_rig import LIMITS, PATIENT, SITE, Join

AMOUNTS = st.sampled_from([("2.0000", "20.00"), ("1.0000", "10.00"), ("-1.0000", "-10.00"), ("-3.0000", "-30.00"), ("x", "10.00")])
LINES = st.builds(
    lambda key, level, settle, amount: ("line", {"charge_id": key, "level": level, "settle_no": settle} | of(amount)),
    st.sampled_from(["C1", "C2", "C3", "C4", "C5"]),
    st.sampled_from(["A", "A", "B"]),
    st.sampled_from(["S1", "S1", "S2", None]),
    AMOUNTS,
)
ACTS = (
    LINES
    | LINES
    | LINES
    | st.tuples(st.just("delete"), st.sampled_from(["C1", "C2", "C3", "C4", "C5"]))
    | st.tuples(st.just("settle"), st.sampled_from(["S1", "S2"]))
    | st.tuples(st.just("item"), st.tuples(st.sampled_from(["A", "B"]), st.sampled_from(["M1", "M2", None])))
    | st.tuples(st.just("tick"), st.sampled_from([10, 2_000]))
    | st.tuples(st.just("abort"), st.none())
    | st.tuples(st.just("empty"), st.none())
)


def of(amount):
    return {"quantity": amount[0], "amount": amount[1]}


@pytest.fixture(scope="module")
def mappings(tmp_path_factory):
    """The site, with items that a lookup names."""
    folder = tmp_path_factory.mktemp("site")
    for file in SITE.parent.iterdir():
        text = file.read_text("utf-8")
        item = "MED_LIST_CODG: {lookup: patient, by: [level], column: name}"
        (folder / file.name).write_text(
            text.replace("MED_LIST_CODG: {constant: M1}", item) if file.name == "his.yaml" else text, "utf-8"
        )
    return compile_site(load_site(folder / SITE.name))


@dataclass
class Kept(Join):
    """A partition in the worker's own state, of which nothing is at hand."""

    state: State | None = None
    changes: int = 0
    ledgers: list[Ledger] = field(default_factory=list)

    def version(self, name):
        del name
        return self.changes

    def send(self, value, **more):
        incoming, overlay = self.incoming(value)._replace(**more), Overlay(self.state)
        folded = self.joiner.fold(incoming, overlay, self)
        if self.aborts:
            self.aborts = False
            overlay = Overlay(self.state)
            folded = self.joiner.fold(incoming, overlay, self)
        overlay.apply(folded.state)
        self.state.apply(overlay.changed, position=self.offset)
        self.state.keep_ledgers(overlay.ledgers)
        self.state.note(folded.missing)
        self.ready += folded.ready
        self.dead += folded.dead
        return folded

    aborts: bool = False


def act(join, what, about, known):
    match what:
        case "line":
            join.change("h.charge", "u" if about["charge_id"] in known else "c", **about)
        case "delete":
            join.change("h.charge", "d", charge_id=about)
        case "settle":
            join.change("h.settle", settle_no=about)
        case "item":
            join.patients[about[0],] = PATIENT | {"name": about[1]}
            if about[1] is None:
                del join.patients[about[0],]
        case "tick":
            join.tick(after_ms=about)
        case "empty":
            join.send(truncate(join))


def truncate(join):
    join.place += 1
    source = {"connector": "postgresql", "name": "his", "ts_ms": 1, "schema": "h", "table": "charge", "lsn": join.place}
    return orjson.dumps({"op": "t", "before": None, "after": None, "ts_ms": 1, "source": source})


@settings(max_examples=60, deadline=None)
@given(acts=st.lists(ACTS, min_size=4, max_size=25))
def test_what_is_kept_up_to_date_decides_as_counting_anew_does(mappings, acts):
    """A sum that is not true lets a refund go that nobody paid for, or holds one that a patient waits for."""
    zone = mappings["his"].dialect.zone
    anew, kept = (kind(joiner=Joiner(mappings, LIMITS, zone=zone)) for kind in (Join, Kept))
    kept.state = State(TopicPartition("state", 0), index=Index(mappings), at_hand=1, few=1)
    known = set()
    for join in (anew, kept):
        join.patients["A",], join.patients["B",] = PATIENT | {"name": "M1"}, PATIENT | {"name": "M2"}
        join.change("h.visit")
        join.change("h.settle")
    for what, about in acts:
        kept.aborts = what == "abort"
        kept.changes += what == "item"
        for join in (anew, kept):
            act(join, what, about, known)
        known |= {about["charge_id"]} if what == "line" else set()
        assert [(one.record.key, one.record.value) for one in anew.ready] == [
            (one.record.key, one.record.value) for one in kept.ready
        ]
        assert (anew.letters(), anew.closed()) == (kept.letters(), kept.closed())
        agree(kept, mappings["his"])


def agree(kept, mapping):
    """Each ledger, against one that is made of the rows as they are."""
    overlay = Overlay(kept.state)
    visit = Visit(b"V1", mapping, overlay, kept.joiner._recall)
    ledger = visit._ledger
    if ledger is not None and ledger.tag[1] == (kept.changes,):
        visit._ledger = None
        made = visit.made_ledger((kept.changes,), ledger._charge_of)
        if made.tag == ledger.tag:
            assert plain(made) == plain(ledger)
        kept.state.keep_ledgers({(b"V1", "his"): ledger})


def plain(ledger):
    accounts = {of: one for of, one in ledger._accounts.items() if one.records or one.awaited}
    return ledger._lines, accounts, {of: lines for of, lines in ledger._held.items() if lines}
