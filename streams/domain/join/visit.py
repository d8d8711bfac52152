"""The rows of one visit while one event is folded."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import orjson

from connector.contract import TableRole
from streams.domain.join.claims import claimed_as
from streams.domain.join.emptied import emptied_tables, without_content
from streams.domain.join.entries import dump, key_of
from streams.domain.join.gone import HELD, Gone, dump_gone, gone_group, gone_key, load_gone
from streams.domain.join.ledger import Ledger, head_of
from streams.domain.join.parts import Part
from streams.domain.join.remembered import Recall
from streams.domain.join.reversing import watch
from streams.domain.join.stored import Item, StoredRow, arrival
from streams.domain.join.tallying import Moved, tally
from streams.domain.join.view import StateView
from streams.domain.normalise.record import CompiledMapping

_VISIT: Final = TableRole.VISIT
_FEE: Final = TableRole.FEE
_AWAITED_LINE: Final = Part.POSITIVE_LINE.value
"""Enum members as constants: reading one from its class takes longer than using it here, and this runs for every change."""


class Visit:
    """One visit while one event is folded: its entries in the state, and over them the rows that the fold changed."""

    __slots__ = (
        "_claims",
        "_emptied",
        "_found",
        "_groups",
        "_heads",
        "_keys",
        "_ledger",
        "_new_heads",
        "_recall",
        "changed",
        "changed_gone",
        "key",
        "mapping",
        "uncounted",
        "view",
    )

    def __init__(self, key: bytes, mapping: CompiledMapping, view: StateView, recall: Recall) -> None:
        self.key = key
        self.mapping = mapping
        self.changed: dict[bytes, StoredRow] = {}
        self.changed_gone: dict[bytes, Gone | None] = {}
        """Records that went in this fold, and those that are backed again (None)."""
        self.uncounted: set[bytes] = set()
        """Lines that this fold changed and that are not in the sums yet as they are now (`streams.domain.join.charging`)."""
        self.view = view
        self._recall = recall
        self._keys: dict[tuple[str, tuple[str, ...]], bytes] = {}
        self._groups: dict[TableRole, Mapping[bytes, bytes]] = {}
        self._found: dict[bytes, StoredRow | None] = {}
        """Rows that were looked for, as they were before the fold."""
        self._heads: Sequence[StoredRow] | None = None
        self._new_heads = False
        self._claims: dict[str, set[bytes]] | None = {} if mapping.colliding else None
        self._ledger: Ledger | None = None
        self._emptied = emptied_tables(view, mapping.source)

    def put(self, row: StoredRow) -> None:
        """Remember a row."""
        where = self._keys.get((row.table, row.key)) or self.place(row)
        self.changed[where] = row
        role = row.role
        if role is _FEE:
            self.uncounted.add(where)
        elif role is _VISIT:
            self._heads, self._new_heads = None, True
        if self._claims is not None and row.reported_as:
            self._claims.setdefault(row.reported_as, set()).add(where)

    def find(self, role: TableRole, table: str, key: tuple[str, ...]) -> StoredRow | None:
        """The row under this key, deleted or not."""
        where = self._keys.get((table, key)) or self._place(role, table, key)
        if where in self.changed:
            return self.changed[where]
        value = self.view.get(where)
        row = self._found[where] = None if value is None else self._recall.load(where, value)
        return without_content(row) if row is not None and self._emptied and self._is_emptied(row) else row

    def claimants(self, role: TableRole, record: str, *, emptied: bool = False) -> list[StoredRow]:
        """The rows that are reported as this record, or claim it, in the order in which they came. Only of tables of which two rows
        can be one record. emptied: instead, those whose table was emptied and that are not put right yet.
        """
        found = []
        places = {*self.view.claims(self.key, role, orjson.dumps(record)), *(self._claims or {}).get(record, ())}
        for where in places:
            row = self.at(where)
            if row is None or row.reported_as != record or row.role is not role or row.deleted:
                continue
            if self.knows(row) if not emptied else bool(self._emptied) and self._is_emptied(row):
                found.append(row)
        return sorted(found, key=arrival) if len(found) > 1 else found

    def empty(self, table: str) -> list[StoredRow]:
        """Delete the rows of a table that was emptied; what they were."""
        rule = self.mapping.tables[table]
        rows = [self._recall.load(key, value) for key, value in self._entries(rule.role).items() if key not in self.changed]
        mine = [row for row in rows if row.table == table and row.source == self.mapping.source and self._is_emptied(row)]
        for row in mine:
            self.put(without_content(row)._replace(emitted="", reported_as="", refused="", letter=""))
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
        value = self.view.get(key)
        return None if value is None else load_gone(value)

    def all_gone(self, saying: Sequence[bytes] = ()) -> list[Gone]:
        """All records of the visit that were reported and that no row backs any more. saying: what their entries must hold."""
        known = self.view.entries_beside(gone_group(self.key)).items()
        found = [(key, value) for key, value in known if all(one in value for one in saying)] if saying else known
        before = [load_gone(value) for key, value in found if key not in self.changed_gone]
        return [*before, *(gone for gone in self.changed_gone.values() if gone is not None)]

    def moving_until(self, role: TableRole) -> int:
        """Until when (ms) a row of this role may come in another table than the one from which it went; 0 where none may."""
        tables = self.mapping.tables
        moving = [one for one in self.all_gone() if one.role is role and one.deadline < HELD and not one.became]
        return max((one.deadline for one in moving if one.table in tables and tables[one.table].moved_ms), default=0)

    def put_gone(self, gone: Gone) -> None:
        """Remember a record that no row backs any more."""
        self.changed_gone[gone_key(self.key, gone.role, gone.record)] = gone

    def drop_gone(self, gone: Gone) -> None:
        """Forget it: a row backs it again."""
        self.changed_gone[gone_key(self.key, gone.role, gone.record)] = None

    def current(self, row: StoredRow) -> StoredRow:
        """The row as this fold left it; `row` itself where it was not touched since it was read."""
        return self.changed.get(self._keys.get((row.table, row.key)) or self.place(row), row)

    def rows(self, role: TableRole) -> list[StoredRow]:
        """The existing rows of one role that belong to this mapping's source and tables, in the order in which they came."""
        entries, changed, load = self._entries(role), self.changed, self._recall.load
        rows = [changed.get(key) or load(key, value) for key, value in entries.items()]
        rows += [row for key, row in changed.items() if row.role is role and key not in entries]
        rows = [row for row in rows if not row.deleted and self.knows(row)]
        if len(rows) > 1:
            rows.sort(key=arrival)
        return rows

    def lines_under(self, settlement: str) -> list[StoredRow]:
        """The existing fee lines that may name this settlement, in the order in which they came."""
        places = {*self.view.lines_under(self.key, settlement), *(key for key, row in self.changed.items() if row.role is _FEE)}
        rows = [row for where in places if (row := self.at(where)) is not None and not row.deleted and self.knows(row)]
        return sorted(rows, key=arrival)

    @property
    def holds_refunds(self) -> bool:
        """Whether any refund line waits, or waited in vain, for the line that it takes back."""
        return self.view.holds_refunds(self.key) or any(map(_is_held, self.changed.values()))

    def waiting_refunds(self, items: Collection[Item] | None = None) -> list[StoredRow]:
        """The refund lines that wait, or waited in vain, for the line that they take back. items: of these, or of what their
        entries do not say, and those that this fold changed.
        """
        places = {*self.view.refunds(self.key, items), *self.changed}
        rows = [row for where in places if (row := self.at(where)) is not None and _is_held(row) and self.stands(row)]
        return sorted(rows, key=arrival)

    @property
    def ledger(self) -> Ledger:
        """The sums of its lines, where they are kept."""
        if self._ledger is None:
            # Not by methods of this visit: what refers to itself in a circle stays until the collector looks for it.
            self._ledger = Ledger(
                head_of(self.key, self.mapping.source),
                self.view,
                committed=partial(self._recall.committed, self.view),
                claimants=partial(claimed_as, self.view, self.key, {} if self._claims is None else self._claims),
                tables=(name for name in self.mapping.colliding if self.mapping.tables[name].role is _FEE),
            )
        return self._ledger

    @property
    def has_ledger(self) -> bool:
        """Whether there are sums, or were under another mapping."""
        return self._ledger is not None or self.view.get(head_of(self.key, self.mapping.source)) is not None

    @property
    def lines_known(self) -> int | None:
        """How many lines it has, about; None where only looking at each would tell."""
        return self.view.lines_known(self.key)

    @property
    def is_emptied(self) -> bool:
        """Whether tables were emptied and the state is not put right yet: then more rows are gone than their entries say."""
        return bool(self._emptied)

    def lines(self) -> Iterator[tuple[bytes, StoredRow]]:
        """All fee lines of the source by state key, deleted or not, whatever was done to their tables."""
        for where in {*self._entries(_FEE), *(key for key, row in self.changed.items() if row.role is _FEE)}:
            row = self.at(where)
            if row is not None and row.source == self.mapping.source:
                yield where, row

    def place(self, row: StoredRow) -> bytes:
        """The state key of a row."""
        return self._keys.get((row.table, row.key)) or self._place(row.role, row.table, row.key)

    def stands(self, row: StoredRow) -> bool:
        """Whether a row is there, and the mapping knows its table."""
        return not row.deleted and self.knows(row)

    def at(self, where: bytes) -> StoredRow | None:
        """The row of this state key, deleted or not, whatever was done to its table."""
        return self.changed.get(where) or self.before(where)

    def before(self, where: bytes) -> StoredRow | None:
        """The same before the fold."""
        return self._recall.committed(self.view, where)

    def _entries(self, role: TableRole) -> Mapping[bytes, bytes]:
        """The state entries of one role, which do not change while one event is folded."""
        entries = self._groups.get(role)
        if entries is None:
            entries = self._groups[role] = self.view.of_role(self.key, role)
        return entries

    def _place(self, role: TableRole, table: str, key: tuple[str, ...]) -> bytes:
        """The state key of a row that is not in `_keys` yet: it is made once a fold. A mapping's table has one role."""
        where = self._keys[table, key] = key_of(self.key, role, self.mapping.source, table, key)
        return where

    def knows(self, row: StoredRow) -> bool:
        """Whether the mapping still has the row's table: state outlives mappings."""
        rule = self.mapping.tables.get(row.table)
        known = rule is not None and rule.role is row.role and row.source == self.mapping.source
        return known and not (self._emptied and self._is_emptied(row))

    def heads(self) -> Sequence[StoredRow]:
        """The visit's own rows. Nearly always one: of several nobody knows which is meant."""
        if self._heads is None:
            self._heads = self._present_heads()
        return self._heads

    def _present_heads(self) -> Sequence[StoredRow]:
        # Going through `rows` for the one that there is as a rule would double the cost of a line that waits.
        entries = self.view.of_role(self.key, _VISIT)
        if not self._new_heads and len(entries) == 1:
            ((key, value),) = entries.items()
            row = self._recall.load(key, value)
            return (row,) if not row.deleted and self.knows(row) else ()
        where = {*entries, *[key for key, row in self.changed.items() if row.role is _VISIT]}
        if len(where) > 1:
            return self.rows(_VISIT)
        for key in where:
            row = self.changed.get(key) or self._recall.load(key, entries[key])
            return () if row.deleted or not self.knows(row) else (row,)
        return ()

    def entries(self, *, at: int) -> Mapping[bytes, bytes | None]:
        """The state entries that the fold changed at a moment (ms); most rows that are built again come out unchanged and are left
        out. Rows are compared and not their bytes: an entry of an earlier form stays as it is until its row changes.
        """
        found, recall = self._found, self._recall
        entries: dict[bytes, bytes | None] = {}
        moved: list[Moved] = []
        for key, row in self.changed.items():
            before = found[key] if key in found else self.before(key)
            if row != before:
                entries[key] = value = dump(row)
                recall.keep(key, value, row)
                if row.role is not _VISIT:
                    moved.append((key, before, row))
        if moved:
            tally(self, moved, entries, at=at)
            watch(self, moved, entries, at=at)
        for key, gone in self.changed_gone.items():
            if gone is not None or self.view.get(key) is not None:
                entries[key] = None if gone is None else dump_gone(gone)
        if self._ledger is not None:
            entries.update(self._ledger.entries())
        return entries


def _is_held(row: StoredRow) -> bool:
    return _AWAITED_LINE in (row.waits_for or row.refused)
