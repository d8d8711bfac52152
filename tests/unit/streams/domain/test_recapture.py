"""Rows that are read again because of their letters, through place and join: their letters end with what comes of the row, records
go once and never older than what went, and what is said of a row that is gone is decided where the row would have come.
"""

from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.deadletter.record import encode_dead_letter
from streams.domain.changes import Incoming
from streams.domain.closings import ClosedBy, letter_id
from streams.domain.place.awaited import Awaited
from streams.domain.place.going import NOTHING
from streams.domain.ready import CLOSES, closes
from streams.domain.recapture import RECAPTURE, Asked, Recapture, ended_value, order_value
from streams.domain.replay import FIRST_FAILED_AT, REPLAY_COUNT, REPLAY_ID
from streams.domain.series import FROM, NUMBER
from streams.lanes.place.state import PlaceState
from streams.lanes.ports import TopicPartition
from streams.mapping import load_site
from streams.wiring import placer_of
from tests.unit.streams.domain.join.join_rig import SITE, START_MS, TABLES, Join, envelope
from tests.unit.streams.domain.join.join_rig import SOURCES as OF_SCHEMA

KEYS = {"h.visit": "visit_id", "h.settle": "settle_no", "h.charge": "charge_id", "m.register": "register_no", "m.bill": "bill_no"}
PLACER = placer_of(load_site(SITE))


class Site:
    """Two hospitals' rows, through place and join. Both stages may be taken over at any time."""

    def __init__(self):
        self.join, self.offset, self.place = Join(), 0, 100
        self.states = {one: PlaceState(TopicPartition(f"place.state.{one}", 0)) for one in ("his", "many")}
        self.going = dict.fromkeys(self.states, NOTHING)
        self.placed = []

    def take_over(self):
        """Another worker goes on from what was committed."""
        for source, state in self.states.items():
            self.going[source] = PLACER.remembering(NOTHING, state, begun=True)

    def send(self, source, value, key=b'{"id":"1"}'):
        self.offset += 1
        self.join.now += 1
        incoming = Incoming(f"rows.{source}", 0, self.offset, key, value, (), self.join.now)
        folded = PLACER.fold(incoming, self.states[source], source=source, going=self.going[source])
        self.going[source] = folded.going
        ended = {} if folded.going.ended is None else folded.going.ended.take_changes()
        self.states[source].apply({**folded.state, **ended}, position=self.offset)
        self.placed = folded.placed
        for one in folded.placed:
            headers = ((FROM, f"{source}/b".encode()), (NUMBER, b"1"), *one.headers)
            self.join.send(one.value, key=one.key, headers=headers)

    def change(self, table, op="c", *, at=None, before=None, **columns):
        self.place += 1
        value = envelope(table, op, TABLES[table] | columns, at=at or self.place, before=before and TABLES[table] | before)
        self.send(OF_SCHEMA[table[0]], value)

    def read(self, table, **columns):
        self.send(OF_SCHEMA[table[0]], envelope(table, "r", TABLES[table] | columns, at=None, snapshot="incremental"))

    def order(self, table, *letters, plan="night", visit="", own=True, times=0, reading="a"):
        name = KEYS[table]
        asked = tuple(Asked(one, times, START_MS - 5, visit, own) for one in letters)
        return Recapture(OF_SCHEMA[table[0]], table, {name: TABLES[table][name]}, plan, asked, reading)

    def asks(self, table, *letters, **more):
        order = self.order(table, *letters, **more)
        self.send(order.source, order_value(order, at=self.join.now))

    def is_over(self, table, *letters, **more):
        order = self.order(table, *letters, **more)
        self.send(order.source, ended_value(order, at=self.join.now))

    def closings(self, letter):
        """What closed a letter, or will when its record is settled."""
        told = [one.by.value for one in self.join.ends if one.id == letter]
        return told + ["goes with"] * sum(closes(one.tail) == letter for one in self.join.ready)


def nowhere(table="m.register", source=None):
    """A site in which a row came that names no visit, and its letter."""
    site = Site()
    site.change(table, visit_id=None)
    (letter,) = site.join.dead
    assert "NO_VISIT_KEY" == letter.rule
    return site, letter_id(letter)


def said(headers):
    return {name: value.decode() for name, value in headers}


def test_a_letter_of_a_row_that_had_no_place_goes_with_the_row_that_is_read():
    """Nobody remembers its row: until now such letters stayed until somebody closed them by hand."""
    site, letter = nowhere()
    site.asks("m.register", letter)
    site.take_over()
    site.read("m.register")
    site.is_over("m.register", letter)
    assert (["mdtrt_d R1"], ["goes with"]) == (site.join.reported(), site.closings(letter))
    (went,) = site.join.ready
    headers = said(went.tail)
    assert ("night", "1", f"{START_MS - 5}") == tuple(headers[name] for name in (REPLAY_ID, REPLAY_COUNT, FIRST_FAILED_AT))
    assert [] == [*site.states["many"].scan(b"A")]


def test_a_row_that_has_no_place_still_is_told_again_as_a_replay():
    """Nobody would know that it was tried."""
    site, letter = nowhere()
    site.asks("m.register", letter, times=2)
    site.read("m.register", visit_id=None)
    *_, again = site.join.dead
    headers = said(encode_dead_letter(again)[2])
    assert ("night", "3", f"{START_MS - 5}") == tuple(headers[name] for name in (REPLAY_ID, REPLAY_COUNT, FIRST_FAILED_AT))
    assert RECAPTURE not in headers
    assert [(ClosedBy.SUPERSEDED, letter_id(again))] == [(one.by, one.evidence) for one in site.join.ends if one.id == letter]


def test_a_row_that_is_wrong_otherwise_takes_the_letter_over():
    """It has a visit now, and another fault: the later letter tells of it."""
    site = Site()
    for table in ("h.visit", "h.settle"):
        site.change(table)
    site.change("h.charge", visit_id=None)
    letter = letter_id(site.join.dead[-1])
    site.asks("h.charge", letter)
    site.read("h.charge", quantity="3.0000")
    *_, again = site.join.dead
    assert "DICTIONARY" != again.rule
    assert [(ClosedBy.SUPERSEDED, letter_id(again))] == [(one.by, one.evidence) for one in site.join.ends]
    site.change("h.charge", "u")
    assert ("fee_list_d C1", ["goes with"]) == (site.join.reported()[-1], site.closings(letter_id(again)))


def test_the_letters_of_two_sources_end_with_their_own_rows():
    """Both hospitals number from one."""
    site = Site()
    site.change("h.settle", visit_id=None)
    site.change("m.bill", visit_id=None)
    his, many = map(letter_id, site.join.dead)
    for table, letter in (("h.settle", his), ("m.bill", many)):
        site.asks(table, letter)
    site.read("m.bill", visit_id=None)
    assert ([], ["superseded"]) == (site.closings(his), site.closings(many))
    site.is_over("h.settle", his)
    assert ["gone"] == site.closings(his)


def test_of_several_letters_of_one_row_the_latest_goes_with_it():
    """Each version of the row had its own. What the others told is so no more."""
    site = Site()
    site.change("m.register", visit_id=None)
    site.change("m.register", "u", visit_id=None, ward="外科")
    first, second = map(letter_id, site.join.dead)
    asked = (Asked(first, 0, START_MS, "", own=True), Asked(second, 0, START_MS + 1, "", own=True))
    site.send("many", order_value(site.order("m.register", first)._replace(letters=asked), at=site.join.now))
    site.read("m.register")
    assert (["mended"], ["goes with"]) == (site.closings(first), site.closings(second))


def test_a_row_that_is_gone_closes_its_letter_once():
    """Nothing came of it between the order and the end of the reading."""
    site, letter = nowhere()
    site.asks("m.register", letter)
    site.take_over()
    for _ in range(2):
        site.is_over("m.register", letter)
    assert ["gone"] == site.closings(letter)
    assert [] == [*site.states["many"].scan(b"A")]


@pytest.mark.parametrize("op", ["c", "u", "r"])
def test_a_row_that_came_meanwhile_is_not_gone(op):
    """It was inserted after the reading, and before its end was said."""
    site, letter = nowhere()
    site.asks("m.register", letter)
    site.change("m.register", op) if op != "r" else site.read("m.register")
    site.is_over("m.register", letter)
    assert ["goes with"] == site.closings(letter)


def test_a_row_that_comes_after_its_end_was_said_is_reported_as_ever():
    """The letter told of a row that is gone; this is another one."""
    site, letter = nowhere()
    site.asks("m.register", letter)
    site.is_over("m.register", letter)
    site.change("m.register")
    assert (["gone"], ["mdtrt_d R1"]) == (site.closings(letter), site.join.reported())
    assert CLOSES not in said(site.join.ready[0].tail)


def test_an_end_of_another_reading_says_nothing():
    """Two people run the same plan at once: what ended the one's would end the other's, of which nothing came yet."""
    site, letter = nowhere()
    site.asks("m.register", letter, reading="b")
    site.is_over("m.register", letter, reading="a")
    site.read("m.register")
    assert ["goes with"] == site.closings(letter)


def test_a_deleted_row_closes_its_letter_by_its_delete():
    """It was there when it was read, or not; its delete came in any case."""
    site = Site()
    site.change("m.register", visit_id=None)
    letter = letter_id(site.join.dead[0])
    site.asks("m.register", letter)
    site.read("m.register")
    site.change("m.register", "d")
    site.is_over("m.register", letter)
    assert ["goes with"] == site.closings(letter)
    site.asks("m.register", "7a" * 16, visit="V1")
    site.change("m.register", "d")
    assert ["gone"] == site.closings("7a" * 16)


def test_what_capture_sends_again_takes_nothing_away_from_the_row_that_is_read():
    """It was killed, and repeats changes of before: the join passes them over, and the order must not end with them."""
    site = Site()
    site.change("m.register", at=50)
    site.change("m.register", "u", at=60, visit_id=None, before={})
    letter = letter_id(site.join.dead[-1])
    site.asks("m.register", letter, visit="V1")
    site.change("m.register", at=50)
    assert [] == site.closings(letter)
    site.read("m.register")
    assert ["goes with"] == site.closings(letter) or ["mended"] == site.closings(letter)


def test_a_row_that_is_read_twice_is_told_as_a_replay_each_time():
    """A runner was killed, and its order is carried out beside the next one's: told last, it must not say that nobody tried."""
    site, letter = nowhere()
    for _ in range(2):
        site.asks("m.register", letter)
    for _ in range(2):
        site.read("m.register", visit_id=None)
    assert ["0", "1", "1"] == [said(encode_dead_letter(one)[2])[REPLAY_COUNT] for one in site.join.dead]


def test_what_the_database_does_after_the_row_was_read_is_no_replay():
    """Whoever ordered it was killed, and never came again."""
    site, letter = nowhere()
    site.asks("m.register", letter)
    site.read("m.register")
    site.change("m.register", "u", ward="外科")
    assert [1, 0] == [(REPLAY_ID, b"night") in one.tail for one in site.join.ready]
    assert [] == [*site.states["many"].scan(b"A")]


def test_a_row_that_its_visit_remembers_is_told_again_where_nothing_changed():
    """As by the other depths: with its count, and the time of its first failure."""
    site = Site()
    for table in ("h.visit", "h.settle"):
        site.change(table)
    site.change("h.charge", quantity="3.0000")
    letter = letter_id(site.join.dead[-1])
    site.asks("h.charge", letter, visit="V1", times=1)
    site.read("h.charge", quantity="3.0000")
    *_, again = site.join.dead
    assert (letter, "2") == (letter_id(again), said(encode_dead_letter(again)[2])[REPLAY_COUNT])
    assert ([], 2) == (site.closings(letter), len(site.join.ready))


def test_a_letter_of_the_platform_is_left_to_the_deliver_stage():
    """It knows which record it is of, and closes it when a later version is accepted: the same content proves nothing."""
    site = Site()
    site.change("m.register")
    site.asks("m.register", "5f" * 16, visit="V1", own=False)
    site.read("m.register")
    site.is_over("m.register", "5f" * 16, visit="V1", own=False)
    assert ([], 1) == (site.closings("5f" * 16), len(site.join.ready))
    site.asks("m.register", "5f" * 16, visit="V1", own=False)
    site.read("m.register", ward="外科")
    assert "night" == said(site.join.ready[-1].tail)[REPLAY_ID]


def test_a_row_that_its_visit_remembers_is_not_gone_by_a_reading_alone():
    """Whoever reads tells its visit first that it went. Where that was overtaken, the row is there."""
    site = Site()
    for table in ("h.visit", "h.settle"):
        site.change(table)
    site.change("h.charge", quantity="3.0000")
    letter = letter_id(site.join.dead[-1])
    site.asks("h.charge", letter, visit="V1")
    site.is_over("h.charge", letter, visit="V1")
    assert [] == site.closings(letter)


def test_an_order_that_cannot_be_read_is_told():
    """Nothing is passed over in silence."""
    site = Site()
    site.send("his", b'{"yibao":"recapture","source":{"name":"his","schema":"h","table":"visit"}}')
    assert ["DECODE DECODE"] == site.join.letters()


class Playing:
    """One row of a database, its letter, and whoever reads it again."""

    def __init__(self):
        self.site, self.letter = nowhere()
        self.row, self.ward, self.came_at, self.readings = {"visit_id": None}, 0, 0, {}

    def came(self, op, *, at=None, before=None, **columns):
        self.site.change("m.register", op, at=at, before=before, **columns)
        self.came_at = self.site.offset

    def insert(self):
        if self.row is None:
            self.row = {"visit_id": "V1"}
            self.came("c", **self.row)

    def update(self, visit="V1"):
        if self.row is not None:
            self.ward += 1
            before, self.row = self.row, {"ward": f"{self.ward}", "visit_id": visit}
            self.came("u", before=before, **self.row)

    def unplace(self):
        self.update(None)

    def delete(self):
        if self.row is not None:
            self.came("d", **self.row)
            self.row = None

    def repeat(self):
        if self.row is not None and self.row["visit_id"]:
            self.came("u", at=self.site.place, before=self.row, **self.row)

    def ask(self, who="a"):
        """A runner that was killed asks again."""
        self.readings[who] = self.site.offset, f"{who}{self.site.offset}"
        self.site.asks("m.register", self.letter, reading=self.readings[who][1])

    def other_asks(self):
        self.ask("b")

    def read(self):
        """By an order of whoever asked, also of one who was killed."""
        if self.readings and self.row is not None:
            self.site.read("m.register", **self.row)
            self.came_at = self.site.offset

    def over(self, who="a"):
        """Said only where the row came into the topic, or is not in the database."""
        asked_at, reading = self.readings.get(who, (self.site.offset, ""))
        if reading and (self.row is None or self.came_at > asked_at):
            was = self.site.closings(self.letter).count("gone")
            self.site.is_over("m.register", self.letter, reading=reading)
            assert self.row is None or was == self.site.closings(self.letter).count("gone")
            del self.readings[who]

    def other_is_over(self):
        self.over("b")

    def take_over(self):
        self.site.take_over()


ACTS = st.lists(
    st.sampled_from(
        ["insert", "update", "unplace", "delete", "repeat", "ask", "read", "over", "take_over", "other_asks", "other_is_over"]
    ),
    max_size=16,
)


@settings(max_examples=400, deadline=None)
@given(acts=ACTS)
def test_nothing_goes_twice_or_older_and_no_letter_of_a_row_that_is_there_is_closed_as_gone(acts):
    """In whatever order the row changes, is read, and its reading ends; whoever places or reads it is killed, or two read it."""
    playing = Playing()
    for act in [*acts, "ask", "read", "over"]:
        getattr(playing, act)()
    join, row = playing.site.join, playing.row
    contents = [one.record.content_hash for one in join.ready]
    assert all(one != other for one, other in pairwise(contents)) or "delete" in acts
    if row is not None and row["visit_id"]:
        assert row.get("ward", "内科") == orjson.loads(join.ready[-1].record.value)["ADM_DEPT_NAME"]
    assert playing.letter not in {letter_id(one) for one in join.open()}


def test_no_order_is_kept_where_there_is_none():
    """Every row of a source would be looked up."""
    assert Awaited.kept(PlaceState(TopicPartition("place.state.his", 0))) is None
