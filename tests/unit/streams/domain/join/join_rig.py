"""What the tests of the join share: a small site with two hospital systems, and a partition's state in a dictionary."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import orjson

from streams.domain.changes import SERVER, Incoming
from streams.domain.closings import letter_id
from streams.domain.join.entries import group, group_of, is_moved, load, visit_key_of, waits
from streams.domain.join.fold import Joiner
from streams.domain.join.gone import deadline_of, is_gone
from streams.domain.join.limits import JoinLimits
from streams.domain.join.moving import NOT_KNOWN, Passed
from streams.domain.join.passing import Joined, Passing
from streams.domain.join.rebuilding import is_left
from streams.domain.join.reversals import is_reversal
from streams.domain.join.stored import StoredRow
from streams.domain.join.tallies import is_tally
from streams.domain.ready import closes
from streams.domain.records import DeadLetter
from streams.domain.series import FROM, NUMBER
from streams.domain.ticks import tick_value
from streams.mapping import compile_site, load_site
from tests.unit.streams.domain.join.beside import LookedThrough, waiting_rows

SITE = Path(__file__).parent / "join_site" / "site.yaml"
HOSPITAL, PHARMACY = "H36110200001", "P36110200002"
DAY_MS = 86_400_000
START_MS = 1_714_700_000_000  # 2024-05-03
LIMITS = JoinLimits(wait_ms=1_000, unsettled_wait_ms=60 * DAY_MS)

VISIT = {
    "visit_id": "V1",
    "org": "H",
    "kind": "O",
    "patient_id": "P1",
    "insu_id": "X1",
    "begin_at": "2024-05-01T08:00:00Z",
    "med_type": "11",
    "ward": "内科",
    "tel": "02885551234",
    "addr": None,
    "employer": None,
    "contact": None,
    "card": None,
}
SETTLE = {
    "settle_no": "S1",
    "visit_id": "V1",
    "org": "H",
    "settled_at": "2024-05-01T12:00:00Z",
    "total": "20.00",
    "paid_by": "cash",
}
CHARGE = {
    "charge_id": "C1",
    "visit_id": "V1",
    "org": "H",
    "settle_no": "S1",
    "occurred_at": "2024-05-01T09:00:00Z",
    "quantity": "2.0000",
    "price": "10.000000",
    "amount": "20.00",
    "level": "A",
    "item": "青霉素",
}
PATIENT = {"patient_id": "P1", "cert_no": "11010519491231002X", "name": "王小明"}
CLINIC_SETTLE = {
    "settle_no": "S1",
    "visit_id": "V1",
    "settled_at": "2024-05-01T12:00:00Z",
    "total": "5.00",
    "name": "王小明",
    "cert_no": "11010519491231002X",
}
CLINIC_CHARGE = {"charge_id": "C1", "visit_id": "V1", "occurred_at": "2024-05-01T09:00:00Z", "amount": "5.00"}

REGISTER = {"register_no": "R1", "visit_id": "V1", "ward": "内科", "card": "K1"}
BILL = {"bill_no": "B1", "visit_id": "V1", "total": "20.00"}
ITEM = {"item_id": "I1", "visit_id": "V1", "item": "青霉素"}

TABLES = {
    "h.visit": VISIT,
    "h.settle": SETTLE,
    "h.charge": CHARGE,
    "c.settle": CLINIC_SETTLE,
    "c.charge": CLINIC_CHARGE,
    "m.register": REGISTER,
    "m.bill": BILL,
    "m.item": ITEM,
    "m.other_bill": BILL,
    "m.named_item": ITEM | {"bill_no": "B1"},
    "m.numbered_item": ITEM | {"row_id": "1"},
    "m.year_register": REGISTER,
}
SOURCES = {"h": "his", "c": "clinic", "m": "many"}


@cache
def mappings():
    """Compiled once for all tests."""
    return compile_site(load_site(SITE))


def envelope(table, op, row, *, at, before=None, source=None, committed_at=START_MS, ts_ms=0, **of_source):
    """A change as capture writes it. at: its place in the database's log, None on rows of an incremental snapshot. of_source: what
    else the source block says.
    """
    schema, _, name = table.partition(".")
    return orjson.dumps(
        {
            "before": row if op == "d" else before,
            "after": None if op == "d" else row,
            "op": op,
            "ts_ms": ts_ms,
            "source": {
                "connector": "postgresql",
                "name": source or SOURCES[schema],
                "ts_ms": committed_at,
                "schema": schema,
                "table": name,
                "lsn": at,
                **of_source,
            },
        }
    )


def passed(upto, **more):
    """That the lanes of partitions have passed, for rows of all institutions, what is below these numbers by series."""
    return Passed({one: Passing(all=Joined(numbers), others=Joined(numbers)) for one, numbers in upto.items()}, **more)


def is_row(key):
    """Whether a state key is of a visit's row, and of nothing that stands beside them."""
    return key.split(b"\x1f")[1] in (b"v", b"s", b"f")


@dataclass
class Join(LookedThrough):
    """One partition: folds what it is given and remembers everything that comes out, in order."""

    limits: JoinLimits = LIMITS
    now: int = START_MS
    patients: dict = field(default_factory=lambda: {("P1",): PATIENT})
    entries: defaultdict = field(default_factory=lambda: defaultdict(dict))
    recalls: list = field(default_factory=list)
    ready: list = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    ends: list = field(default_factory=list)
    """What closed letters."""
    counts: Counter = field(default_factory=Counter)
    place: int = 100
    offset: int = 0
    server: str = ""
    """Which of its source's servers the rows come from, as the place stage says it; `""`: the first one."""
    passed: Passed = NOT_KNOWN
    """How far the lanes of other partitions are."""
    joiner: Joiner | None = None
    """None: one of the site's mappings and these limits."""

    def find(self, name, key):
        assert name == "patient"
        return self.patients.get(key)

    def visit(self, visit_key):
        return {key: value for key, value in self.entries.get(visit_key, {}).items() if is_row(key)}

    def of_role(self, visit_key, role):
        begin = group(visit_key, role)
        return {key: value for key, value in self.visit(visit_key).items() if group_of(key) == begin}

    def entries_beside(self, key):
        begin = group_of(key)
        return {other: value for other, value in self.entries.get(visit_key_of(key), {}).items() if group_of(other) == begin}

    def waiting(self):
        return [visit for visit in self.entries if any(map(waits, self.visit(visit).values()))]

    def due(self, at, lookups):
        del lookups  # the fold looks
        of = (is_row, is_left, is_tally, is_reversal)
        tried = {visit: {key: each[key] for key in each if any(one(key) for one in of)} for visit, each in self.entries.items()}
        return waiting_rows(tried, at)

    def moved(self):
        return [visit for visit in self.entries if any(map(is_moved, self.visit(visit).values()))]

    def visits_after(self, after, most):
        return sorted(visit for visit in self.entries if visit > after)[:most]

    def gone(self, at):
        entries = self.entries.items()
        return [visit for visit, each in entries if any(is_gone(key) and 0 < deadline_of(each[key]) <= at for key in each)]

    def incoming(self, value, *, key=b"{}"):
        self.offset += 1
        headers = ((FROM, b"his/b"), (NUMBER, b"1"), (SERVER, self.server.encode())) if self.server else ()
        return Incoming(
            topic="visit.changes", partition=0, offset=self.offset, key=key, value=value, headers=headers, timestamp_ms=self.now
        )

    def send(self, value, **more):
        """Fold one message and keep what comes of it; what came of it. more: what else is true of the message."""
        mapping = mappings()
        joiner = self.joiner or Joiner(mapping, self.limits, zone=mapping["his"].dialect.zone)
        folded = joiner.fold(self.incoming(value)._replace(**more), self, self, self.passed)
        self.keep(folded)
        self.recalls += folded.recalls
        self.ready += folded.ready
        self.dead += folded.dead
        self.ends += folded.closed
        self.counts += Counter(folded.counts)
        return folded

    def keep(self, folded):
        """Take over the changed entries."""
        for key, entry in folded.state.items():
            self.entries[visit_key_of(key)].pop(key, None)
            if entry is not None:
                self.entries[visit_key_of(key)][key] = entry

    def change(self, table, op="c", *, at=None, before=None, tx=None, left=False, **columns):
        """Fold one change of the table's sample row. at: later than all before it unless said otherwise. tx: its transaction.
        left: whether it is the half of a move that leaves.
        """
        self.place = max(self.place + 1, at or 0)
        value = envelope(table, op, TABLES[table] | columns, at=at or self.place, before=before, txId=tx)
        return self.send(orjson.dumps(orjson.loads(value) | {"yibao": "left"}) if left else value)

    def read(self, table, *, at=None, **columns):
        """Fold one row as a snapshot reads it, by default one on demand."""
        return self.send(envelope(table, "r", TABLES[table] | columns, at=at, snapshot="true" if at else "incremental"))

    def tick(self, *, after_ms=0, source="", running=""):
        """Let time pass. source, running: in whose order the tick stands, and which of its transactions may go on."""
        self.now += after_ms
        more = {"source": source, "open": running} if source else {}
        return self.send(orjson.dumps(orjson.loads(tick_value(self.now)) | more))

    def rows(self) -> list[StoredRow]:
        return [load(key, value) for visit in self.entries for key, value in self.visit(visit).items()]

    def reported(self):
        """`service key` of what was emitted, in order."""
        return [f"{one.record.service.value} {one.record.key}" for one in self.ready]

    def recalled(self):
        """`visit service key` of the records of which the deliver stage was told that no row is left, in order."""
        return [f"{one.visit_key.decode()} {one.record.service.value} {one.record.key}" for one in self.recalls]

    def last(self):
        """What was emitted last of each record."""
        return {(one.record.service, one.record.institution, one.record.key): one.record.value for one in self.ready}

    def open(self):
        """The letters that nothing closed, and that no record on its way closes."""
        ended = {one.id for one in self.ends} | {closes(one.tail) for one in self.ready}
        return [letter for letter in self.dead if letter_id(letter) not in ended]

    def letters(self):
        """`class rule` of the dead letters, in order."""
        return [f"{letter.dead_class.value} {letter.rule}" for letter in self.dead if not letter.closed]

    def closed(self):
        """`rule record key` of the letters that closed themselves."""
        return [f"{letter.rule} {letter.record_key}" for letter in self.dead if letter.closed]


def whole(join):
    """A visit with its settlement and fee line, reported."""
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge")
    return join
