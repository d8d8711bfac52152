"""What a visit was charged stands in sums, which are at all times what adding up the lines' entries gives."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.domain.join.entries import SEPARATOR, load
from streams.domain.join.fold import Joiner
from streams.domain.join.indexed import Index
from streams.domain.join.ledger import dump_total, head_of, is_sum, load_total
from streams.errors import Newer
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.state import State
from streams.lanes.ports import TopicPartition
from streams.mapping import compile_site, load_site
from tests.unit.streams.domain.join.join_rig import LIMITS, PATIENT, SITE, Join, is_row

ALWAYS, LATE, NEVER = (-1, 1_000), (1_000, 1), (1_000, 1_000)
"""Of a visit of more lines than so many, sums are kept; of more entries, it is not read whole: then, from the first refund on."""
CONSTANT = "MED_LIST_CODG: {constant: M1}"
READ_FROM = {
    "line": ("his", {CONSTANT: "MED_LIST_CODG: item"}),
    "lookup": ("his", {CONSTANT: "MED_LIST_CODG: {lookup: patient, by: [level], column: name}"}),
    "visit": ("his", {CONSTANT: "MED_LIST_CODG: {column: ward, of: visit}"}),
    "shared": (
        "many",
        {CONSTANT: "MED_LIST_CODG: item", "CNT: {constant: 2}": "CNT: quantity", "SUMAMT: {constant: 20}": "SUMAMT: amount"},
    ),
}
"""Where the item of a line stands; and that of lines of which two can be one record."""
KEYS = ["C1", "C2", "C3", "C4", "C5"]
AMOUNTS = st.sampled_from([("2.0000", "20.00"), ("1.0000", "10.00"), ("-1.0000", "-10.00"), ("-3.0000", "-30.00"), ("x", "10.00")])
LINES = st.tuples(
    st.just("line"),
    st.tuples(st.sampled_from(KEYS), st.sampled_from(["A", "A", "B"]), st.sampled_from(["S1", "S1", "S2", None]), AMOUNTS),
)
ACTS = (
    LINES
    | LINES
    | LINES
    | st.tuples(st.just("delete"), st.sampled_from(KEYS))
    | st.tuples(st.just("settle"), st.sampled_from(["S1", "S2"]))
    | st.tuples(st.just("item"), st.tuples(st.sampled_from(["A", "B"]), st.sampled_from(["M1", "M2", None])))
    | st.tuples(st.just("tick"), st.sampled_from([10, 2_000]))
    | st.tuples(st.sampled_from(["abort", "empty", "restart"]), st.none())
)
COURSES = st.lists(ACTS, min_size=4, max_size=25)


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """The site, once for each place where items can stand."""
    found = {}
    for name, (source, replaced) in READ_FROM.items():
        folder = tmp_path_factory.mktemp(name)
        for file in SITE.parent.iterdir():
            text = file.read_text("utf-8")
            for old, new in replaced.items() if file.name == f"{source}.yaml" else ():
                text = text.replace(old, new)
            (folder / file.name).write_text(text, "utf-8")
        found[name] = compile_site(load_site(folder / SITE.name))
    return lambda name: found[name]  # hypothesis shows what it is given


@dataclass
class Kept(Join):
    """A partition in the worker's own state, of which nothing is at hand. few: when sums are kept."""

    mappings: dict = field(default_factory=dict)
    few: tuple = ALWAYS
    state: State | None = None
    aborts: bool = False

    def __post_init__(self):
        self.patients["A",], self.patients["B",] = PATIENT | {"name": "M1"}, PATIENT | {"name": "M2"}
        self.restart()

    def restart(self):
        """Another worker, with what is committed."""
        zone = self.mappings["his"].dialect.zone
        self.joiner = Joiner(self.mappings, replace(LIMITS, few_lines=self.few[0], many_lines=self.few[0]), zone=zone)
        self.state = State(TopicPartition("state", 0), index=Index(self.mappings), at_hand=1, few=self.few[1])
        self.state.apply({key: value for each in self.entries.values() for key, value in each.items()}, position=self.offset)

    def send(self, value, **more):
        incoming, overlay = self.incoming(value)._replace(**more), Overlay(self.state)
        folded = self.joiner.fold(incoming, overlay, self)
        if self.aborts:
            self.aborts = False
            overlay = Overlay(self.state)
            folded = self.joiner.fold(incoming, overlay, self)
        overlay.apply(folded.state)
        self.state.apply(overlay.changed, position=self.offset)
        self.state.note(folded.missing)
        self.keep(folded)
        self.ready += folded.ready
        self.dead += folded.dead
        return folded


def begin(mappings, where, few):
    join = Kept(mappings=mappings, few=few)
    if where == "shared":
        join.change("m.register")
        join.change("m.bill")
    else:
        join.change("h.visit", ward="M1")
        join.change("h.settle")
    return join


def act(join, where, what, about):
    if what == "item":
        item(join, where, *about)
        return
    match what:
        case "line":
            line(join, where, about)
        case "delete" if where == "shared":
            join.change("m.item", "d", item_id=about)
            join.change("m.numbered_item", "d", row_id=about)
        case "delete":
            join.change("h.charge", "d", charge_id=about)
        case "settle":
            join.change(*(("m.bill", "d") if where == "shared" else ("h.settle",)), settle_no=about)
        case "tick":
            join.tick(after_ms=about)
        case "empty":
            join.send(truncate(join, "m.item" if where == "shared" else "h.charge"))
        case "restart":
            join.restart()


def item(join, where, level, name):
    """What decides about the item of lines has another value."""
    if where == "visit":
        join.change("h.visit", "u", ward=name)
    elif where == "lookup":
        join.patients[level,] = PATIENT | {"name": name}
        if name is None:
            del join.patients[level,]


def line(join, where, about):
    key, item, settlement, amount = about
    of = {"item": item, "quantity": amount[0], "amount": amount[1]}
    if where != "shared":
        of |= {"charge_id": key, "level": item, "settle_no": settlement}
        join.change("h.charge", "u" if b"\x1f%b" % key.encode() in b"".join(join.entries[b"V1"]) else "c", **of)
    elif settlement == "S1":
        join.change("m.item", "u", item_id=key, **of)
    else:
        join.change("m.numbered_item", "u", row_id=key, item_id=KEYS[KEYS.index(key) // 2], **of)


def truncate(join, name):
    join.place += 1
    schema, _, table = name.partition(".")
    source = {"connector": "postgresql", "name": "many" if schema == "m" else "his", "ts_ms": 1, "lsn": join.place}
    source |= {"schema": schema, "table": table}
    return orjson.dumps({"op": "t", "before": None, "after": None, "ts_ms": 1, "source": source})


def told(join):
    return [(one.record.key, one.record.value) for one in join.ready], join.letters(), join.closed()


def sums(join):
    """As they stand in the state, by institution and item; None where none are kept."""
    (head,) = {head_of(b"V1", name) for name in ("his", "many")} & {*join.entries[b"V1"]} or (None,)
    found = {key: value for key, value in join.entries[b"V1"].items() if is_sum(key)}
    if head is None:
        assert not found
        return None
    return {tuple(key.decode().split("\x1f")[3:]): load_total(value) for key, value in found.items() if key != head}


def added_up(join, where):
    """The same, of the lines' entries."""
    records, awaited, lines = defaultdict(list), defaultdict(int), defaultdict(int)
    rows = [load(key, value) for key, value in join.entries[b"V1"].items() if is_row(key)]
    for row in sorted((row for row in rows if row.charge), key=lambda row: (row.offset, row.table, row.key)):
        of, amount = row.charge[:2], Decimal(row.charge.amount)
        lines[of] += 1
        if row.is_awaited:
            awaited[of] += amount > 0
        elif row.emitted:
            records[of, row.reported_as if where == "shared" else (row.table, row.key)].append(amount)
    found = {of: (Decimal(0), 0, awaited[of], lines[of]) for of in lines}
    for (of, _), (amount, *_) in records.items():
        balance, positive, *more = found[of]
        found[of] = (balance + amount, positive + (amount > 0), *more)
    return found


@pytest.mark.parametrize("where", READ_FROM)
@settings(max_examples=40, deadline=None)
@given(course=COURSES, few=st.sampled_from([ALWAYS, LATE]))
def test_the_sums_are_what_the_lines_entries_add_up_to(sites, where, course, few):
    """A sum that is not true lets a refund go that nobody paid for, or holds one that a patient waits for."""
    join = begin(sites(where), where, few)
    for what, about in course:
        join.aborts = what == "abort"
        act(join, where, what, about)
        assert sums(join) == (added_up(join, where) if sums(join) is not None else None)


SHARED = [("line", ("C1", "A", "S1", ("2.0000", "20.00"))), ("line", ("C1", "A", "S2", ("2.0000", "20.00"))), ("delete", "C1")]


@pytest.mark.parametrize("where", READ_FROM)
@settings(max_examples=40, deadline=None)
@given(course=COURSES)
@example(course=[*SHARED, ("line", ("C3", "A", "S1", ("-1.0000", "-10.00"))), ("tick", 2_000)])
def test_sums_decide_as_looking_at_all_lines_does(sites, where, course):
    """A stay must not be judged in another way because it grew."""
    kept, late, anew = (begin(sites(where), where, few) for few in (ALWAYS, LATE, NEVER))
    for what, about in course:
        if (what, where) == ("item", "lookup"):
            continue  # a lookup's row that changed says nothing of what was reported before
        for join in (kept, late, anew):
            act(join, where, what, about)
        assert told(kept) == told(late) == told(anew)
    assert sums(anew) is None


def test_a_refund_takes_back_what_was_reported_whatever_the_catalogue_says_since(sites):
    """The line went out as M1. By what the catalogue makes of it today, its refund would take back nothing."""
    join = begin(sites("lookup"), "lookup", ALWAYS)
    for _ in range(2):
        line(join, "lookup", ("C1", "A", "S1", ("2.0000", "20.00")))
    join.patients["A",] = PATIENT | {"name": "M2"}
    assert {("H36110200001", "M1"): (Decimal("20.00"), 1, 0, 1)} == sums(join)
    line(join, "lookup", ("C2", "A", "S1", ("-1.0000", "-10.00")))
    assert "fee_list_d C2" not in join.reported()
    join.patients["A",] = PATIENT | {"name": "M1"}
    line(join, "lookup", ("C3", "A", "S1", ("-1.0000", "-10.00")))
    assert join.reported()[-1] == "fee_list_d C3"


def test_sums_of_lines_that_other_tables_share_now_are_made_anew(sites):
    """Two lines that are one record are charged once; a mapping that was changed may let them be two, or one."""
    join = begin(sites("shared"), "shared", ALWAYS)
    head = head_of(b"V1", "many")
    for _, about in SHARED[:2]:
        line(join, "shared", about)
    assert {("H36110200001", "A"): (Decimal("20.00"), 1, 0, 2)} == sums(join)
    join.entries[b"V1"][head] = join.entries[b"V1"][head].replace(b'"m.item",', b"")
    join.entries[b"V1"][head + b"\x1fH36110200001\x1fgone"] = b'r[8,"5.00",1,0,1]'
    join.restart()
    line(join, "shared", ("C3", "A", "S1", ("-1.0000", "-10.00")))
    assert {("H36110200001", "A"): (Decimal("10.00"), 1, 0, 3)} == sums(join)
    assert sums(join) == added_up(join, "shared")


def test_two_tables_that_are_emptied_at_once_leave_the_sums_true(sites):
    """One tick puts both right, each in every visit: the second would write the sums as if the first had not been."""
    join = begin(sites("shared"), "shared", ALWAYS)
    for name in ("S1", "S2"):
        for key in KEYS:
            line(join, "shared", (key, "A", name, ("2.0000", "20.00")))
    assert 10 == sums(join)["H36110200001", "A"].lines
    for table in ("m.item", "m.numbered_item"):
        join.send(truncate(join, table))
    for _ in range(5):
        join.tick(after_ms=1)
        assert sums(join) == added_up(join, "shared")
    assert {} == sums(join)


def test_sums_of_a_later_form_are_refused():
    """Written back without what was added to them, they would have lost it."""
    total = dump_total(load_total(b'r[9,"5.00",1,0,1]'))
    assert total == b'r[9,"5.00",1,0,1]'
    with pytest.raises(Newer, match="sums of a visit"):
        load_total(total.replace(b"[9,", b"[12,"))
    assert is_sum(SEPARATOR.join((b"V1", b"t", b"his")))
