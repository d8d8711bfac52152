"""The sample hospital's days before the mending and after it: new visits, and another version of a tenth of the records of before.

Rows are also touched without another content, deleted, deleted and inserted in one transaction; the insurance area of visits is
changed, and changed back, which changes their lines. What must be reported of all that comes from the sample hospital's oracle.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sandbox.hospital import Change, Expected, Oracle, Transaction, Verb, Workload, run
from sandbox.hospital.changes import Flaw
from sandbox.hospital.tables import FEES, SETTLEMENTS, VISITS, Cell, Cells
from sandbox.hospital.workload import BAD_SHARE
from sandbox.judge import Ending, read_endings

_NEWER: Final = 0.1
_TOUCHED: Final = 0.05
_DELETED: Final = 0.02
_REINSERTED: Final = 0.02
_AREAS: Final = ("361102", "361103", "361104")
_BACK: Final = 0.5
_SHORT: Final = 8
_CORRECTED: Final = "（更正）"
_LOTS: Final = (0.0, 0.0, 0.0, _NEWER, _NEWER + _TOUCHED, _NEWER + _TOUCHED, _NEWER + _TOUCHED + _DELETED)
"""What a turn does to lines, as a lot would: three are corrected, one is touched, two are deleted, one is inserted again."""
_SERVICE_OF: Final = {VISITS.name: "mdtrt_d", SETTLEMENTS.name: "setl_d", FEES.name: "fee_list_d"}
_SPOILT: Final = Flaw(name="amount broken after reporting", dead_class="VALIDATION", rule="R1")


class Days:
    """connect: to the hospital's database. visits: before the mending; half as many come after it."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Any]], *, visits: int, seed: int = 1) -> None:
        self._connect, self._visits, self._seed = connect, visits, seed
        self.expected: list[Expected] = []
        self._foreseen: tuple[int, list[Ending]] = (-1, [])
        self._followed: list[Transaction] = []
        self._rows: dict[tuple[str, Cell], Change] = {}
        self._right: dict[tuple[str, Cell], Cells] = {}
        self._taken_back: set[Cell] = set()
        self._anew = 0
        self.newer = self.deleted = self.touched = 0

    def before(self) -> None:
        """The bad night: nothing of it is over for the oracle."""
        self._play(_open(Workload(visits=self._visits, seed=self._seed)))

    def after(self, *, rate: float, bad_share: float = BAD_SHARE) -> None:
        """What comes while plans run. bad_share: see `Workload`."""
        rng = random.Random(f"{self._seed}/after")
        workload = Workload(visits=max(1, self._visits // 2), seed=self._seed, first=self._visits + 1, bad_share=bad_share)
        old = list(self._changes_of_before(rng))
        self._play(_alternating(old, list(_open(workload)), rng), rate=rate)

    def more(self, *, first: int, visits: int, rate: float, bad_share: float = BAD_SHARE) -> None:
        """So many visits more, with numbers of their own from `first` on. bad_share: see `Workload`."""
        self._play(_open(Workload(visits=visits, seed=self._seed, first=first, bad_share=bad_share)), rate=rate)

    def turn(self, number: int, *, rate: float) -> None:
        """A moment of a hospital that does not rest: visits that nobody had, and something of everything that is done to rows.
        number: of the turn; another one for each.
        """
        rng = random.Random(f"{self._seed}/turn/{number}")
        workload = Workload(visits=1, seed=self._seed, first=100 * self._visits + number, bad_share=0.0)
        visits = [change.row for (table, _), change in self._sound() if table == VISITS.name]
        old = [one for row in rng.sample(visits, 1) for one in self._moved_area(row, back=rng.random() < _BACK)]
        for row, lot in zip(rng.sample(self.lines(), len(_LOTS)), _LOTS, strict=True):
            old += self._line(row, lot)
        self._play(_alternating(old, list(_open(workload)), rng), rate=rate)

    def lines(self) -> list[Cells]:
        """The fee lines that stand, with nothing wrong in them and no other line that takes them back."""
        return [change.row for (table, key), change in self._sound() if table == FEES.name and key not in self._taken_back]

    def spoil(self, rows: Iterable[Cells]) -> None:
        """Make lines wrong that were right."""
        self._play([_update(FEES, row, flaw=_SPOILT, je=Decimal(f"{row['je']}") + 1) for row in rows])

    def repair(self) -> None:
        """Make every row right again that was right before it became wrong."""
        wrong = [(change, self._right[place]) for place, change in self._rows.items() if change.flaw and place in self._right]
        self._play([_update(now.table, now.row, **_mended(now.row, right)) for now, right in wrong])

    def delete(self, rows: Iterable[Cells]) -> None:
        """Delete lines."""
        self._play([_of(Change(table=FEES, verb=Verb.DELETE, row=row)) for row in rows])

    def moment(self) -> int:
        """How much was done so far."""
        return len(self._followed)

    def between(self, begin: int, end: int) -> set[tuple[str, str]]:
        """By service and key, the rows to which something was done between two moments."""
        changes = [change for transaction in self._followed[begin:end] for change in transaction.changes]
        keys = ((_SERVICE_OF.get(change.table.name), key) for change in changes for key in (change.key, change.was))
        return {(service, f"{key}") for service, key in keys if service and key is not None}

    def endings(self, folder: Any) -> list[Ending]:
        """What must have been reported, in the end, if this is the end. May be asked again after more."""
        if self._foreseen[0] == len(self._followed):
            return self._foreseen[1]
        self.expected = self._expected()
        self._foreseen = len(self._followed), _read(self.expected, folder / "expected.jsonl")
        return self._foreseen[1]

    def read_anew(self) -> None:
        """A capture begins here that knows nothing of before; its endings are `endings_anew`."""
        self._anew = len(self._followed)

    def endings_anew(self, folder: Any, *, until: int | None = None) -> list[Ending]:
        """What must be reported by that capture: of the rows that stood in the database when it began, and of what came since.
        until: as if that moment were the end.
        """
        return _read(self._expected(unseen=self._anew, until=until), folder / "expected-anew.jsonl")

    def _expected(self, *, unseen: int = 0, until: int | None = None) -> list[Expected]:
        found: list[Expected] = []
        oracle, followed = Oracle(found.append), self._followed[:until]
        for transaction in followed[:unseen]:
            oracle.follow(transaction)
        oracle.start_capture()
        for transaction in followed[unseen:]:
            oracle.follow(transaction)
        oracle.finish()
        return found

    def below_refused(self, endings: Iterable[Ending]) -> set[str]:
        """Keys of the lines, those that they had before among them, whose visit or settlement is refused."""
        refused = {one.row_key for one in endings if one.outcome == "refused" and one.id[0] != "fee_list_d"}
        changes = (change for transaction in self._followed for change in transaction.changes if change.table is FEES)
        return {f"{one.key}" for one in changes if refused & {f"{one.row['jzlsh']}", f"{one.row['jsdh']}"}}

    def _play(self, transactions: Iterable[Transaction], *, rate: float | None = None) -> None:
        with self._connect() as conn:
            run(conn, transactions, rate=rate, on_commit=self._follow)

    def _follow(self, transaction: Transaction) -> None:
        self._followed.append(transaction)
        for change in transaction.changes:
            place = change.table.name, change.key
            if change.was is not None:
                self._rows.pop((change.table.name, change.was), None)
            if change.verb is Verb.DELETE:
                self._rows.pop(place, None)
            else:
                self._rows[place] = change
            if change.flaw is None:
                self._right[place] = change.row
            if change.table is FEES and change.row["ytmxid"]:
                self._taken_back |= {change.row["ytmxid"], change.key}

    def _sound(self) -> list[tuple[tuple[str, Cell], Change]]:
        """The rows of visits that stand and have nothing wrong in them."""
        rows = sorted(self._rows.items(), key=lambda one: f"{one[0]}")
        return [(place, change) for place, change in rows if change.flaw is None and change.row.get("jzlsh")]

    def _changes_of_before(self, rng: random.Random) -> Iterator[Transaction]:
        """Of rows with nothing wrong, each at most one thing."""
        for (table, key), change in sorted(self._rows.items(), key=lambda one: f"{one[0]}"):
            lot = rng.random()
            if change.flaw is not None or not change.row.get("jzlsh"):
                continue
            if table == VISITS.name and lot < _NEWER:
                yield from self._moved_area(change.row, back=lot < _NEWER / 2)
            elif table == FEES.name and key not in self._taken_back:
                yield from self._line(change.row, lot)

    def _line(self, row: Cells, lot: float) -> Iterator[Transaction]:
        if lot < _NEWER:
            self.newer += 1
            name = f"{row['xmmc']}"
            yield _update(FEES, row, xmmc=name.removesuffix(_CORRECTED) if name.endswith(_CORRECTED) else f"{name}{_CORRECTED}")
        elif (lot := lot - _NEWER) < _TOUCHED:
            self.touched += 1
            yield _update(FEES, row, xmmc=row["xmmc"])
        elif (lot := lot - _TOUCHED) < _DELETED:
            self.deleted += 1
            yield _of(Change(table=FEES, verb=Verb.DELETE, row=row))
        elif lot - _DELETED < _REINSERTED:
            self.touched += 1
            yield _of(Change(table=FEES, verb=Verb.DELETE, row=row), Change(table=FEES, verb=Verb.INSERT, row=row))

    def _moved_area(self, row: Cells, *, back: bool) -> Iterator[Transaction]:
        self.newer += 1
        other = next(area for area in _AREAS if area != row["cbqh"])
        yield _update(VISITS, row, cbqh=other)
        if back:
            yield _update(VISITS, row, cbqh=row["cbqh"])


def _read(expected: Iterable[Expected], file: Any) -> list[Ending]:
    file.write_bytes(b"".join(one.line() for one in expected))
    return read_endings(file)


def _update(table: Any, row: Cells, *, flaw: Flaw | None = None, **changed: Cell) -> Transaction:
    return _of(Change(table=table, verb=Verb.UPDATE, row={**row, **changed}, changed=tuple(changed), flaw=flaw))


def _mended(row: Cells, right: Cells) -> Cells:
    """A diagnosis whose name is too long, cut; of any other row, what was right before."""
    name = f"{row.get('cyzd_mc') or ''}"
    return {"cyzd_mc": name[:_SHORT]} if name else {column: cell for column, cell in right.items() if row[column] != cell}


def _of(*changes: Change) -> Transaction:
    return Transaction(at=datetime.now(UTC), changes=changes)


def _open(workload: Iterable[Transaction]) -> Iterator[Transaction]:
    """The same, of visits of which more will come."""
    return (replace(one, closes=()) for one in workload)


def _alternating(first: list[Transaction], second: list[Transaction], rng: random.Random) -> Iterator[Transaction]:
    """Both, each in its order, mixed by chance."""
    sides = [0] * len(first) + [1] * len(second)
    rng.shuffle(sides)
    left = iter(first), iter(second)
    return (next(left[side]) for side in sides)
