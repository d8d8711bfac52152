"""From letters to the rows that are read again: each row once, in portions that Debezium and the database can carry."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.closings import letter_id
from streams.domain.recapture import Asked, ended_value, order_value
from streams.domain.replay import REPLAY_COUNT, REPLAY_ID, replay_value
from streams.lanes.deliver.letters import Refusing, rejected
from streams.replay.ordering import Ordering
from streams.replay.plan import Outcome
from streams.replay.rereading import Reread, batches, reread_of
from streams.replay.trial import rows_of
from tests.unit.streams.domain.join.join_rig import START_MS, Join, envelope, mappings, whole
from tests.unit.streams.domain.recapture_rig import Site
from tests.unit.streams.replay.test_trial import entries, of_emission, view
from yibao.replaying.rereading import MOST_KEYS, keys_an_order


def found(join, letter):
    return reread_of(view(letter), Ordering(mappings(), rows_of(entries(join))), mappings())


@pytest.mark.parametrize(("table", "column", "key"), [("h.charge", "charge_id", "C1"), ("m.item", "item_id", "I1")])
def test_a_row_that_had_no_place_is_known_from_the_bytes_of_its_letter(table, column, key):
    """Nobody remembers it. Its key may stand in no header."""
    join = Join()
    join.change(table, visit_id=None)
    (letter,) = join.dead
    source = {"h": "his", "m": "many"}[table[0]]
    asked = Asked(letter_id(letter), 0, START_MS, "", own=True)
    assert Reread(source, table, (key,), (column,), asked) == found(join, letter)


def test_a_deleted_row_is_known_by_what_it_was():
    """The letter tells of its delete; it may be there again."""
    join = Join()
    join.change("h.charge", "d", visit_id=None)
    assert ("C1",) == found(join, join.dead[0]).key


def test_a_row_that_failed_is_known_by_its_letter_and_one_that_was_refused_by_what_was_handed_on():
    """The join's letter closes with the row; that of the deliver stage is not the join's to close."""
    join = Join()
    join.change("h.visit", med_type="?" * 9)
    (letter,) = join.dead
    reread = found(join, letter)
    assert (("V1",), "V1", True) == (reread.key, reread.asked.visit, reread.asked.own)
    join = whole(Join())
    letter = rejected(of_emission(join.ready[-1]), Refusing(verdict=None, msgid="m", attempts=1, failed_at=5), topic="visit.ready")
    reread = found(join, letter)
    assert (("C1",), "V1", False) == (reread.key, reread.asked.visit, reread.asked.own)
    assert Outcome.UNKNOWN is found(Join(), letter)


def test_what_is_no_row_is_not_read():
    """A withdrawal is told to the platform by a person; bytes that nobody can read name no row."""
    join = whole(Join())
    join.change("h.charge", "d")
    join.tick(after_ms=10**6, source="his")
    join.send(b"{")
    assert [Outcome.EXCLUDED] * 2 == [found(join, letter) for letter in join.dead]


@pytest.mark.parametrize("value", [b"{}", b"[]", b'{"source":{},"op":"c"}', envelope("h.charge", "c", {"charge_id": None}, at=1)])
def test_a_letter_that_does_not_tell_which_row_it_is_of_is_left_out(value):
    """Another row would be read in its place."""
    join = Join()
    join.change("h.charge", visit_id=None)
    assert Outcome.UNKNOWN is found(join, replace(join.dead[0], value=value))


def test_a_table_that_is_mapped_no_more_is_left_out():
    """Nobody captures it."""
    join = Join()
    join.send(envelope("h.unknown", "c", {"id": "1"}, at=1))
    assert Outcome.UNKNOWN is found(join, join.dead[0])


REREADS = st.lists(
    st.builds(
        lambda source, table, key, letter: Reread(source, table, (key,), ("id",), Asked(f"{letter}", 0, letter, "", own=True)),
        st.sampled_from(["his", "many"]),
        st.sampled_from(["h.visit", "h.charge"]),
        st.sampled_from("12345678"),
        st.integers(0, 10**6),
    ),
    max_size=40,
    unique_by=lambda one: one.asked.letter,
)


@given(REREADS, st.integers(1, 5))
def test_each_letter_is_in_one_portion_and_each_row_is_read_once(rereads, most):
    """Several letters of one row are asked together; no order is of two tables."""
    made = list(batches(rereads, plan="night", most=most))
    assert sorted(one.asked.letter for one in rereads) == sorted(letter for batch in made for letter in batch.letters)
    assert len({one[:3] for one in rereads}) == sum(len(batch.rows) for batch in made)
    assert all(0 < len(batch.rows) <= most for batch in made)
    for batch in made:
        assert {(batch.source, batch.table)} == {(row.source, row.table) for row in batch.rows.values()}
        assert all((row.key["id"],) == key for key, row in batch.rows.items())


def of_the_platform(site, emission):
    """What a run orders because of a letter of the platform about this record."""
    refusing = Refusing(verdict=None, msgid="m", attempts=1, failed_at=START_MS)
    reread = found(site.join, rejected(of_emission(emission), refusing, topic="visit.ready"))
    (batch,) = batches([reread], plan="night", most=5)
    return batch


def read_again(site, batch, *, change):
    """As a run does it, in its order. change: what comes of the row in between."""
    (row,) = batch.rows.values()
    site.send(row.source, order_value(row, at=site.join.now))
    change(site)
    site.send(row.source, ended_value(row, at=site.join.now))
    for order in batch.again:
        site.send(order.source, replay_value(order, at=site.join.now))


def test_what_the_platform_refused_goes_once_more_where_its_row_is_as_it_was():
    """Its letter stayed pending for ever: nothing came of the row, and no plan ended with it. The platform has the last word."""
    site = Site()
    site.change("m.register")
    batch = of_the_platform(site, site.join.ready[0])
    for _ in range(2):  # a run that was killed reads it once more
        read_again(site, batch, change=lambda site: site.read("m.register"))
    first, again = site.join.ready
    assert first.record.content_hash == again.record.content_hash
    said = dict(again.tail)
    assert (b"night", b"1") == (said[REPLAY_ID], said[REPLAY_COUNT])


def test_what_the_platform_refused_does_not_go_as_it_was_where_its_row_is_another_now():
    """What was refused is no more; one record goes."""
    site = Site()
    site.change("m.register")
    read_again(site, of_the_platform(site, site.join.ready[0]), change=lambda site: site.read("m.register", ward="外科"))
    refused, again = site.join.ready
    assert refused.record.content_hash != again.record.content_hash
    assert (REPLAY_ID, b"night") in again.tail


def test_what_the_platform_refused_does_not_go_where_its_row_is_gone():
    """Its visit tells that it went."""
    site = Site()
    site.change("m.register")
    read_again(site, of_the_platform(site, site.join.ready[0]), change=lambda site: site.change("m.register", "d"))
    assert 1 == len(site.join.ready)


def test_an_order_is_of_as_many_rows_as_the_rate_allows_in_five_seconds():
    """A slow replay reads no portion at once that it may not; a fast one writes no condition without end."""
    assert (1, 250, MOST_KEYS) == tuple(map(keys_an_order, (0.1, 50.0, 10_000.0)))


def test_what_is_said_of_keys_says_no_key():
    """It ends up in logs."""
    reread = Reread("his", "h.visit", ("11010519491231002X",), ("id",), Asked("5f", 0, 1, "11010519491231002X", own=True))
    (batch,) = batches([reread], plan="night", most=1)
    assert "1101051949" not in f"{reread!r}{batch!r}{list(batch.rows.values())!r}"
