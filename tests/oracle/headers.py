"""Random courses of a hospital whose lines know only their bill, held against what the rows alone say that stand there in the end.

`python -m tests.oracle.headers` runs many (part of `make oracle-proof`). A seed is a course. The expectation shares no code with
the place stage: it looks for each row's header among the rows, again and again.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

import orjson

from connector.contract import Mark, Op
from streams.domain.again import after, again
from streams.domain.changes import Incoming, RowChange, decode
from streams.domain.keys import SEPARATOR, VisitKey
from streams.domain.place import entries
from streams.domain.place.fold import Folded, Placer
from streams.domain.place.going import NOTHING
from streams.domain.place.headers import LinkedTable, LinkedTables, Patience
from streams.domain.ticks import tick_value
from streams.lanes.place.state import Overlay, PlaceState
from streams.lanes.ports import TopicPartition
from tests.oracle.bills import BEGIN_MS, CARRIED, COLUMNS, HEADERS, SOURCE, UNDER, WAIT_MS, Hospital, Row, Where
from tests.oracle.stages import run_many


def linked() -> LinkedTables:
    """The tables as the place stage knows them."""
    own = {"h.adm": VisitKey(("org", "no"), "I")} | {name: VisitKey(("reg",)) for name in ("h.bill", "h.old_bill", "h.item")}
    named = {"h.adm": ("id",), "h.bill": ("id",), "h.old_bill": ("id",), "h.slip": ("slip",)}
    tables = (
        LinkedTable(
            name=name,
            key=("id",),
            columns=frozenset({"id", "v", *columns}),
            visit_key=own.get(name),
            under=UNDER[name][0] if name in UNDER else (),
            header=(UNDER[name][1],) if name in UNDER else (),
            named_by=named.get(name, ()),
            carried=CARRIED.get(name, ()),
            forwarded=name not in HEADERS,
        )
        for name, columns in COLUMNS.items()
        if name != "h.pay"
    )
    return LinkedTables(tables, Patience(wait_ms=WAIT_MS))


def course(rng: Random, hospital: Hospital, length: int) -> Iterator[tuple[bytes, int]]:
    """What capture tells, with its time: changes in the order of the log, suffixes again, reads, and the time."""
    sent, clock = 0, BEGIN_MS
    while length > 0 or sent < len(hospital.log):
        clock += rng.choice((10, 100, 1_000, 8_000))
        if length > 0:
            hospital.act()
            length -= 1
        if sent < len(hospital.log) and rng.random() < 0.9:
            yield hospital.log[sent], clock
            sent += 1
        chance = rng.random()
        if chance < 0.04 and sent:
            for value in hospital.log[rng.randrange(max(0, sent - 25), sent) : sent]:
                yield value, clock
        elif chance < 0.08:
            yield tick_value(clock, []), clock
        elif chance < 0.1 and sent == len(hospital.log) and (value := hospital.read(clock)) is not None:
            yield value, clock
    yield tick_value(clock + 10 * WAIT_MS, []), clock + 10 * WAIT_MS


@dataclass(slots=True)
class Visits:
    """What the join makes of the messages, and no more."""

    rows: dict[tuple[str, str, str], dict[str, str | None]] = field(default_factory=dict)
    letters: dict[Where, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    _marks: dict[tuple[str, str, str], Mark | None] = field(default_factory=dict)
    _last: dict[Where, int] = field(default_factory=dict)
    gone: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """The transactions in which rows were told as deleted, by their own delete and not because a header went."""

    def take(self, folded: Folded, value: bytes) -> None:
        """Take the messages of one fold. value: what was folded."""
        envelope = orjson.loads(value)
        own = (f"h.{envelope['source']['table']}", envelope["before"]["id"]) if envelope.get("op") == "d" else None
        for one in folded.placed:
            change = decode(one.value)
            if isinstance(change, RowChange):
                self._row(change, one.key, own)

    def _row(self, change: RowChange, visit: bytes | None, deleted: Where | None) -> None:
        where = change.table, f"{change.row['id']}"
        if change.told is not None and change.told.visit is None:
            self.letters[where] = change.told.why
            return
        if visit is None or (change.told is not None and change.told.visit != visit.decode()):
            if visit is not None:
                self.faults.append(f"{where} is said to belong elsewhere than where it was sent")
            return
        place = visit.decode(), *where
        if again(change.mark, self._marks.get(place)):
            return
        self._marks[place] = after(change.mark, self._marks.get(place))
        if change.op is Op.DELETE:
            self.rows.pop(place, None)
            self.gone[place] = "" if change.left or where != deleted else change.transaction
            return
        told = [one for one, tx in self.gone.items() if tx == change.transaction and one[1:] == where and one != place]
        if told and change.op is Op.CREATE and change.told is not None:
            self.faults.append(f"{where} was told as deleted in {told[0][0]}, and came to {visit.decode()}")
        version = int(f"{change.row['v']}")
        if version < self._last.get(where, 0):
            self.faults.append(f"an older content of {where} after a newer one")
        self._last[where] = version
        self.rows[place] = dict(change.row)
        if others := [each for each in self.rows if each[1:] == where and each != place]:
            self.faults.append(f"{where} stands in {others[0][0]} and in {visit.decode()}")


def text(value: object) -> str | None:
    """A value as text."""
    return None if value is None else f"{value}"


def expected(rows: Mapping[Where, Row]) -> tuple[dict[tuple[str, str, str], dict[str, str | None]], dict[Where, str]]:
    """The rows by their visit, and those without one, each with the reason."""
    placed, unplaced = {}, {}
    for (table, key), row in rows.items():
        if table in HEADERS:
            continue
        visit, carried, why = visit_of(table, row, rows)
        if visit is not None:
            own = {name: text(value) for name, value in row.items()}
            placed[visit, table, key] = own | {f"header.{name}": text(value) for name, value in carried.items()}
        elif why:
            unplaced[table, key] = why
    return placed, unplaced


def visit_of(table: str, row: Row, rows: Mapping[Where, Row]) -> tuple[str | None, Row, str]:
    """Visit, columns of the header, and why there is none."""
    if table in UNDER:
        tables, column, named_by = UNDER[table]
        if (name := text(row[column])) is not None:
            backing = [(one, each) for (one, _), each in rows.items() if one in tables and stripped(each[named_by]) == name.strip()]
            return agreed(table, backing, rows)
    if table == "h.adm":
        return f"I{row['org']}/{row['no']}", {}, ""
    return row.get("reg"), dict.fromkeys(CARRIED.get(table, ())), ""  # of a header that it has not, nothing is known


def agreed(table: str, backing: list[tuple[str, Row]], rows: Mapping[Where, Row]) -> tuple[str | None, Row, str]:
    """Where the rows that are a header say that a row under it belongs."""
    found: list[tuple[str | None, Row]] = []
    for upper, each in sorted(backing, key=lambda one: (one[0], one[1]["id"])):
        visit, _, why = visit_of(upper, each, rows)
        if visit is None:
            return None, {}, why or "without"
        found.append((visit, {name: each[name] for name in CARRIED.get(table, ())}))
    if not found:
        return None, {}, "MISSING_HEADER"
    if any(one != found[0] for one in found):
        return None, {}, "AMBIGUOUS_HEADER"
    return *found[0], ""


def stripped(value: object) -> str | None:
    """A name without the blanks at its ends."""
    return None if value is None else f"{value}".strip()


def faults(seed: int) -> list[str]:
    """What went wrong in one course."""
    rng = Random(seed)
    hospital = Hospital(rng)
    placer = Placer({(SOURCE, "h.pay"): VisitKey(("reg",))}, partitions=5, linked={SOURCE: linked()})
    state, stored, visits = PlaceState(TopicPartition("place.state", 0)), dict[bytes, bytes | None](), Visits()
    going = NOTHING
    for offset, (value, at) in enumerate(course(rng, hospital, rng.randrange(10, 90))):
        if rng.random() < 0.02:  # another worker takes over
            state = PlaceState(TopicPartition("place.state", 0))
            state.apply(stored, position=offset)
            going = NOTHING
            visits.gone.clear()
        overlay = Overlay(state)
        folded = placer.fold(Incoming("rows.his", 0, offset, None, value, (), at), overlay, source=SOURCE, going=going)
        going = folded.going
        overlay.apply(folded.state)
        state.apply(overlay.changed, position=offset + 1)
        stored |= overlay.changed
        visits.take(folded, value)
    placed, unplaced = expected(hospital.rows)
    found = [*visits.faults, *stale(stored)]
    found += [f"{place} is missing" for place in placed.keys() - visits.rows.keys()]
    found += [f"{place} is still there" for place in visits.rows.keys() - placed.keys()]
    found += [
        f"{place} holds something else" for place in placed.keys() & visits.rows.keys() if placed[place] != visits.rows[place]
    ]
    for where, why in unplaced.items():
        if visits.letters.get(where) != ("HEADER_WITHOUT_VISIT" if why == "without" else why):
            found.append(f"{where} was told as {visits.letters.get(where)} and is {why}")
    return found


def stale(stored: Mapping[bytes, bytes | None]) -> Iterator[str]:
    """What is still remembered of links that are gone: it would grow for ever."""
    rows = {entries.row_of(key): entries.load(key, value) for key, value in stored.items() if value and entries.is_row(key)}
    for key in [key for key, value in stored.items() if value == entries.THERE]:
        kind, *parts = key.decode().split(SEPARATOR)
        row = rows.get((parts[2], parts[3]) if kind == "C" else (parts[0], parts[2]))
        if row is None or (row.link[1:] != (*parts[:2],) if kind == "C" else row.name != parts[1]):
            yield f"{kind} {parts} is remembered"


if __name__ == "__main__":
    sys.exit(run_many("headers", faults, count=20_000))
