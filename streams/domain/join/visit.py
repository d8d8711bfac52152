"""The rows of one visit while one event is folded."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, Protocol, TypeAlias

import orjson

from connector.contract import TableRole
from streams.domain.join.entries import SEPARATOR, Recall, StoredRow, dump, key_of, refunds_in, waits
from streams.domain.join.gone import Gone, dump_gone, gone_group, gone_key, load_gone
from streams.domain.join.parts import Part
from streams.domain.normalise.record import CompiledMapping


class StateView(Protocol):
    """The state entries of one partition as the chunk in hand sees them: what is committed, overlaid by what the chunk changed."""

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        """The entries of one visit's rows by full state key."""

    def of_role(self, visit_key: bytes, role: TableRole) -> Mapping[bytes, bytes]:
        """The entries of a visit's rows of one role. (To find its visit, a fee line must not look through all lines of the
        visit.)
        """

    def entries_beside(self, key: bytes) -> Mapping[bytes, bytes]:
        """The entries of the group that a state key belongs to."""

    def claims(self, visit_key: bytes, role: TableRole, claim: bytes) -> Iterable[bytes]:
        """The keys of the entries of a visit's rows of one role with this claim (`claims.claim_of`), perhaps with others that had
        it. Asked only of tables of which two rows can be one record.
        """

    def due(self, at: int) -> Iterable[bytes]:
        """The keys of the visits with a waiting row for which a tick at `at` (ms) has something to do."""

    def moved(self) -> Iterable[bytes]:
        """The keys of the visits with a row that waits for a lane of another partition."""

    def visits_after(self, after: bytes, most: int) -> Sequence[bytes]:
        """The keys of the first visits behind this one, in the order of their bytes."""

    def gone(self, at: int) -> Iterable[bytes]:
        """The keys of the visits with a record that no row backs any more, for which a tick at `at` (ms) has something to do."""


_DOCUMENT: Final = 15
"""Where the document of an entry begins that waits."""
_NOWHERE: Final[Mapping[str, int]] = {}

Arrival: TypeAlias = tuple[int, str, tuple[str, ...]]
"""When the last change of a row came, to sort by."""

EMPTIED: Final = SEPARATOR + b"e"
"""What the state keys of emptied tables (`streams.domain.join.emptying`) have in common."""

_VISIT: Final = TableRole.VISIT
_FEE: Final = TableRole.FEE
_AWAITED_LINE: Final = Part.POSITIVE_LINE.value
"""Enum members as constants: reading one from its class takes longer than using it here, and this runs for every change."""


class Visit:
    """One visit while one event is folded: its entries in the state, and over them the rows that the fold changed."""

    __slots__ = (
        "_claims",
        "_emptied",
        "_groups",
        "_heads",
        "_keys",
        "_recall",
        "_view",
        "changed",
        "changed_gone",
        "key",
        "mapping",
    )

    def __init__(self, key: bytes, mapping: CompiledMapping, view: StateView, recall: Recall) -> None:
        self.key = key
        self.mapping = mapping
        self.changed: dict[bytes, StoredRow] = {}
        self.changed_gone: dict[bytes, Gone | None] = {}
        """Records that went in this fold, and those that are backed again (None)."""
        self._view = view
        self._recall = recall
        self._keys: dict[tuple[str, tuple[str, ...]], bytes] = {}
        self._groups: dict[TableRole, Mapping[bytes, bytes]] = {}
        self._heads: Sequence[StoredRow] | None = None
        self._claims: dict[str, set[bytes]] | None = {} if mapping.colliding else None
        self._emptied = _emptied(view.entries_beside(EMPTIED + SEPARATOR), mapping.source)

    def put(self, row: StoredRow) -> None:
        """Remember a row."""
        if row.role is _VISIT:
            self._heads = None
        where = self._place(row.role, row.table, row.key)
        self.changed[where] = row
        if self._claims is not None and row.reported_as:
            self._claims.setdefault(row.reported_as, set()).add(where)

    def find(self, role: TableRole, table: str, key: tuple[str, ...]) -> StoredRow | None:
        """The row under this key, deleted or not."""
        where = self._place(role, table, key)
        row = self.changed.get(where)
        if row is None and (value := self._entries(role).get(where)) is not None:
            row = self._recall.load(where, value)
            if self._emptied and self._is_emptied(row):
                row = _without_content(row)
        return row

    def claimants(self, role: TableRole, record: str, *, emptied: bool = False) -> list[StoredRow]:
        """The rows that are reported as this record, or claim it, in the order in which they came. Only of tables of which two rows
        can be one record. emptied: instead, those whose table was emptied and that are not put right yet.
        """
        entries, found = self._entries(role), []
        places = {*self._view.claims(self.key, role, orjson.dumps(record)), *(self._claims or {}).get(record, ())}
        for where in places:
            row = self.changed.get(where) or self._recall.load(where, entries[where])
            mine = row.reported_as == record and row.role is role and not row.deleted
            if mine and (self.knows(row) if not emptied else bool(self._emptied) and self._is_emptied(row)):
                found.append(row)
        return sorted(found, key=arrival) if len(found) > 1 else found

    def empty(self, table: str) -> list[StoredRow]:
        """Delete the rows of a table that was emptied; what they were."""
        rule = self.mapping.tables[table]
        rows = [self._recall.load(key, value) for key, value in self._entries(rule.role).items() if key not in self.changed]
        mine = [row for row in rows if row.table == table and row.source == self.mapping.source and self._is_emptied(row)]
        for row in mine:
            self.put(_without_content(row)._replace(emitted="", reported_as="", refused=""))
        return [row for row in mine if not row.deleted]

    def _is_emptied(self, row: StoredRow) -> bool:
        """Whether the row's table was emptied after its last change."""
        moment = self._emptied.get(row.table)
        return moment is not None and (row.offset is None or row.offset < moment)

    def gone(self, role: TableRole, record: str) -> Gone | None:
        """A record that was reported and that no row backs any more. record: `institution/key`."""
        key = gone_key(self.key, role, record)
        if key in self.changed_gone:
            return self.changed_gone[key]
        value = self._view.entries_beside(key).get(key)
        return None if value is None else load_gone(value)

    def all_gone(self) -> list[Gone]:
        """All records of the visit that were reported and that no row backs any more."""
        known = self._view.entries_beside(gone_group(self.key)).items()
        before = [load_gone(value) for key, value in known if key not in self.changed_gone]
        return [*before, *(gone for gone in self.changed_gone.values() if gone is not None)]

    def put_gone(self, gone: Gone) -> None:
        """Remember a record that no row backs any more."""
        self.changed_gone[gone_key(self.key, gone.role, gone.record)] = gone

    def drop_gone(self, gone: Gone) -> None:
        """Forget it: a row backs it again."""
        self.changed_gone[gone_key(self.key, gone.role, gone.record)] = None

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
        known = row.source == self.mapping.source and rule is not None and rule.role is row.role
        return known and not (self._emptied and self._is_emptied(row))

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

    def entries(self) -> Iterator[tuple[bytes, bytes | None]]:
        """The state entries that the fold changed; most rows that are built again come out unchanged and are left out. Rows are
        compared and not their bytes: an entry of an earlier form stays as it is until its row changes.
        """
        for key, row in self.changed.items():
            before = self._entries(row.role).get(key)
            if before is None or self._recall.load(key, before) != row:
                value = dump(row)
                self._recall.keep(key, value, row)
                yield key, value
        for key, gone in self.changed_gone.items():
            if gone is not None or key in self._view.entries_beside(key):
                yield key, None if gone is None else dump_gone(gone)


def _without_content(row: StoredRow) -> StoredRow:
    """A row after its table was emptied."""
    return row._replace(columns={}, deleted=True, waits_for="", since=0, deadline=0, beneath=None)


def _emptied(entries: Mapping[bytes, bytes], source: str) -> Mapping[str, int]:
    """By table of the source that was emptied: the offset at which it was, while rows of before may stand in the state."""
    if not entries:
        return _NOWHERE
    return _emptied_of(tuple(sorted(entries.values())), source)


@lru_cache(64)
def _emptied_of(values: tuple[bytes, ...], source: str) -> Mapping[str, int]:
    told = [orjson.loads(value[_DOCUMENT:]) for value in values if waits(value)]
    return {table: offset for _, of, table, offset, *_ in told if of == source}


def arrival(row: StoredRow) -> Arrival:
    """Sorts rows in the order in which their last changes came, and rows by key that did not change since an early version, which
    did not note it. Repetitions do not move a row, and neither does reading it again as it is known.
    """
    return -1 if row.offset is None else row.offset, row.table, row.key
