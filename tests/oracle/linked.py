"""Random courses of a hospital in which a third table says which line is of which settlement, held against what the rows alone say
that stand there in the end.

Rows of all three tables come in any order, change, leave their visit and go; capture sends again what it sent, rows are read, and
workers change. The expectation shares no code with the stages: it looks for each line's settlements among the rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, Final, NamedTuple

import orjson

from streams.domain.changes import Incoming
from streams.domain.join.fold import Joiner
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING
from streams.fold_wiring import placer_of
from streams.lanes.place.state import Overlay, PlaceState
from streams.lanes.ports import TopicPartition
from streams.mapping import Site, compile_site, load_site
from streams.mapping.settled import Settled
from streams.mapping.tables import Table
from tests.oracle.stages import run_many
from tests.unit.streams.domain.join.join_rig import CHARGE, DAY_MS, LIMITS, SETTLE, SITE, VISIT, Join, envelope

Row = dict[str, Any]
Where = tuple[str, str]

VISITS, SETTLES, LINES, LINKS = "h.visit", "h.settle", "h.charge", "h.paid"
KEY: Final = {VISITS: "visit_id", SETTLES: "settle_no", LINES: "charge_id", LINKS: "id"}
THROUGH: Final = {"table": LINKS, "line": "line_id", "settlement": "pay_id"}


@cache
def site() -> Site:
    """Of the tests of the join, with a link table."""
    plain = load_site(SITE)
    his = plain.mappings["his"]
    link = Table.model_validate({"table": LINKS, "role": "link", "key": ["id"]})
    through = Settled.model_validate({"through": THROUGH})
    tables = [one.model_copy(update={"settlement": through} if one.table == LINES else {}) for one in his.tables]
    fee = his.records.fee_list_d
    assert fee is not None
    fields = {**fee.fields, "SETL_ID": fee.fields["SETL_ID"].model_copy(update={"of": "settlement"})}
    records = his.records.model_copy(update={"fee_list_d": fee.model_copy(update={"fields": fields})})
    return plain.model_copy(
        update={"mappings": {**plain.mappings, "his": his.model_copy(update={"tables": (*tables, link), "records": records})}}
    )


class Stages(NamedTuple):
    """Of the site."""

    placer: Placer
    joiner: Joiner


@cache
def stages() -> Stages:
    mappings = compile_site(site())
    return Stages(placer_of(site()), Joiner(mappings, LIMITS, zone=mappings["his"].dialect.zone))


@dataclass
class Course:
    """One course. rng: decides everything."""

    rng: Random
    rows: dict[Where, Row] = field(default_factory=dict)
    log: list[tuple[bytes, bytes]] = field(default_factory=list)
    sent: int = 0
    at: int = 100
    stored: dict[bytes, bytes | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.join = Join(joiner=stages().joiner)
        self._begin_anew()

    def run(self) -> list[str]:
        for name in ("V1", "V2"):
            self._say("c", VISITS, VISIT | {"visit_id": name})
        for _ in range(self.rng.randint(10, 45)):
            self.rng.choices(
                [self._act, self._stream, self._repeat, self._read, self._begin_anew, self._tick], [12, 6, 1, 1, 0.5, 1]
            )[0]()
        self._stream(len(self.log))
        for days in (0, 1, 62, 1):
            self._tick(days)
        return [*self._wrong()]

    # The hospital

    def _act(self) -> None:
        rng = self.rng
        table = rng.choice([SETTLES, LINES, LINES, LINKS, LINKS, LINKS])
        name = f"{table[2]}{rng.randint(1, 3)}"
        before = self.rows.get((table, name))
        if before is not None and rng.random() < 0.25:
            self._say("d", table, before)
            return
        visit = rng.choice(["V1", "V1", "V2"])
        row: Row = {
            SETTLES: SETTLE | {"settle_no": name, "visit_id": visit},
            LINES: CHARGE | {"charge_id": name, "visit_id": visit, "item": rng.choice(["青霉素", "头孢"])},
            LINKS: {"id": name, "line_id": rng.choice(["c1", "c2", "c3", None]), "pay_id": rng.choice(["s1", "s2", "s3", None])},
        }[table]
        self._say("c" if before is None else "u", table, row, before=before)

    def _say(self, op: str, table: str, row: Row, *, before: Row | None = None) -> None:
        key = row[KEY[table]]
        if op == "d":
            del self.rows[table, key]
        else:
            self.rows[table, key] = row
        self.at += 1
        value = envelope(table, op, row, at=self.at, before=before, txId=self.at, ts_us=(self.join.now + self.at) * 1000)
        self.log.append((orjson.dumps({KEY[table]: key}), value))

    # Capture and stages

    def _stream(self, most: int = 5) -> None:
        for key, value in self.log[self.sent :][:most]:
            self._take(key, value)
            self.sent += 1

    def _repeat(self) -> None:
        begin = self.rng.randint(max(0, self.sent - 10), self.sent)
        for key, value in self.log[begin : self.sent]:
            self._take(key, value)

    def _read(self) -> None:
        """A table is read on demand, when capture has told all that was done."""
        self._stream(len(self.log))
        table = self.rng.choice([SETTLES, LINES, LINKS])
        for (one, key), row in [*self.rows.items()]:
            if one == table:
                self._take(orjson.dumps({KEY[table]: key}), envelope(table, "r", row, at=None, snapshot="incremental"))

    def _begin_anew(self) -> None:
        """Another worker takes over."""
        self.state, self.going = PlaceState(TopicPartition("place.state", 0)), NOTHING
        self.state.apply(self.stored, position=self.at)

    def _tick(self, days: int = 0) -> None:
        self.join.tick(after_ms=days * DAY_MS)

    def _take(self, key: bytes, value: bytes) -> None:
        overlay = Overlay(self.state)
        incoming = Incoming("rows.his", 0, self.at, key, value, (), self.join.now)
        folded = stages().placer.fold(incoming, overlay, source="his", going=self.going)
        self.going = folded.going
        overlay.apply(folded.state)
        self.state.apply(overlay.changed, position=self.at)
        self.stored |= overlay.changed
        for one in folded.placed:
            self.join.send(one.value, headers=(("from", b"his/b"), ("seq", b"1"), *one.headers), key=one.key)

    # The verdict

    def _wrong(self) -> Iterator[str]:
        held = {key: orjson.loads(value) for (service, _, key), value in self.join.last().items() if service == "fee_list_d"}
        told = {letter.record_key for letter in self.join.open() if letter.service == "fee_list_d"}
        gone = {one.split()[2] for one in self.join.recalled()}
        must = expected(self.rows)
        for line, settlements in must.items():
            if len(settlements) == 1 and held.get(line, {}).get("SETL_ID") not in settlements:
                yield f"{line} is held as of {held.get(line, {}).get('SETL_ID')}, and is of {settlements}"
            elif len(settlements) == 1 and held[line]["HILIST_NAME"] != self.rows[LINES, line]["item"]:
                yield f"{line} is held with an older content"
        for line in held:
            if not must.get(line) and line not in told and line not in gone:
                yield f"{line} is held as of {held[line]['SETL_ID']}, is of none, and nobody was told"


def expected(rows: Mapping[Where, Row]) -> dict[str, set[str]]:
    """Of each line the settlements of its visit that some link gives it."""
    found: dict[str, set[str]] = {}
    for (table, line), row in rows.items():
        if table == LINES:
            said = {one["pay_id"] for (other, _), one in rows.items() if other == LINKS and one["line_id"] == line}
            found[line] = {
                key for (other, key), one in rows.items() if other == SETTLES and key in said and one["visit_id"] == row["visit_id"]
            }
    return found


def faults(seed: int) -> list[str]:
    """What went wrong in one course."""
    return Course(Random(seed)).run()


if __name__ == "__main__":
    raise SystemExit(run_many("linked", faults, count=5_000))
