"""A course of one partition in which every class of the join's letters, and every kind of state entry, comes up.

What the versions make of it stands in `golden/`. A version that changes a form adds its files (`letters`, `entries` and `ready`
give them) and never touches those of the versions before it.
"""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import orjson

from connector.contract import UNAVAILABLE
from streams.deadletter.record import encode_dead_letter
from streams.domain.changes import ARRIVED, CLAIMED
from streams.domain.join.entries import SEPARATOR, load
from streams.domain.join.fold import Joiner
from streams.domain.join.gone import is_gone, load_gone
from streams.domain.join.ledger import is_sum, load_total, tables_in
from streams.domain.join.moving import load_leave
from streams.domain.join.replaying import is_resent
from streams.domain.join.reversals import is_reversal
from streams.domain.join.tallies import is_tally, load_head
from streams.domain.join.tallies import load as load_tally
from streams.domain.ready import encode
from streams.domain.records import DeadLetter
from streams.domain.replay import Replay, replay_value
from streams.domain.series import FROM, NUMBER
from tests.unit.streams.domain.join.join_rig import (
    BILL,
    CHARGE,
    ITEM,
    LIMITS,
    PATIENT,
    VISIT,
    Join,
    envelope,
    mappings,
    passed,
    whole,
)

MOST_BYTES = 2_000


@cache
def joiner():
    """With an envelope so small that a long address does not fit."""
    narrow = {source: replace(mapping, max_plain_bytes=MOST_BYTES) for source, mapping in mappings().items()}
    return Joiner(narrow, LIMITS, zone=mappings()["his"].dialect.zone)


class Course(Join):
    """named: the letters by what they are of."""

    named: dict[str, DeadLetter]

    def send(self, value):
        folded = joiner().fold(self.incoming(value), self, self)
        self.keep(folded)
        self.recalls += folded.recalls
        self.ready += folded.ready
        self.dead += folded.dead
        return folded

    def dies(self, name, *more):
        """The letters that the last message led to."""
        names = [name, *more]
        assert len(names) == len(self.dead) - len(self.named), [letter.rule for letter in self.dead[len(self.named) :]]
        self.named |= zip(names, self.dead[len(self.named) :], strict=True)


def course():
    """From the first row to the last tick."""
    join = Course()
    join.named = {}
    reported(join)
    without_a_place(join)
    refused(join)
    withdrawn(join)
    waiting(join)
    return join


def reported(join):
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge")
    join.change("h.charge", charge_id="C2", item="头孢")


def without_a_place(join):
    join.send(b'{"op":"c"')
    join.dies("DECODE")
    join.send(envelope("h.charge", "c", {name: value for name, value in CHARGE.items() if name != "price"}, at=201))
    join.dies("SCHEMA_DRIFT MISSING_COLUMN")
    join.send(envelope("h.visit", "u", VISIT | {"visit_id": "V9", "addr": UNAVAILABLE}, at=202))
    join.dies("SCHEMA_DRIFT UNAVAILABLE_VALUE")
    join.send(envelope("h.charge", "c", CHARGE | {"visit_id": None}, at=203))
    join.dies("MAPPING NO_VISIT_KEY")
    join.send(envelope("h.charge", "c", CHARGE | {"charge_id": None}, at=204))
    join.dies("MAPPING NO_KEY")
    join.send(envelope("h.gone", "c", CHARGE, at=205))
    join.dies("MAPPING UNKNOWN_TABLE")
    join.send(envelope("h.charge", "t", None, at=206))
    join.dies("WITHDRAWN TRUNCATE")
    # Versions before form 4 left the rows as they were, and the letters of the rows below are told by all of them.
    del join.entries[b""]


def refused(join):
    # What the visit says is wrong for all its lines; the messages that those letters are of are the lines' own.
    join.change("h.visit", "u", insu_id="X" * 40, at=300)
    join.dies("VALIDATION of C1 by its visit", "VALIDATION of C2 by its visit")
    join.change("h.visit", "u")
    join.change("h.charge", charge_id="C3", org="?", at=301)
    join.dies("MAPPING UNKNOWN_INSTITUTION")
    join.change("h.charge", charge_id="C4", level="?")
    join.dies("DICTIONARY")
    join.change("h.charge", charge_id="C5", item=None)
    join.dies("VALIDATION")
    join.change("h.visit", visit_id="V2", addr="长" * 500)
    join.dies("OVERSIZE")


def withdrawn(join):
    join.change("h.charge", "d", charge_id="C2")
    join.dies("WITHDRAWN DELETED_AFTER_REPORT")


def waiting(join):
    join.change("h.settle", visit_id="V3", settle_no="S3")
    join.change("h.visit", visit_id="V4", patient_id="P4")
    refund(join, 5)
    join.tick(after_ms=LIMITS.wait_ms)
    join.dies("JOIN_INCOMPLETE MISSING_VISIT", "JOIN_INCOMPLETE MISSING_LOOKUP", "JOIN_INCOMPLETE MISSING_POSITIVE_LINE")
    join.change("h.charge", charge_id="C6", visit_id="V6", settle_no=None)
    join.change("h.charge", charge_id="C7", visit_id="V7", settle_no="S7")
    refund(join, 8)
    join.read("h.charge", charge_id="C9", visit_id="V9", settle_no=None)


def refund(join, number):
    """A line that takes back what was never charged."""
    of = {"visit_id": f"V{number}", "settle_no": f"S{number}"}
    join.change("h.visit", visit_id=of["visit_id"])
    join.change("h.settle", **of)
    join.change("h.charge", **of, charge_id=f"R{number}", quantity="-1.0000", amount="-10.00")


def moved():
    """Rows that came from other partitions: one waits, one waits for no lane any more and for a settlement, one left again."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    for number, line in enumerate(("C1", "C2", "C3"), start=1):
        join.place += 1
        told = envelope("h.charge", "u", CHARGE | {"charge_id": line, "settle_no": "S2" if line == "C3" else "S1"}, at=join.place)
        join.send(told, headers=_numbered(number, (ARRIVED, b"1:%d" % number if line == "C3" else b"2:%d" % (40 + number))))
    join.place += 1
    gone = envelope("h.charge", "d", CHARGE | {"charge_id": "C2"}, at=join.place)
    join.send(orjson.dumps(orjson.loads(gone) | {"yibao": "left", "now": CHARGE | {"charge_id": "C2"}}), headers=_numbered(4))
    join.passed = passed({1: {"his/3f9a01c2": 4}})
    join.tick()
    return join


def exchanged():
    """A statement that exchanges the keys of two lines, seen half."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge")
    join.change("h.charge", charge_id="C2", item="头孢")
    join.change("h.charge", "d", tx=501)
    join.change("h.charge", charge_id="C2", tx=501)
    return join


def claimed():
    """Rows whose records rows of other visits claim: a person was told of one, and will be of the other. And a line that went while
    it waited for another lane.
    """
    join = Join()
    for number in (1, 2):
        told = BILL | {"bill_no": f"B{number}", "visit_id": f"V{number}"}
        join.change("m.register", visit_id=f"V{number}")
        join.place += 1
        first = (CLAIMED, f"m.other_bill\x1fB{number}".encode())
        join.send(envelope("m.bill", "c", told, at=join.place, txId=number), headers=_numbered(number, first))
        if number == 1:
            join.tick()
    for number, op in ((3, "u"), (4, "d")):
        join.place += 1
        arrives = [(ARRIVED, b"1:7")] if op == "u" else []
        join.send(envelope("m.item", op, ITEM, at=join.place, txId=3), headers=_numbered(number, *arrives))
    return join


def summed():
    """A stay whose lines' charges stand in sums: a line, its refund, one of another item that waits, and one that went."""
    join = Join(limits=replace(LIMITS, few_lines=0, many_lines=0))
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge", charge_id="C0")
    join.change("h.charge")
    join.change("h.charge", charge_id="C2", quantity="-1.0000", amount="-10.00")
    join.change("h.charge", charge_id="C3", settle_no="S2")
    join.change("h.charge", "d", charge_id="C0")
    return join


def _numbered(number, *more):
    return ((FROM, b"his/3f9a01c2"), (NUMBER, b"%d" % number), *more)


def changed():
    """Lines that become another institution's records: where one is, and as one leaves."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    for number, (op, columns) in enumerate([("c", {}), ("u", {"org": "P"})], start=1):
        join.place += 1
        join.send(envelope("h.charge", op, CHARGE | columns, at=join.place), headers=_numbered(number))
    for number, (op, org) in enumerate([("c", "H"), ("d", "P")], start=3):
        join.place += 1
        told = orjson.loads(envelope("h.charge", op, CHARGE | {"charge_id": "C2"}, at=join.place))
        told |= {"yibao": "left", "now": CHARGE | {"charge_id": "C2", "org": org}} if op == "d" else {}
        join.send(orjson.dumps(told), headers=_numbered(number))
    return join


def made_anew():
    """Orders to make anew what waits: a record that differs, one that does not, and one that cannot be made any more."""
    join = whole(Join())
    join.patients["P1",] = PATIENT | {"name": "李四"}
    renew(join, "h.visit", visit_id="V1")
    renew(join, "h.charge", charge_id="C1")
    join.patients.clear()
    renew(join, "h.visit", visit_id="V1")
    return join


def renew(join, table, **key):
    order = Replay("his", table, key, "V1", "dawn", letter="", times=0, first_failed_at=0)
    return join.send(replay_value(order, at=join.now))


class OpenLeave(NamedTuple):
    """What an open leave waits for, and whose rows wait for it."""

    series: str
    partition: int
    number: int
    institution: str
    holds: str


def letters(join):
    """The letters' messages as JSON can hold them; what is no UTF-8 does not come up."""
    found = []
    for name, letter in join.named.items():
        key, value, headers = encode_dead_letter(letter)
        told = {header: content.decode() for header, content in headers}
        found.append({"name": name, "key": key and key.decode(), "value": value and value.decode(), "headers": told})
    return found


class Head(NamedTuple):
    """What says that there are sums."""

    tables: tuple


def read(key, value):
    """What an entry means: a row, a record that no row backs, the sums of an item, or where a row was that left again."""
    if key[:1] == SEPARATOR:
        leave = load_leave(value)
        return OpenLeave(*leave.trail, leave.holds)
    if is_sum(key):
        is_head = key.count(SEPARATOR) == 2
        return Head(tables_in(value)) if is_head else load_total(value)._replace(balance=str(load_total(value).balance))
    return load_gone(value) if is_gone(key) else load(key, value)


def entries(join):
    """The state entries that are left at the end, and what each means."""
    found = []
    for key, value in sorted((key, value) for visit in join.entries.values() for key, value in visit.items()):
        if is_resent(key) or is_tally(key) or is_reversal(key):
            continue
        row = read(key, value)._asdict()
        found.append({"key": key.decode(), "value": value.decode(), "row": row})
    return found


def tallied():
    """Settlements and their lines: that add up, that do not for a moment, that were counted, and whose lines nobody can read."""
    join = Join()
    join.change("h.visit")
    join.change("h.charge")
    join.change("h.settle")
    join.change("h.settle", settle_no="S2")
    join.change("h.charge", charge_id="C2", settle_no="S2", amount="19.99")
    join.tick(after_ms=60_001)
    join.change("h.settle", settle_no="S3", total="-7.00")
    join.change("h.charge", charge_id="C3", settle_no="S3")
    join.change("h.charge", charge_id="C4", settle_no="S4", amount="?")
    return join


def tallies(join):
    """The entries of the sums of settlements, and what each means."""
    found = sorted((key, value) for visit in join.entries.values() for key, value in visit.items() if is_tally(key))
    heads = [key for key, _ in found if key.count(SEPARATOR) == 2]
    means = [{"made_by": load_head(value)} if key in heads else load_tally(value)._asdict() for key, value in found]
    return [{"key": key.decode(), "value": value.decode(), "means": one} for (key, value), one in zip(found, means, strict=True)]


def handed_on(join):
    """The entries of how records were handed on whose rows do not say it any more."""
    return {key.decode(): value.decode() for visit in join.entries.values() for key, value in visit.items() if is_resent(key)}


def ready(emissions):
    """The messages of `visit.ready`."""
    found = []
    for number, emission in enumerate(emissions, start=1):
        key, value, headers = encode(emission, number)
        told = {header: content.decode() for header, content in headers}
        found.append({"key": key.decode(), "value": value.decode(), "headers": told})
    return found
