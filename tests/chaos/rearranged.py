"""A hospital that sorts its fee lines anew: two lines of a visit get the keys of each other, in one statement; and a line that was
written into the wrong visit goes there and comes back, by transactions of their own.

Both happen when nothing more comes of a visit, and to lines with nothing wrong that no refund takes back. What must be reported of
them follows from the rows as of all others.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import psycopg
from psycopg import sql

from sandbox.hospital import Transaction, Verb
from sandbox.hospital.changes import Change
from sandbox.hospital.database import statement, values
from sandbox.hospital.tables import FEES, SETTLEMENTS, VISITS, Cell, Cells

_KINDS: Final = 3
_KEY, _VISIT, _SETTLEMENT, _OCCURRED, _TAKES_BACK = "mxid", "jzlsh", "jsdh", "fysj", "ytmxid"
_FEES: Final = sql.Identifier(*FEES.name.split("."))
_ALLOW: Final = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}, ADD PRIMARY KEY ({}) DEFERRABLE").format(
    _FEES, sql.Identifier(f"{FEES.name.split('.')[1]}_pkey"), sql.Identifier(_KEY)
)
_EXCHANGE: Final = sql.SQL(
    "UPDATE {fees} SET {key} = CASE {key} WHEN %(one)s THEN %(other)s ELSE %(one)s END WHERE {key} IN (%(one)s, %(other)s)"
).format(fees=_FEES, key=sql.Identifier(_KEY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange(Transaction):
    """One statement, after which each of two rows stands under the key of the other."""


def allow_exchange(link: psycopg.Connection) -> None:
    """Look at the keys of fee lines at the end of a statement, and not row by row."""
    link.execute(_ALLOW)


def play(link: psycopg.Connection, transaction: Transaction) -> None:
    """Execute the statements of a transaction."""
    if isinstance(transaction, Exchange):
        one, other = transaction.changes
        link.execute(_EXCHANGE, {"one": one.key, "other": other.key})
        return
    for change in transaction.changes:
        link.execute(statement(change, link), values(change))


@dataclass(slots=True)
class _Visit:
    """The rows of a visit of which something is still to come, by key, each with its last change."""

    heads: dict[Cell, Change] = field(default_factory=dict)
    settlements: dict[Cell, Change] = field(default_factory=dict)
    lines: dict[Cell, Change] = field(default_factory=dict)

    def take(self, change: Change) -> None:
        rows = {VISITS.name: self.heads, SETTLEMENTS.name: self.settlements, FEES.name: self.lines}[change.table.name]
        rows.pop(change.key if change.was is None else change.was, None)
        if change.verb is not Verb.DELETE:
            rows[change.key] = change

    def sound(self) -> list[Cells]:
        """The lines that are reported, and that no refund takes back, where nothing is wrong with the visit."""
        if len(self.heads) != 1 or any(head.flaw is not None for head in self.heads.values()):
            return []
        settled = {key for key, settlement in self.settlements.items() if settlement.flaw is None}
        refunds = {line.row[_TAKES_BACK] for line in self.lines.values()}
        return [
            line.row
            for key, line in self.lines.items()
            if line.flaw is None and line.row[_SETTLEMENT] in settled and line.row[_TAKES_BACK] is None and key not in refunds
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extra:
    """What a visit's lines are sorted by. now: behind its last transaction. back: before the next one that touches one of `visits`;
    None where nothing is to come back.
    """

    now: Transaction
    back: Transaction | None = None
    visits: frozenset[str] = frozenset()


def rearranged(transactions: Iterable[Transaction]) -> Iterator[Transaction]:
    """These, and between them the ones that sort lines anew. The same for the same ones."""
    visits: defaultdict[str, _Visit] = defaultdict(_Visit)
    away: list[_Extra] = []
    for transaction in transactions:
        changes = [change for change in transaction.changes if change.table.visit_key is not None]
        touched = {*transaction.closes, *(f"{change.row[_VISIT]}" for change in changes)}
        for one in [one for one in away if one.visits & touched]:
            away.remove(one)
            yield from _back(one)
        for change in changes:
            visits[f"{change.row[_VISIT]}"].take(change)
        closed = {key: visits.pop(key) for key in transaction.closes if key in visits}
        extra = next((found for key in closed if (found := _extra(transaction, key, closed[key], visits)) is not None), None)
        if extra is None:
            yield transaction
        else:
            yield replace(transaction, closes=())
            yield extra.now
            away += [extra] if extra.back is not None else []
    for one in away:
        yield from _back(one)


def _back(extra: _Extra) -> Iterator[Transaction]:
    if extra.back is not None:
        yield extra.back


def _extra(last: Transaction, key: str, visit: _Visit, others: Mapping[str, _Visit]) -> _Extra | None:
    """What comes behind the last transaction of a visit."""
    kind, lines = zlib.crc32(key.encode()) % _KINDS, visit.sound()
    if kind == 1 and len(lines) > 1:
        one, other = lines[0], lines[-1]
        changes = (_under(other, one[_KEY]), _under(one, other[_KEY]))
        return _Extra(now=Exchange(at=last.at, changes=changes, closes=last.closes))
    if kind == 2 and lines and (found := _another(lines[-1], key, others)) is not None:
        there, beside = found
        line = lines[-1]
        row = {**line, **{name: beside[name] for name in (_VISIT, _SETTLEMENT, _OCCURRED)}}
        now = Transaction(at=last.at, changes=(_moved(row, left=key),))
        back = Transaction(at=last.at, changes=(_moved(line, left=there),), closes=last.closes)
        return _Extra(now=now, back=back, visits=frozenset((key, there)))
    return None


def _another(line: Cells, key: str, others: Mapping[str, _Visit]) -> tuple[str, Cells] | None:
    """Another visit of the institution and of the kind, and a line of it that is reported."""
    found = [
        (other, lines[0])
        for other, visit in others.items()
        if other[:2] == key[:2] and (lines := visit.sound()) and lines[0]["jgdm"] == line["jgdm"]
    ]
    return found[zlib.crc32(key.encode()) // _KINDS % len(found)] if found else None


def _under(row: Cells, key: Cell) -> Change:
    return Change(table=FEES, verb=Verb.UPDATE, row={**row, _KEY: key}, changed=(_KEY,))


def _moved(row: Cells, *, left: str) -> Change:
    return Change(table=FEES, verb=Verb.UPDATE, row=row, changed=(_VISIT, _SETTLEMENT, _OCCURRED), left=left)
