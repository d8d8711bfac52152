"""Rows that hang under a header, and headers: each goes to the visit of its header, and follows it when that moves.

A pure function of one change and of what is known of its source. What comes of it are messages for visits, in order, and changed
state entries. A header that came, moved, changed what rows under it read, or was deleted, settles all of them again; only what
differs from what was sent before is sent. A row without its header waits; when its time is over it goes on as a letter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from connector.contract import Op
from streams.domain.again import after, again
from streams.domain.changes import RowChange, Truncated
from streams.domain.exchanged import Beneath, held
from streams.domain.keys import ONE_OF, SEPARATOR, joined, of_header
from streams.domain.place import entries
from streams.domain.place.ended import DOUBT, Ended, changed
from streams.domain.place.ended_entries import Claim, Where
from streams.domain.place.entries import NEVER, NOTHING, Entry, Link
from streams.domain.place.headers import DEEPEST, LinkedTable, tables_of
from streams.domain.place.memory import Memory
from streams.domain.place.placed import Named, Out
from streams.domain.records import Row
from streams.domain.told import AMBIGUOUS_HEADER, HEADER_WITHOUT_VISIT, MISSING_HEADER, Told, told_value
from streams.domain.unsent import whole

EXCHANGED: Final = "exchanged"
"""Outcome: of a row under whose key another one stood, or stands, because its transaction exchanges keys."""

_TRANSACTION: Final = "txId"
_NAMES: Final = frozenset({"name", "schema", "table", "version", "db", "sequence", "snapshot", _TRANSACTION})
"""What of a source block is not worth keeping: it is known already, or says how a row was read."""


class _Place(NamedTuple):
    """Where a row belongs now."""

    visit: str | None
    carried: Row
    why: str = ""
    """Without a visit: the rule of its letter."""
    header: str = ""
    """And the header that is to blame."""

    def __repr__(self) -> str:
        """Without what the row holds."""
        return f"_Place(why={self.why!r})"


@dataclass(slots=True, kw_only=True)
class Settling:
    """What one message leads to, while it is collected."""

    memory: Memory
    """What is known of the source."""
    source: str
    """Its name."""
    now: int
    """The time of the message (ms)."""
    ended: Ended | None = None
    """Which visits' claims ended; None where none did."""
    at: int = 0
    """When the change was committed (ms)."""
    transaction: int | str | None = None
    """What capture calls the transaction that it belongs to; it moves what hangs under its rows, too. None: nobody says."""
    out: list[Out] = field(default_factory=list, repr=False)
    """The messages, in order."""

    def row(self, change: RowChange, table: LinkedTable, said: Mapping[str, object]) -> str:
        """Fold a change of a row; says what came of it. said: its source block."""
        key = joined(map(change.row.get, table.key))
        if key is None or not (change.op is Op.DELETE or table.columns <= change.row.keys()):
            return self._unusable()
        where = entries.row_key(table.name, key)
        before, beneath = self.memory.row(where), None
        if before is None:
            before = NEVER
        elif again(change.mark, before.mark):
            return "repeated"
        elif before.beneath is not None or (change.op is Op.CREATE and not before.deleted):
            about, beneath = held(change, None if before.deleted else before.columns, before.beneath)
            if about is None:
                self.memory.put(where, before._replace(mark=after(change.mark, before.mark), beneath=beneath))
                return EXCHANGED
            change = about
        entry = _entry(change, table, before, said=said, beneath=beneath)
        if entry is None:
            return self._unusable()
        if change.op is Op.READ and entry[:3] == before[:3] and not before.deleted:
            return self._read_again(before, table)
        if entry.link == before.link and not before.deleted:
            entry = entry._replace(told=before.told, deadline=before.deadline)
        self.memory.hang(table, key, before=before, entry=entry)
        self.memory.note(where, entry)
        self._settle(where, entry, table, op=change.op)
        self._settle_below(table, before, entry)
        return "hopped" if beneath is None else EXCHANGED

    def truncated(self, change: Truncated, table: LinkedTable) -> None:
        """Forget the rows of a table that was emptied, but for those that came after that, where it is told again. Those under them
        are settled; of the rows themselves the join is told.
        """
        for where in list(self.memory.view.scan(entries.row_key(table.name, ""))):
            before = self.memory.row(where)
            if before is None or before.deleted or again(change.mark, before.mark):
                continue
            entry = Entry(Link(), "", NOTHING, before.source, before.mark, deleted=True, deadline=self._forgotten_at)
            self.memory.hang(table, entries.row_of(where)[1], before=before, entry=entry)
            self.memory.put(where, entry)
            self._settle_below(table, before, entry)

    def tick(self, at: int) -> Iterator[str]:
        """Tell of rows that waited in vain, and forget those that were deleted long ago; says what came of each."""
        for where in list(self.memory.view.due(at)):
            entry, name = self.memory.row(where), entries.row_of(where)[0]
            table = self.memory.tables.by_name.get(name)
            if entry is None or not 0 < entry.deadline <= at:
                continue
            if entry.deleted or table is None:
                self.memory.put(where, None if entry.deleted else entry._replace(deadline=0))
                continue
            place = self._resolve(table, entry.link, DEEPEST)
            told = Told(visit=None, why=place.why, header=place.header)
            named = Named(table.name, entry.columns)
            self.out.append(Out(None, self._value(told, table, entry, op=Op.UPDATE, carried=NOTHING), row=named))
            self.memory.put(where, entry._replace(deadline=0, told=place.why))
            yield "gave_up"

    # Where a row belongs ---------------------------------------------------------------------------------------------------------

    def _resolve(self, table: LinkedTable, link: Link, depth: int) -> _Place:
        if table.beside or not link.headers:
            return _Place(link.visit or None, self._linked(table, link), HEADER_WITHOUT_VISIT)
        header = f"{'|'.join(tables_of(link.headers))}/{link.name}"
        if depth == 0:
            return _Place(None, NOTHING, HEADER_WITHOUT_VISIT, header)
        found: list[_Place] = []
        for upper, entry in self.memory.backing(link):
            above = self._resolve(upper, entry.link, depth - 1)
            if above.visit is None:
                return _Place(None, NOTHING, above.why, above.header or header)
            found.append(_Place(above.visit, {of_header(name): entry.columns.get(name) for name in table.carried}))
        if not found:
            return _Place(None, NOTHING, MISSING_HEADER, header)
        if any(place != found[0] for place in found):
            return _Place(None, NOTHING, AMBIGUOUS_HEADER, header)
        return found[0]

    def _linked(self, table: LinkedTable, link: Link) -> Row:
        """What the links of a row say, as of its header; NULL where it has none. Of several that differ, all of it: which is meant
        is decided where that is known.
        """
        links = [entry.columns for _, entry in self.memory.backing(link)] if link.headers else []
        said = sorted({tuple([columns.get(name) or "" for name in table.carried]) for columns in links})
        alike = zip(*said, strict=True) if said else [()] * len(table.carried)
        return {of_header(name): ONE_OF.join(values) or None for name, values in zip(table.carried, alike, strict=True)}

    # What changes ----------------------------------------------------------------------------------------------------------------

    def _settle_below(self, table: LinkedTable, before: Entry, entry: Entry) -> None:
        """Settle what hangs under a header, unless nothing of it changed that concerns them."""
        if not table.named_by:
            return
        read = self.memory.tables.read[table.name]
        same = before[:2] == entry[:2] and before.deleted == entry.deleted
        if same and all(before.columns.get(name) == entry.columns.get(name) for name in read):
            return
        for name in dict.fromkeys((before.name, entry.name)):
            self._below(table, name, DEEPEST)

    def _below(self, table: LinkedTable, name: str, depth: int) -> None:
        if not name or depth == 0:
            return
        for group in self.memory.tables.groups[table.name]:
            prefix = entries.children_prefix(group, name)
            for child in list(self.memory.there(prefix)):
                below, key = child[len(prefix) :].decode().split(SEPARATOR, 1)
                lower, where = self.memory.tables.by_name.get(below), entries.row_key(below, key)
                entry = self.memory.row(where)
                if lower is None or entry is None or entry.deleted:
                    continue
                self._settle(where, entry, lower, op=None)
                self._below(lower, entry.name, depth - 1)

    def _settle(self, where: bytes, entry: Entry, table: LinkedTable, *, op: Op | None) -> None:
        """Send a row to where it belongs now, and take it away from where it was. op: what was done to the row; None: nothing."""
        if not table.forwarded:
            if op is not None:
                self.memory.put(where, self._resting(entry))
            return
        place = _Place(None, NOTHING) if entry.deleted else self._resolve(table, entry.link, DEEPEST)
        was, visit = entry.sent, place.visit
        moves = was is not None and visit is not None and was != visit
        if was is not None and was != visit:
            left = Told(visit=was, moved="left" if moves else "")
            named = Named(table.name, entry.columns, stays=False, moves=moves)
            self.out.append(Out(was, self._value(left, table, entry, op=Op.DELETE, carried=entry.carried), row=named))
        claim = self._claimed((table.name, where), was, visit)
        if claim is not None and claim is not DOUBT:  # it went from there by a change before
            gone = Told(visit=claim.visit, moved="left")
            self.out.append(Out(claim.visit, self._value(gone, table, entry, op=Op.DELETE, carried=entry.carried)))
            was, moves = claim.visit, True
        if visit is not None:
            if op is not None or was != visit or place.carried != entry.carried:
                told = Told(visit=visit, moved="arrived" if moves else "")
                named = Named(table.name, _whole(entry.columns, place.carried), is_new=op is Op.CREATE, is_read=op is Op.READ)
                arrives = self._value(told, table, entry, op=op or Op.UPDATE, carried=place.carried)
                self.out.append(Out(visit, arrives, was if moves else None, claim is DOUBT, named))
                self.memory.put(where, entry._replace(sent=visit, carried=place.carried, told="", deadline=0))
        elif entry.deleted or table.beside or not entry.link.headers:
            if not entry.deleted:
                self.out.append(Out(None, None))  # it names neither header nor visit
            self.memory.put(where, self._resting(entry))
        elif op is not None or was is not None or (entry.told and entry.told != place.why):
            patience = max(self.memory.tables.patience.wait_ms, table.moved_ms if was is not None else 0)
            waits = 0 if entry.told == place.why else entry.deadline or self.now + patience
            self.memory.put(where, entry._replace(sent=None, carried=NOTHING, deadline=waits))

    def _claimed(self, row: Where, was: str | None, visit: str | None) -> Claim | None:
        """Note that a row's claim ended, or begins; the one that it had in another visit before."""
        ended, both = self.ended, was is not None and visit is not None
        if ended is None or was == visit or both or (was is None and not ended):
            return None
        return changed(ended, None, row, visits=(was, visit), images=(None, None), at=self.at)

    def _resting(self, entry: Entry) -> Entry:
        """A row that is in no visit and waits for nothing; a deleted one is forgotten some day."""
        if entry.deleted:
            return entry._replace(columns=NOTHING, sent=None, carried=NOTHING, deadline=self._forgotten_at)
        return entry._replace(sent=None, carried=NOTHING, deadline=0)

    @property
    def _forgotten_at(self) -> int:
        """When a row that is deleted now is forgotten (ms)."""
        return self.now + self.memory.tables.patience.keep_ms

    def _read_again(self, entry: Entry, table: LinkedTable) -> str:
        """A row that was read as it is known: the join is told that it is there."""
        if entry.sent is not None:
            told = Told(visit=entry.sent)
            value = self._value(told, table, entry, op=Op.READ, carried=entry.carried)
            self.out.append(Out(entry.sent, value, row=Named(table.name, _whole(entry.columns, entry.carried), is_read=True)))
        return "read_again"

    def _unusable(self) -> str:
        self.out.append(Out(None, None))
        return "unplaced"

    def _value(self, told: Told, table: LinkedTable, entry: Entry, *, op: Op, carried: Row) -> bytes:
        schema, _, name = table.name.partition(".")
        source = {**entry.source, "name": self.source, "schema": schema, "table": name}
        if self.transaction is not None:
            source[_TRANSACTION] = self.transaction
        return told_value(told, op=op, row={**entry.columns, **carried}, source=source)


def _whole(columns: Row, carried: Row) -> Row:
    """A row with what its records read of its header."""
    return {**columns, **carried} if carried else columns


def _entry(
    change: RowChange, table: LinkedTable, before: Entry, *, said: Mapping[str, object], beneath: Beneath | None
) -> Entry | None:
    """A row as it is remembered after a change; None where a value was not sent (TOAST) and is not known from before either."""
    deleted = change.op is Op.DELETE
    # What a row is created over is another row.
    known = NOTHING if change.op is Op.CREATE else before.columns
    columns = {name: change.row[name] for name in table.key} if deleted else whole(change, table.columns, known)
    if columns is None:
        return None
    return Entry(
        link=Link() if deleted else table.link(columns),
        name="" if deleted else table.name_of(columns),
        columns=columns,
        source={name: value for name, value in said.items() if name not in _NAMES and value is not None},
        mark=after(change.mark, before.mark),
        deleted=deleted,
        sent=before.sent,
        carried=before.carried,
        beneath=beneath,
    )
