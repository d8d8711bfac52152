"""Which rows belong together in one interface record, and what is missing where one cannot be built yet."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol, TypeAlias

from connector.contract import TableRole
from streams.domain.join.entries import Part, Recall, StoredRow, dump, key_of, refunds_in
from streams.domain.normalise.record import CompiledMapping
from streams.domain.records import SourceRows


class StateView(Protocol):
    """The state entries of one partition as the chunk in hand sees them: what is committed, overlaid by what the chunk changed."""

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        """The entries of one visit by full state key."""

    def of_role(self, visit_key: bytes, role: TableRole) -> Mapping[bytes, bytes]:
        """The entries of a visit's rows of one role. (To find its visit, a fee line must not look through all lines of the
        visit.)
        """

    def due(self, at: int) -> Iterable[bytes]:
        """The keys of the visits with a waiting row for which a tick at `at` (ms) has something to do."""


Arrival: TypeAlias = tuple[int, str, tuple[str, ...]]
"""When the last change of a row came, to sort by."""

_VISIT: Final = TableRole.VISIT
_SETTLEMENT: Final = TableRole.SETTLEMENT
_FEE: Final = TableRole.FEE
_AWAITED_LINE: Final = Part.POSITIVE_LINE.value
"""Enum members as constants: reading one from its class takes longer than using it here, and this runs for every change."""


class Visit:
    """One visit while one event is folded: its entries in the state, and over them the rows that the fold changed."""

    __slots__ = ("_groups", "_head", "_keys", "_recall", "_view", "changed", "key", "mapping")

    def __init__(self, key: bytes, mapping: CompiledMapping, view: StateView, recall: Recall) -> None:
        self.key = key
        self.mapping = mapping
        self.changed: dict[bytes, StoredRow] = {}
        self._view = view
        self._recall = recall
        self._keys: dict[tuple[str, tuple[str, ...]], bytes] = {}
        self._groups: dict[TableRole, Mapping[bytes, bytes]] = {}
        self._head: tuple[StoredRow | None] | None = None

    def put(self, row: StoredRow) -> None:
        """Remember a row."""
        if row.role is _VISIT:
            self._head = None
        self.changed[self._place(row.role, row.table, row.key)] = row

    def find(self, role: TableRole, table: str, key: tuple[str, ...]) -> StoredRow | None:
        """The row under this key, deleted or not."""
        where = self._place(role, table, key)
        row = self.changed.get(where)
        if row is None and (value := self._entries(role).get(where)) is not None:
            row = self._recall.load(where, value)
        return row

    def current(self, row: StoredRow) -> StoredRow:
        """The row as this fold left it; `row` itself where it was not touched since it was read."""
        return self.changed.get(self._place(row.role, row.table, row.key), row)

    def rows(self, role: TableRole) -> list[StoredRow]:
        """The existing rows of one role that belong to this mapping's source and tables, in the order in which they came."""
        entries, changed, load = self._entries(role), self.changed, self._recall.load
        rows = [changed.get(key) or load(key, value) for key, value in entries.items()]
        rows += [row for key, row in changed.items() if row.role is role and key not in entries]
        rows = [row for row in rows if not row.deleted and self.knows(row)]
        if len(rows) > 1:
            rows.sort(key=arrival)
        return rows

    def waiting_refunds(self) -> list[StoredRow]:
        """The refund lines that wait, or waited in vain, for the line that they take back."""
        entries = self._entries(_FEE)
        rows = [self._recall.load(key, entries[key]) for key in refunds_in(entries) if key not in self.changed]
        rows += [row for row in self.changed.values() if _AWAITED_LINE in row.waits_for or _AWAITED_LINE in row.refused]
        refunds = [row for row in rows if _AWAITED_LINE in (row.waits_for or row.refused) and not row.deleted and self.knows(row)]
        return sorted(refunds, key=arrival)

    def _entries(self, role: TableRole) -> Mapping[bytes, bytes]:
        """The state entries of one role, which do not change while one event is folded."""
        entries = self._groups.get(role)
        if entries is None:
            entries = self._groups[role] = self._view.of_role(self.key, role)
        return entries

    def _place(self, role: TableRole, table: str, key: tuple[str, ...]) -> bytes:
        """The state key of a row, made once a fold. A mapping's table has one role."""
        where = self._keys.get((table, key))
        if where is None:
            where = self._keys[table, key] = key_of(self.key, role, self.mapping.source, table, key)
        return where

    def knows(self, row: StoredRow) -> bool:
        """Whether the mapping still has the row's table: state outlives mappings."""
        rule = self.mapping.tables.get(row.table)
        return row.source == self.mapping.source and rule is not None and rule.role is row.role

    def head(self) -> StoredRow | None:
        """The visit's own row; of several, the one that changed last."""
        if self._head is None:
            self._head = (self._changed_last(),)
        return self._head[0]

    def _changed_last(self) -> StoredRow | None:
        entries = self._entries(_VISIT)
        if len(entries) == 1 and not any(row.role is _VISIT for row in self.changed.values()):
            # Nearly always there is one, and going through `rows` for it would double the cost of a line that waits.
            ((key, value),) = entries.items()
            row = self._recall.load(key, value)
            return row if not row.deleted and self.knows(row) else None
        rows = self.rows(_VISIT)
        return rows[-1] if rows else None

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """The state entries that the fold changed; most rows that are built again come out unchanged and are left out. Rows are
        compared and not their bytes: an entry of an earlier form stays as it is until its row changes.
        """
        for key, row in self.changed.items():
            before = self._entries(row.role).get(key)
            if before is None or self._recall.load(key, before) != row:
                value = dump(row)
                self._recall.keep(key, value, row)
                yield key, value


def arrival(row: StoredRow) -> Arrival:
    """Sorts rows in the order in which their last changes came, and rows by key that did not change since an early version, which
    did not note it. Repetitions do not move a row, and neither does reading it again as it is known.
    """
    return -1 if row.offset is None else row.offset, row.table, row.key


class Gathered(NamedTuple):
    """The rows of a record."""

    rows: SourceRows
    """As far as they are there."""
    missing: Part | None = None
    """The part that the record must wait for; None where it can be built."""


def gather(visit: Visit, row: StoredRow, *, institution: str | None) -> Gathered:
    """The rows that the record of `row` is built from, and what it still waits for.

    Rule R24: visit, settlement and fee lines are sent in this order. So a row also waits for a part that is there but has not been
    reported itself.
    """
    if row.role is _VISIT:
        return Gathered(SourceRows(visit=row.columns))
    head = visit.head()
    visit_columns = None if head is None else head.columns
    # An institution that nobody registered is refused at once, whatever is missing.
    needed = institution is not None and visit.mapping.visit_required(institution)
    without_visit = _missing(head, Part.VISIT) if needed else None
    if row.role is _SETTLEMENT:
        return Gathered(rows=SourceRows(visit=visit_columns, settlement=row.columns), missing=without_visit)
    settlement = _settlement_of(visit, row)
    rows = SourceRows(visit=visit_columns, settlement=None if settlement is None else settlement.columns, fee=row.columns)
    if institution is None:
        return Gathered(rows=rows)
    if settlement is None:
        return Gathered(rows=rows, missing=Part.SETTLEMENT if _settlement_key(visit, row) else Part.UNSETTLED)
    return Gathered(rows=rows, missing=without_visit or _missing(settlement, Part.SETTLEMENT))


def _missing(row: StoredRow | None, part: Part) -> Part | None:
    if row is None:
        return part
    return Part.UNREPORTED if row.is_awaited else None


def _fees_of(visit: Visit, settlement: StoredRow) -> list[StoredRow]:
    """The fee lines that name this settlement, or belong to the visit's only one."""
    links = {name: table.settlement_link for name, table in visit.mapping.tables.items()}
    return [row for row in visit.rows(_FEE) if links[row.table] is None or _settlement_key(visit, row) == settlement.key[0]]


def _settlement_key(visit: Visit, fee: StoredRow) -> str | None:
    link = visit.mapping.tables[fee.table].settlement_link
    return None if link is None else fee.columns.get(link) or None


def _settlement_of(visit: Visit, fee: StoredRow) -> StoredRow | None:
    if visit.mapping.tables[fee.table].settlement_link is None:
        settlements = visit.rows(_SETTLEMENT)
        return settlements[-1] if settlements else None
    key = _settlement_key(visit, fee)
    if key is None:
        return None
    for name, table in visit.mapping.tables.items():
        if table.role is _SETTLEMENT:
            row = visit.find(_SETTLEMENT, name, (key,))
            if row is not None and not row.deleted:
                return row
    return None


def dependents(visit: Visit, row: StoredRow, *, before: StoredRow | None) -> list[StoredRow]:
    """The rows whose records read this row, in the order of reporting."""
    if row.role is _VISIT:
        readers = (reader for reader in (_SETTLEMENT, _FEE) if _differs(visit, row, before, reader))
        return [dependent for reader in readers for dependent in visit.rows(reader)]
    if row.role is _SETTLEMENT and _differs(visit, row, before, _FEE):
        return _fees_of(visit, row)
    return []


def _differs(visit: Visit, row: StoredRow, before: StoredRow | None, reader: TableRole) -> bool:
    """Whether a column that the records of another role read from this row has another value now, or the row is new."""
    if before is None or before.deleted:
        return True
    if before.columns == row.columns:
        return False
    reads = visit.mapping.reads(visit.mapping.services_of(reader))
    return any(role is row.role and before.columns.get(column) != row.columns.get(column) for role, column in reads)
