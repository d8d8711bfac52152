"""A hospital's database in a few dictionaries: transactions that commit in another order than they wrote, and the log of it.

Nothing here knows the product. A row is `(table, key)`; the log is what a reader of it gets, in the order of the commits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

Row = dict[str, Any]
Where = tuple[str, str]

VISIT, SETTLE, CHARGE, PATIENT = "h.visit", "h.settle", "h.charge", "h.patient"
VISIT_OF: dict[str, str] = {"S1": "V1", "S2": "V1", "S3": "V2", "C1": "V1", "C2": "V1", "C3": "V1", "C4": "V2", "C5": "V2"}
SPARE = {"C1": "C6", "C4": "C7"}
"""The other key of lines whose key is changed."""
VISIT_OF |= {spare: VISIT_OF[key] for key, spare in SPARE.items()}
SETTLES_OF = {"V1": ("S1", "S2"), "V2": ("S3",)}
ROWS: tuple[Where, ...] = (
    *((VISIT, key) for key in ("V1", "V2")),
    *((SETTLE, key) for key in ("S1", "S2", "S3")),
    *((CHARGE, key) for key in ("C1", "C2", "C3", "C4", "C5")),
)
PATIENTS: tuple[Where, ...] = ((PATIENT, "P1"), (PATIENT, "P2"))
REGISTER, BILL, ITEM = "m.register", "m.bill", "m.item"
"""Of a system whose visits may have several registrations and bills. All of one visit; items name no bill."""
MANY: tuple[Where, ...] = (
    *((REGISTER, key) for key in ("R1", "R2", "R3")),
    *((BILL, key) for key in ("B1", "B2", "B3")),
    *((ITEM, key) for key in ("I1", "I2")),
)
OTHER_BILL, NAMED_ITEM, NUMBERED_ITEM = "m.other_bill", "m.named_item", "m.numbered_item"
"""Of the same system: tables whose rows are the same records as others'. Of the last one the record's key is not the row's."""
TWICE: tuple[Where, ...] = (
    (REGISTER, "R1"),
    (BILL, "B1"),
    (OTHER_BILL, "B1"),
    *((table, key) for table in (ITEM, NAMED_ITEM) for key in ("I1", "I2")),
    *((NUMBERED_ITEM, key) for key in ("N1", "N2")),
)
MOVES_TO = {BILL: OTHER_BILL, OTHER_BILL: BILL, ITEM: NAMED_ITEM, NAMED_ITEM: ITEM}
"""Where rows of a table go by night."""
YEAR_REGISTER = "m.year_register"
BESIDE = (*MOVES_TO, NUMBERED_ITEM, REGISTER)
"""Tables between which rows may be said to move."""
KEY_OF = {VISIT: "visit_id", SETTLE: "settle_no", CHARGE: "charge_id", PATIENT: "patient_id"}
KEY_OF |= {REGISTER: "register_no", BILL: "bill_no", ITEM: "item_id"}
KEY_OF |= {OTHER_BILL: "bill_no", NAMED_ITEM: "item_id", NUMBERED_ITEM: "row_id", YEAR_REGISTER: "register_no"}
SOURCE_OF = {"h": "his", "m": "many"}
"""By schema, the source in the site's file."""


STATE, COUNTS = "state", "5"
"""The column that says which rows count, and what stands in it then."""

NULL = "-"
"""What a hospital may write for NULL."""

_BEGIN_US = 1_714_700_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change as it stands in the log."""

    op: str
    table: str
    row: Row
    lsn: int
    ts_us: int
    transaction: int
    before: Row | None = None
    """Of an update that changes the row's visit; of every one where the whole row before is logged."""
    was: Row | None = None
    """What stood in the row before; None of one that is new."""


@dataclass(slots=True, eq=False)
class Transaction:
    """What it wrote, seen by itself alone until it commits."""

    rows: dict[Where, Row | None] = field(default_factory=dict)
    changes: list[tuple[str, str, Row, int, Row | None, Row | None]] = field(default_factory=list)
    number: int = 0

    @property
    def removes(self) -> bool:
        """Whether a visit has a row less by it."""
        return any(op == "d" or before is not None for op, _, _, _, before, _ in self.changes)


@dataclass(slots=True)
class Database:
    """rng: decides every content and moment. log: all committed changes since the last `restart_log`."""

    rng: Random
    rows: dict[Where, Row] = field(default_factory=dict)
    open: list[Transaction] = field(default_factory=list)
    log: list[Change] = field(default_factory=list)
    lsn: int = 5_000
    clock_us: int = _BEGIN_US
    latest_us: int = _BEGIN_US
    transactions: int = 500
    earliest_us: int = 0
    """What no clock may show again: the moment at which this server began."""
    server: str = ""
    """Which one it is: `""` for the first."""
    unseen: set[Where] = field(default_factory=set)
    """Rows that were deleted while nobody read the log, and of which that is not told yet."""
    states: Random | None = None
    """What decides which rows count, where they have a state at all: not `rng`, so that a seed's course stays what it was."""
    logs_before: bool = False
    """Whether the whole row before is logged of every update (REPLICA IDENTITY FULL)."""

    def begin(self) -> Transaction:
        self.transactions += 1
        self.open.append(transaction := Transaction(number=self.transactions))
        return transaction

    def seen(self, transaction: Transaction, where: Where) -> Row | None:
        return transaction.rows[where] if where in transaction.rows else self.rows.get(where)

    def is_locked(self, transaction: Transaction, where: Where) -> bool:
        return any(where in other.rows for other in self.open if other is not transaction)

    def is_unsure(self, where: Where) -> bool:
        """Whether a row that was deleted unseen has been inserted again by a transaction that is open. One that is deleted by the
        same transaction once more may stay reported (docs/exactness.md).
        """
        return where in self.unseen and where not in self.rows

    def write(
        self, transaction: Transaction, op: str, where: Where, row: Row, *, beside: bool = False, before: Row | None = None
    ) -> None:
        """beside: at the place of the write before, as the rows of a COPY, or the halves of a changed key. before: of an update
        that changes the visit.
        """
        self.lsn += 0 if beside else self.rng.randint(1, 40)
        if self.states is not None and where[0] != PATIENT and STATE not in row:
            row |= {STATE: self.states.choice((COUNTS, COUNTS, COUNTS, "1", None))}
        was = {"c": None, "d": row}.get(op, self.seen(transaction, where))
        before = was if self.logs_before and op == "u" else before
        transaction.rows[where] = None if op == "d" else row
        transaction.changes.append((op, where[0], row, self.lsn, before, was))

    def commit(self, transaction: Transaction) -> None:
        self.lsn += self.rng.randint(1, 8)
        # Now and then a clock is set back a little.
        later_us = self.rng.randint(1, 900) if self.rng.random() < 0.95 else -2_000
        self.clock_us = max(self.clock_us + later_us, self.earliest_us + 1)
        self.latest_us = max(self.latest_us, self.clock_us)
        self.log += [
            Change(
                op=op, table=table, row=row, lsn=lsn, ts_us=self.clock_us, transaction=transaction.number, before=before, was=was
            )
            for op, table, row, lsn, before, was in transaction.changes
        ]
        for where, row in transaction.rows.items():
            self.rows.pop(where, None)
            if row is not None:
                self.rows[where] = row
        self.open.remove(transaction)

    def roll_back(self, transaction: Transaction) -> None:
        self.open.remove(transaction)

    def move_to_another_server(self, *, behind_us: int = 0) -> None:
        """Its log begins lower, it counts its transactions anew, and what was not committed is gone. behind_us: of its clock."""
        self.open.clear()
        self.server = f"server {self.rng.randrange(10_000)}"
        self.transactions = self.rng.choice((self.transactions - 1, 500))
        self.lsn = self.rng.randint(100, 4_000)
        self.earliest_us = self.latest_us - behind_us
        self.clock_us = self.earliest_us + 1_000

    def children(self, where: Where) -> list[Where]:
        """Rows that name this one, in any transaction's eyes."""
        table, key = where
        link = {VISIT: "visit_id", SETTLE: "settle_no"}.get(table)
        everywhere = [*self.rows.items(), *(item for one in self.open for item in one.rows.items())]
        return [other for other, row in everywhere if link and other[0] != table and row and row.get(link) == key]

    def is_going(self, where: Where) -> bool:
        """Whether a transaction that is still open has deleted this row."""
        return any(one.rows.get(where, where) is None for one in self.open)


def content(rng: Random, where: Where, *, visit: str | None = None) -> Row:
    """A row with some content. Some rows are refused, some lines are not settled yet. visit: of a line that has moved."""
    table, key = where
    if table == PATIENT:
        return {"patient_id": key, "cert_no": "11010519491231002X", "name": rng.choice(("王小明", "李小红", "张三"))}
    if table == VISIT:
        ward, kind = rng.choice(("内科", "外科", "儿科", None)), rng.choice(("11", "12"))
        return _visit(key) | {"ward": ward, "med_type": kind, "insu_id": rng.choice(("X1", "X2"))}
    if table == SETTLE:
        total, paid_by = rng.choice(("20.00", "30.00", "20.00", "30.0001")), rng.choice(("cash", "card"))
        times = {"settled_at": "2024-05-01T12:00:00Z"}
        return {"settle_no": key, "visit_id": VISIT_OF[key], "org": "H", "total": total, "paid_by": paid_by} | times
    if table.startswith("m."):
        return {KEY_OF[table]: key, "visit_id": "V1"} | _of_many(rng, table)
    visit = visit or VISIT_OF[key]
    settle = rng.choice((*SETTLES_OF[visit], *SETTLES_OF[visit], None))
    return {
        "charge_id": key,
        "visit_id": visit,
        "org": "H",
        "settle_no": settle,
        "occurred_at": "2024-05-01T09:00:00Z",
        "quantity": "2.0000",
        "price": "10.000000",
        "amount": "20.00",
        "level": rng.choice(("A", "B", "A", "B", "?")),
        "item": rng.choice(("青霉素", "头孢", "阿司匹林", "青霉素", "头孢", None)),
    }


def _of_many(rng: Random, table: str) -> Row:
    if table == REGISTER:
        return {"ward": rng.choice(("内科", "外科")), "card": None}
    if table in (BILL, OTHER_BILL):
        return {"total": rng.choice(("20.00", "30.00"))}
    if table == ITEM:
        return {"item": rng.choice(("青霉素", "头孢"))}
    which = {"bill_no": "B1"} if table == NAMED_ITEM else {"item_id": rng.choice(("I1", "I2"))}
    return which | {"item": rng.choice(("青霉素", "头孢", "青霉素", "头孢", "青霉素", None))}


def _visit(key: str) -> Row:
    empty = dict.fromkeys(("addr", "employer", "contact", "card"))
    fixed = {"org": "H", "kind": "O", "begin_at": "2024-05-01T08:00:00Z", "tel": "02885551234"}
    return {"visit_id": key, "patient_id": f"P{key[1:]}"} | fixed | empty


def counts(row: Row | None) -> bool:
    """Whether there is such a row, for a hospital that has none but those that count."""
    return row is not None and row.get(STATE, COUNTS) == COUNTS


def numbers(rows: Iterable[tuple[Where, Row]]) -> set[str]:
    """The record keys that the rows have of which several can have one."""
    return {row.get("item_id") or row["bill_no"] for where, row in rows if where in TWICE and where[0] != REGISTER}
