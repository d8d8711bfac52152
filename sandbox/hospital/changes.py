"""What the sample hospital does to its database: row changes, grouped into transactions, each row with what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from sandbox.hospital.tables import Cell, Cells, Table


class Verb(StrEnum):
    """What happens to a row."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Something put into a row on purpose, and how it must end: class and rule of the dead letter."""

    name: str
    dead_class: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row change."""

    table: Table
    """Where."""
    verb: Verb
    """What is done."""
    row: Cells
    """The whole row after it; of a delete, before it."""
    changed: tuple[str, ...] = ()
    """Columns that an update sets."""
    flaw: Flaw | None = None
    """What is wrong with the row on purpose; None for nothing."""
    was: Cell = None
    """Of an update that changes the key, the key that the row had; None for all others."""
    left: str | None = None
    """Of an update that changes the visit, the visit key that the row had; None for all others."""

    @property
    def key(self) -> Cell:
        """Value of the table's key column."""
        return self.row[self.table.key]

    @property
    def captured(self) -> "tuple[Change, ...]":
        """As a reader of the database's log sees it: a key that is changed is a delete and an insert."""
        if self.was is None:
            return (self,)
        former = replace(self, verb=Verb.DELETE, row={**self.row, self.table.key: self.was}, changed=(), was=None)
        return former, replace(self, verb=Verb.INSERT, changed=(), was=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """Changes that are committed together."""

    at: datetime
    changes: tuple[Change, ...]
    closes: tuple[str, ...] = ()
    """Visit keys of which nothing more will come."""


@dataclass(slots=True)
class Script:
    """The transactions of one visit as they are being written down, with the rows as they stand after them."""

    rows: dict[tuple[str, Cell], Cells] = field(default_factory=dict)
    flaws: dict[tuple[str, Cell], Flaw] = field(default_factory=dict)
    drafts: list[tuple[datetime, list[Change]]] = field(default_factory=list)

    def begin(self, at: datetime) -> None:
        """Start a transaction that is committed at `at`."""
        self.drafts.append((at, []))

    @property
    def now(self) -> datetime:
        """When the transaction being written is committed."""
        return self.drafts[-1][0]

    def insert(self, table: Table, row: Cells, *, flaw: Flaw | None = None) -> None:
        """A new row."""
        self._note(Change(table=table, verb=Verb.INSERT, row=dict(row), flaw=flaw))

    def update(self, table: Table, key: Cell, changed: Mapping[str, Cell], *, flaw: Flaw | None = None) -> None:
        """Other values in a row. What was wrong with it stays wrong, unless `flaw` says otherwise."""
        row = {**self.rows[table.name, key], **changed}
        kept = flaw or self.flaws.get((table.name, key))
        self._note(Change(table=table, verb=Verb.UPDATE, row=row, changed=tuple(changed), flaw=kept))

    def change_key(self, table: Table, key: Cell, became: Cell) -> None:
        """Another key for a row that has nothing wrong; it stays the same row."""
        row = {**self.rows.pop((table.name, key)), table.key: became}
        self._note(Change(table=table, verb=Verb.UPDATE, row=row, changed=(table.key,), was=key))

    def repair(self, table: Table, key: Cell, changed: Mapping[str, Cell]) -> None:
        """The values that should have been there from the start."""
        row = {**self.rows[table.name, key], **changed}
        self._note(Change(table=table, verb=Verb.UPDATE, row=row, changed=tuple(changed)))

    def delete(self, table: Table, key: Cell) -> None:
        """A row that goes."""
        self._note(Change(table=table, verb=Verb.DELETE, row=self.rows[table.name, key], flaw=self.flaws.get((table.name, key))))

    def transactions(self, closes: tuple[str, ...]) -> list[Transaction]:
        """All of it in order of time; the last transaction closes the visit."""
        drafts = sorted(((at, changes) for at, changes in self.drafts if changes), key=lambda draft: draft[0])
        last = len(drafts) - 1
        return [
            Transaction(at=at, changes=tuple(changes), closes=closes if number == last else ())
            for number, (at, changes) in enumerate(drafts)
        ]

    def _note(self, change: Change) -> None:
        place = change.table.name, change.key
        self.drafts[-1][1].append(change)
        if change.verb is Verb.DELETE:
            self.rows.pop(place, None)
            self.flaws.pop(place, None)
            return
        self.rows[place] = change.row
        if change.flaw is None:
            self.flaws.pop(place, None)
        else:
            self.flaws[place] = change.flaw
