"""Rows that are read again because of their letters, through place and join: their letters end with what comes of the row, records
go once, and what is said of a row that is gone is decided where the row would have come.
"""

import pytest

from streams.deadletter.record import encode_dead_letter
from streams.domain.closings import ClosedBy, letter_id
from streams.domain.place.awaited import Awaited
from streams.domain.ready import CLOSES
from streams.domain.recapture import RECAPTURE, Asked, order_value
from streams.domain.replay import FIRST_FAILED_AT, REPLAY_COUNT, REPLAY_ID
from streams.lanes.place.state import PlaceState
from streams.lanes.ports import TopicPartition
from tests.unit.streams.domain.join.join_rig import START_MS
from tests.unit.streams.domain.recapture_rig import Site, nowhere


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


def test_a_letter_of_a_row_that_is_not_to_be_reported_is_closed():
    """It has its place now, and a pharmacy's visits are nobody's to report: nothing else would ever close it."""
    site = Site()
    site.change("h.visit", visit_id=None, org="P")
    letter = letter_id(site.join.dead[0])
    site.asks("h.visit", letter)
    site.read("h.visit", org="P")
    assert (["mended"], []) == (site.closings(letter), site.join.ready)


def test_a_letter_of_a_row_that_waits_stays_open():
    """Nothing of it is mended before its record goes, or a letter tells that it waited in vain."""
    site = Site()
    site.change("h.settle", visit_id=None)
    letter = letter_id(site.join.dead[0])
    site.asks("h.settle", letter)
    site.read("h.settle")
    assert [] == site.closings(letter)
    site.change("h.visit")
    assert ["goes with"] == site.closings(letter)


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


def test_no_order_is_kept_where_there_is_none():
    """Every row of a source would be looked up."""
    assert Awaited.kept(PlaceState(TopicPartition("place.state.his", 0))) is None
