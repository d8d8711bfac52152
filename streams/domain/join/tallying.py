"""Rule R2: the lines of a settlement add up to what it says, to the cent (guide 122). It only warns: lines and settlements arrive
apart, and neither waits for the sum.

Where rows come, change and go, the sums follow (`streams.domain.join.tallies`). That they differ is counted once a settlement, when
they still do after so long that its lines should have come (`lines_within_s`), and anew when they had been the same in between. So
what is counted in the end depends on what rows there are, and not on the order in which they came.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, Protocol, TypeAlias

from connector.contract import TableRole
from streams.domain.join import tallies
from streams.domain.join.entries import SEPARATOR, key_of, visit_key_of
from streams.domain.join.stored import StoredRow
from streams.domain.join.tallies import TOLD, Tally
from streams.domain.join.view import StateView
from streams.domain.normalise.record import CompiledMapping
from streams.domain.normalise.tallied import Share, Tallied
from streams.domain.validate.judge import SUMS
from streams.domain.violations import OF_FIELD

WARNED: Final = f"warned_{SUMS}"
"""Outcome: of a settlement it was counted that its lines add up to something else."""

_FEE: Final = TableRole.FEE
_SETTLEMENT: Final = TableRole.SETTLEMENT
_NONE: Final = Tally()
_READING: Final = 1
"""Of the reading of rows: where a version reads them otherwise than the one before it did, all sums are made anew."""

Moved: TypeAlias = tuple[bytes, StoredRow | None, StoredRow]
"""A line's or settlement's state key, the row before the fold, and the row after it."""

Signed: TypeAlias = tuple[Share, int]
"""What a row says, and whether it is added (1) or taken out (-1)."""


class Visit(Protocol):
    """The visit whose sums are kept, while one event is folded."""

    key: bytes
    """Its key."""
    mapping: CompiledMapping
    """Of the source."""
    view: StateView
    """The state before the fold."""

    def before(self, where: bytes) -> StoredRow | None:
        """The row of a state key before the fold."""

    def at(self, where: bytes) -> StoredRow | None:
        """The same after it."""


class Counts(Protocol):
    """Where it is put down what a tick leads to."""

    kept: set[bytes]
    """The visits that the same tick changed before. They are looked at by the next one."""

    def count(self, outcome: str) -> None:
        """Count an outcome."""

    def take(self, entries: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Change state entries."""


def tally(visit: Visit, moved: Sequence[Moved], entries: dict[bytes, bytes | None], *, at: int) -> None:
    """Put the state entries of sums that a fold changed beside those of its rows. at: now (ms). Made for every change: so no
    function is called that can be spared.
    """
    mapping, get = visit.mapping, visit.view.get
    head, tallied = tallies.head_of(visit.key, mapping.source), mapping.tallied
    known = get(head)
    if tallied is None:
        if known is not None:
            entries.update(_none(visit, head))
        return
    made_by = _made_by(mapping.version)
    if known != made_by:
        entries[head] = made_by
        entries.update(_anew(visit, tallied, head, moved, at=at))
        return
    sums: dict[bytes, Tally] = {}
    for share, sign in _pairs(visit, tallied, moved) if mapping.moves else _of_each(tallied, moved):
        key = tallies.key_of(head, share[0])
        if (before := sums.get(key)) is None:
            before = _NONE if (value := get(key)) is None else tallies.load(value)
        sums[key] = tallies.added(before, share, sign)
    for key, sum_ in sums.items():
        entries[key] = _written(sum_, mapping, at)


@lru_cache(64)
def _made_by(version: str) -> bytes:
    return tallies.dump_head(f"{_READING} {version}")


def _of_each(tallied: Tallied, moved: Sequence[Moved]) -> list[Signed]:
    """What these rows said before, and what they say now. Columns are the same object where only what became of a row changed."""
    share, found = tallied.share, list[Signed]()
    for _, before, row in moved:
        if before is None or before.deleted:
            said = None
        elif before.columns is row.columns:
            continue
        else:
            said = share(before)
        says = None if row.deleted else share(row)
        if says is not None and says != said:
            found.append((says, 1))
        if said is not None and says != said:
            found.append((said, -1))
    return found


def _pairs(visit: Visit, tallied: Tallied, moved: Sequence[Moved]) -> list[Signed]:
    """The same where rows move between tables."""
    units = {_unit(visit, row) for _, _, row in moved}
    pairs = ((_said(tallied, map(visit.before, unit)), _said(tallied, map(visit.at, unit))) for unit in units)
    changed = ((said, says) for said, says in pairs if said != says)
    return [(share, sign) for pair in changed for share, sign in zip(pair, (-1, 1), strict=True) if share is not None]


def _none(visit: Visit, head: bytes) -> Iterator[tuple[bytes, None]]:
    """Without the rule there are no sums: left as they are, they would be wrong when it is wanted again."""
    for key in visit.view.entries_beside(head):
        if key == head or key.startswith(head + SEPARATOR):
            yield key, None


def _anew(visit: Visit, tallied: Tallied, head: bytes, moved: Sequence[Moved], *, at: int) -> Iterator[tuple[bytes, bytes | None]]:
    """The sums of all rows that are there after the fold. What was counted stays counted."""
    places = {where for role in (_FEE, _SETTLEMENT) for where in visit.view.of_role(visit.key, role)}.union(one[0] for one in moved)
    rows = (row for where in places if (row := visit.at(where)) is not None and row.source == visit.mapping.source)
    made: dict[bytes, Tally] = {}
    for unit in {_unit(visit, row) for row in rows}:
        if (share := _said(tallied, map(visit.at, unit))) is not None:
            key = tallies.key_of(head, share.settlement)
            made[key] = tallies.added(made.get(key, _NONE), share, 1)
    for key, value in visit.view.entries_beside(head).items():
        if key in made:
            made[key] = made[key]._replace(deadline=tallies.load(value).deadline)
        elif key.startswith(head + SEPARATOR):
            yield key, None
    for key, sum_ in made.items():
        yield key, _written(sum_, visit.mapping, at)


def _unit(visit: Visit, row: StoredRow) -> tuple[bytes, ...]:
    """The state keys under which a row may stand: that of its own table, and of those between which its rows move. What stands in
    two tables because a job copies it is one line.
    """
    is_move, name = visit.mapping.is_move, row.table
    others = (
        one.name
        for one in visit.mapping.tables.values()
        if one.name != name and (is_move(one.name, name) or is_move(name, one.name))
    )
    return tuple(key_of(visit.key, row.role, row.source, table, row.key) for table in sorted((name, *others)))


def _said(tallied: Tallied, rows: Iterable[StoredRow | None]) -> Share | None:
    """What the first of these rows says that is there."""
    return next((share for row in rows if (share := _share(tallied, row)) is not None), None)


def _share(tallied: Tallied, row: StoredRow | None) -> Share | None:
    """What a row says; None where it is not there."""
    return None if row is None or row.deleted else tallied.share(row)


def _written(sum_: Tally, mapping: CompiledMapping, at: int) -> bytes | None:
    """The entry of a settlement's sums after they changed; None where there is nothing of it any more."""
    if not sum_.differs:
        return tallies.dump(sum_._replace(deadline=0) if sum_.deadline else sum_) if sum_.lines or sum_.settlements else None
    within_ms = mapping.within_ms(mapping.dialect.options.lines_within_s)
    return tallies.dump(sum_ if sum_.deadline else sum_._replace(deadline=at + within_ms))


def _head_in(key: bytes) -> bytes:
    """The state key of what made a sum: without it, the sums are made anew."""
    return SEPARATOR.join(key.split(SEPARATOR)[:3])


class Tallying:
    """What one tick does about sums."""

    def __init__(self, view: StateView) -> None:
        self._view = view
        self._keys: list[bytes] = []

    def meets(self, keys: Iterable[bytes]) -> None:
        """Entries whose time is over, of sums and of others."""
        self._keys += filter(tallies.is_tally, keys)

    def tick(self, run: Counts, at: int, mappings: Mapping[str, CompiledMapping], *, most: int) -> None:
        """Count the settlements whose lines should have come and do not add up, each once. most: so many. Sums that another mapping
        made, or that are not wanted any more, are counted no more: they are made anew, or go, with the next change of a row.
        """
        for key in self._keys[:most]:
            value = None if visit_key_of(key) in run.kept else self._view.get(key)
            if value is not None and (sum_ := tallies.load(value)).differs and 0 < sum_.deadline <= at:
                if not self._is_of(key, mappings):
                    run.take([(key, tallies.dump(sum_._replace(deadline=0))), (_head_in(key), None)])
                    continue
                run.take([(key, tallies.dump(sum_._replace(deadline=TOLD)))])
                run.count(WARNED)
                run.count(f"{OF_FIELD}{SUMS} MEDFEE_SUMAMT")

    def _is_of(self, key: bytes, mappings: Mapping[str, CompiledMapping]) -> bool:
        """Whether its source's present mapping made a sum."""
        head = _head_in(key)
        mapping = mappings.get(head.rpartition(SEPARATOR)[2].decode())
        return mapping is not None and mapping.tallied is not None and self._view.get(head) == _made_by(mapping.version)
