"""The rows of one visit while one event is folded."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from connector.contract import TableRole
from streams.domain.join.entries import Part, Recall, StoredRow, dump, key_of, refunds_in
from streams.domain.normalise.record import CompiledMapping


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
_FEE: Final = TableRole.FEE
_AWAITED_LINE: Final = Part.POSITIVE_LINE.value
"""Enum members as constants: reading one from its class takes longer than using it here, and this runs for every change."""


class Visit:
    """One visit while one event is folded: its entries in the state, and over them the rows that the fold changed."""

    __slots__ = ("_groups", "_heads", "_keys", "_recall", "_view", "changed", "key", "mapping")

    def __init__(self, key: bytes, mapping: CompiledMapping, view: StateView, recall: Recall) -> None:
        self.key = key
        self.mapping = mapping
        self.changed: dict[bytes, StoredRow] = {}
        self._view = view
        self._recall = recall
        self._keys: dict[tuple[str, tuple[str, ...]], bytes] = {}
        self._groups: dict[TableRole, Mapping[bytes, bytes]] = {}
        self._heads: Sequence[StoredRow] | None = None

    def put(self, row: StoredRow) -> None:
        """Remember a row."""
        if row.role is _VISIT:
            self._heads = None
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

    def heads(self) -> Sequence[StoredRow]:
        """The visit's own rows. Nearly always one: of several nobody knows which is meant."""
        if self._heads is None:
            self._heads = self._present_heads()
        return self._heads

    def _present_heads(self) -> Sequence[StoredRow]:
        # Going through `rows` for the one that there is as a rule would double the cost of a line that waits.
        entries = self._entries(_VISIT)
        where = {*entries, *[key for key, row in self.changed.items() if row.role is _VISIT]}
        if len(where) > 1:
            return self.rows(_VISIT)
        for key in where:
            row = self.changed.get(key) or self._recall.load(key, entries[key])
            return () if row.deleted or not self.knows(row) else (row,)
        return ()

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
