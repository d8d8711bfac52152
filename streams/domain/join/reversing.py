"""Rule R25: a reversed settlement is never sent alone: the one that it takes back is reported, too (guide 125-128). It only warns.

The interface has no field by which the one names the other (§3.3.2). So a settlement below 0 takes back one of the same amount in
its visit, and each is taken back once. It is judged so long after it came, or got another amount (`reversals_within_s`), because
the other one may come later, as where the table of refunds is read first; and again when the one that it takes back goes, or gets
another amount. Of a visit without such settlements nothing is kept.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from connector.contract import TableRole
from streams.domain.join import reversals
from streams.domain.join.stored import StoredRow
from streams.domain.join.tallying import Moved
from streams.domain.join.view import StateView
from streams.domain.normalise.record import CompiledMapping
from streams.domain.normalise.tallied import Tallied

_SETTLEMENT: Final = TableRole.SETTLEMENT


class Visit(Protocol):
    """The visit, while one event is folded."""

    mapping: CompiledMapping
    """Of the source."""
    view: StateView
    """The state before the fold."""

    def rows(self, role: TableRole) -> Sequence[StoredRow]:
        """The existing rows of one role, in the order in which they came."""

    def place(self, row: StoredRow) -> bytes:
        """The state key of a row."""


def watch(visit: Visit, moved: Sequence[Moved], entries: dict[bytes, bytes | None], *, at: int) -> None:
    """Put the state entries of reversed settlements that are to be judged beside those of the rows that a fold changed. at: now
    (ms).
    """
    stated = visit.mapping.stated
    if stated is None:
        return
    for one in moved:
        if one[2].role is _SETTLEMENT:
            break
    else:  # as nearly all
        return
    lost, due = Counter[int](), reversals.dump(at + visit.mapping.within_ms(visit.mapping.dialect.options.reversals_within_s))
    for where, was, now in _of_settlements(moved, stated):
        if was > 0:
            lost[was] += 1
        key = reversals.key_of(where)
        if now < 0:
            entries[key] = due
        elif was < 0 and visit.view.get(key) is not None:
            entries[key] = None
    for cents, count in lost.items():
        for row in alone(visit.rows(_SETTLEMENT), stated, cents)[:count]:
            entries[reversals.key_of(visit.place(row))] = due


def alone(rows: Iterable[StoredRow], stated: Tallied, cents: int) -> list[StoredRow]:
    """The settlements of a visit that take back so many cents, but for those that came first and take back one of the visit. Two
    rows may be one record, which counts once.
    """
    reversed_, positive, records = list[StoredRow](), 0, set[str]()
    for row in rows:
        amount = cents_of(stated, row)
        if abs(amount) != cents or row.reported_as in records:
            continue
        if row.reported_as:
            records.add(row.reported_as)
        if amount > 0:
            positive += 1
        else:
            reversed_.append(row)
    return reversed_[positive:]


def cents_of(stated: Tallied, row: StoredRow | None) -> int:
    """What a settlement says; 0 of one that is not there, or whose amount cannot be read."""
    share = None if row is None or row.deleted else stated.share(row)
    return 0 if share is None else share.cents or 0


def _of_settlements(moved: Sequence[Moved], stated: Tallied) -> Iterator[tuple[bytes, int, int]]:
    """State key of each settlement whose amount changed, and what it said before and says now. Columns are the same object where
    only what became of a row changed.
    """
    for where, before, row in moved:
        if row.role is _SETTLEMENT and (before is None or before.columns is not row.columns):
            was, now = cents_of(stated, before), cents_of(stated, row)
            if was != now:
                yield where, was, now
