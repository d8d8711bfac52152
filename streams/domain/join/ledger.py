"""What a visit was charged, by institution and item, as sums that are kept up to date while its lines change: so that a refund is
not counted anew over all of them (rule R9, `streams.domain.join.refunds`).

The sums stand in the state beside the visit's rows, and are written with them. Each line says in its own entry what they hold of it
(`StoredRow.charge`), so they are at all times what adding up the entries gives, whatever became of lookups, parents or the mapping
since. They are kept of long stays: they begin when the first refund of a visit of more than a few lines is weighed, or when it has
many lines (`streams.domain.join.limits`); of a stay that an earlier version left, too.

Entry keys: visit key, `t` and source, joined by 0x1f, and `r` with a JSON array: form, and the fee tables of which two lines can be
one record. Where the mapping has others, the sums are made anew. For each item: the same, institution and item, and `r` with a JSON
array: form, balance (decimal text), how many reported records charge something, how many lines that charge something are still to
be reported, how many lines there are. An item without lines has none.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

import orjson

from streams.domain.join.entries import FORM, SEPARATOR, WITH_CHARGE
from streams.domain.join.stored import Arrival, Item, StoredRow, arrival
from streams.domain.join.view import StateView
from streams.errors import Newer

_LETTER: Final = b"t"
_NOTHING: Final = Decimal(0)


class Sum(NamedTuple):
    """What the other lines of an item say to a refund."""

    is_reported: bool
    """Whether a line with a positive amount was reported."""
    is_awaited: bool
    """Whether one is to come."""
    balance: Decimal
    """Of what was reported."""


class Total(NamedTuple):
    """The sums of an item."""

    balance: Decimal = _NOTHING
    """Of what was reported; two lines may back one record, which was charged once, as the first of them says."""
    positive: int = 0
    """How many of these records charge something."""
    awaited: int = 0
    """How many lines that charge something are still to be reported."""
    lines: int = 0
    """How many lines there are."""


class Line(NamedTuple):
    """A line as the sums hold it."""

    item: Item
    """Its institution and item."""
    amount: Decimal
    """Less than 0 of a refund."""
    record: str | bytes
    """As which it was reported; its state key where no other line can be that record."""
    is_reported: bool
    """Whether it was reported."""
    is_awaited: bool
    """Whether it may still be reported: it waits for something."""
    came: Arrival
    """Sorts lines as they came."""

    def __repr__(self) -> str:
        """Without what the line charges."""
        return f"Line(is_reported={self.is_reported}, is_awaited={self.is_awaited})"


def line_of(where: bytes, row: StoredRow | None, *, shared: bool) -> Line | None:
    """A row as a line; None where there is nothing of it in the sums. shared: whether two rows can be one record."""
    if row is None or row.charge is None:
        return None
    awaited, record = row.is_awaited, row.reported_as if shared and row.reported_as else where
    amount = Decimal(row.charge.amount)
    return Line(row.charge.item_of, amount, record, bool(row.emitted) and not awaited, awaited, arrival(row))


class Ledger:
    """The sums of one visit and source while one event is folded.

    committed: a row as it is in the state, by state key. claimants: the state keys of lines that are reported as a record, perhaps
    with others. tables: the fee tables of which two lines can be one record.
    """

    __slots__ = (
        "_claimants",
        "_committed",
        "_from_nothing",
        "_head",
        "_is_kept",
        "_lines",
        "_shared",
        "_stale",
        "_tag",
        "_totals",
        "_view",
    )

    def __init__(
        self,
        head: bytes,
        view: StateView,
        *,
        committed: Callable[[bytes], StoredRow | None],
        claimants: Callable[[str], Iterable[bytes]],
        tables: Iterable[str],
    ) -> None:
        self._head = head
        self._view = view
        self._committed = committed
        self._claimants = claimants
        self._tag = tuple(sorted(tables))
        self._shared = bool(self._tag)
        self._totals: dict[bytes, Total] = {}
        self._lines: dict[bytes, Line | None] = {}
        self._stale: set[bytes] = set()
        """Entries that go unless they are made again."""
        self._from_nothing = False
        """Whether the sums are made anew in this fold."""
        value = view.get(head)
        self._is_kept = value is not None and tables_in(value) == self._tag
        if value is not None and not self._is_kept:
            self._stale.add(head)

    @property
    def is_kept(self) -> bool:
        """Whether there are sums."""
        return self._is_kept

    def begin(self) -> None:
        """Make the sums anew: of no line, until it is put in."""
        self._is_kept = self._from_nothing = True
        self._stale |= {key for key in self._view.entries_beside(self._head) if key.startswith(self._head + SEPARATOR)}
        self._totals.clear()
        self._lines.clear()

    def put(self, where: bytes, row: StoredRow | None) -> None:
        """A line as it is now; None where there is none."""
        before, now = self._held(where), line_of(where, row, shared=self._shared)
        if before == now:
            return
        records = {(line.item, line.record) for line in (before, now) if line is not None and line.is_reported}
        for item, record in records:
            self._add(item, record, -1)
        self._lines[where] = now
        for item, record in records:
            self._add(item, record, 1)
        for line, sign in ((before, -1), (now, 1)):
            if line is not None:
                self._change(line.item, awaited=sign * _is_to_come(line), lines=sign)

    def sum_of(self, item: Item, *, but: bytes, record: str) -> Sum:
        """What all lines of an item say to one of them. record: which that is, or will be."""
        balance, positive, awaited, _ = self._total(self._key(item))
        own = self._held(but)
        mine = own if own is not None and own.item == item else None
        names: set[str | bytes] = {record} if self._shared else {but}
        if mine is not None:
            awaited -= _is_to_come(mine)
            names |= {mine.record} if mine.is_reported else set()
        for name in names:
            lines = self._reported(item, name)
            others = [] if name == record else [line for where, line in lines.items() if where != but]
            for those, sign in ((lines.values(), -1), (others, 1)):
                if those:
                    amount = _first(those).amount
                    balance += sign * amount
                    positive += sign * (amount > 0)
        return Sum(is_reported=positive > 0, is_awaited=awaited > 0, balance=balance)

    def entries(self) -> Iterator[tuple[bytes, bytes | None]]:
        """The state entries that the fold changed."""
        if self._from_nothing:
            yield self._head, b"r" + orjson.dumps([WITH_CHARGE, self._tag])
        for key, total in self._totals.items():
            value = dump_total(total) if total.lines else None
            if value != self._view.get(key):
                yield key, value
        for key in self._stale:
            if key not in self._totals and not (key == self._head and self._from_nothing):
                yield key, None

    def _key(self, item: Item) -> bytes:
        return SEPARATOR.join((self._head, item[0].encode(), item[1].encode()))

    def _held(self, where: bytes) -> Line | None:
        """A line as the sums hold it."""
        if where in self._lines:
            return self._lines[where]
        return None if self._from_nothing else line_of(where, self._committed(where), shared=self._shared)

    def _reported(self, item: Item, record: str | bytes) -> dict[bytes, Line]:
        """The lines of an item that were reported as a record."""
        places = (record,) if isinstance(record, bytes) else self._claimants(record)
        lines = {where: line for where in places if (line := self._held(where)) is not None}
        return {where: line for where, line in lines.items() if line.is_reported and (line.item, line.record) == (item, record)}

    def _add(self, item: Item, record: str | bytes, sign: int) -> None:
        """Add a record to the sums, or take it out."""
        if lines := self._reported(item, record):
            amount = _first(lines.values()).amount
            self._change(item, balance=sign * amount, positive=sign * (amount > 0))

    def _change(self, item: Item, *, balance: Decimal = _NOTHING, positive: int = 0, awaited: int = 0, lines: int = 0) -> None:
        key = self._key(item)
        total = self._total(key)
        self._totals[key] = Total(total.balance + balance, total.positive + positive, total.awaited + awaited, total.lines + lines)

    def _total(self, key: bytes) -> Total:
        total = self._totals.get(key)
        if total is not None:
            return total
        value = None if self._from_nothing else self._view.get(key)
        return Total() if value is None else load_total(value)


def head_of(visit_key: bytes, source: str) -> bytes:
    """The state key that says that there are sums of a visit's lines."""
    return SEPARATOR.join((visit_key, _LETTER, source.encode()))


def is_sum(key: bytes) -> bool:
    """Whether a state key is of the sums of a visit, and not of a row."""
    after = key.index(SEPARATOR) + 1
    return key[after : after + 2] == _LETTER + SEPARATOR


def dump_total(total: Total) -> bytes:
    """The state value of an item's sums."""
    return b"r" + orjson.dumps([WITH_CHARGE, str(total.balance), *total[1:]])


def load_total(value: bytes) -> Total:
    """The sums in a state value. Raises Newer where a later version wrote it."""
    form, *members = orjson.loads(value[1:])
    _demand_known(form)
    balance, positive, awaited, lines = members
    return Total(Decimal(balance), positive, awaited, lines)


@lru_cache(64)
def tables_in(value: bytes) -> tuple[str, ...]:
    """The fee tables in the state value that says that there are sums. Raises Newer where a later version wrote it."""
    form, *members = orjson.loads(value[1:])
    _demand_known(form)
    return tuple(members[0])


def _demand_known(form: int) -> None:
    if form > FORM:
        raise Newer(f"the sums of a visit in visit.state (form {form}; this version knows {FORM})")


def _first(lines: Iterable[Line]) -> Line:
    return min(lines, key=lambda line: line.came)


def _is_to_come(line: Line) -> int:
    return int(line.is_awaited and line.amount > 0)
