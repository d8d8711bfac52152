"""The order in the topic is the truth; a mark only recognises what capture sends again."""

import copy

import orjson
import pytest

from streams.deadletter.record import letter_id
from tests.unit.streams.domain.join.join_rig import CHARGE, LIMITS, START_MS, VISIT, Join, envelope, whole

THREE = ["mdtrt_d V1", "setl_d S1", "fee_list_d C1"]


def wards(join):
    """What was reported of the visit, in order."""
    told = (orjson.loads(one.record.value) for one in join.ready)
    return [one["ADM_DEPT_NAME"] for one in told if "ADM_DEPT_NAME" in one]


def sent(join, op, ward="内科", *, at, committed_at=START_MS, **more):
    return join.send(envelope("h.visit", op, VISIT | {"ward": ward}, at=at, committed_at=committed_at, **more))


# What capture sends again -------------------------------------------------------------------------------------------------------


def test_a_change_that_comes_again_is_known():
    """After a crash capture sends up to a minute of changes again."""
    join = Join()
    for _ in range(2):
        sent(join, "c", at=7)
    assert (["mdtrt_d V1"], 1) == (join.reported(), join.counts["repeated_change"])


def test_an_older_change_that_is_sent_again_does_not_come_back_to_life():
    """Replay starts before what was sent last."""
    join = Join()
    for at, ward in [(7, "内科"), (9, "外科"), (7, "内科")]:
        sent(join, "u", ward, at=at)
    assert ["内科", "外科"] == wards(join)


@pytest.mark.parametrize("deleted_first", [False, True], ids=["create, delete, create", "delete, create"])
def test_a_create_that_is_sent_again_after_the_delete_does_not_resurrect_the_row(deleted_first):
    """A ghost would be reported, and nothing would ever take it back."""
    join = Join()
    if not deleted_first:
        join.send(envelope("h.charge", "c", CHARGE, at=7))
    join.send(envelope("h.charge", "d", CHARGE, at=8))
    join.send(envelope("h.charge", "c", CHARGE, at=7))
    join.change("h.visit")
    join.change("h.settle")
    assert (THREE[:2], [], []) == (join.reported(), join.letters(), join.waiting())


def test_a_delete_and_a_create_at_one_place_are_both_folded_and_both_known():
    """That is how a changed key arrives; one that comes back to a key finds the mark of its own delete there."""
    join = Join()
    sent(join, "c", at=7)
    for _ in range(2):
        sent(join, "d", at=8)
        sent(join, "c", "外科", at=8)
    assert (["内科", "外科"], 2) == (wards(join), join.counts["repeated_change"])


def test_a_repetition_is_known_after_the_row_was_read():
    """A snapshot on demand is made while capture streams, and capture may die just then."""
    join = Join()
    sent(join, "c", at=7)
    sent(join, "u", "外科", at=9)
    join.read("h.visit", ward="儿科")
    sent(join, "c", at=7)
    sent(join, "u", "外科", at=9)
    assert ["内科", "外科", "儿科"] == wards(join)


# What is new, wherever it stands in the log --------------------------------------------------------------------------------------


def test_a_transaction_that_was_open_at_the_snapshot_is_folded():
    """It was written before the snapshot's place in the log, and committed after it; its changes were dropped for ever."""
    join = whole(Join())
    join.read("h.visit", at=500)
    join.read("h.charge", at=500, charge_id="C2")
    join.send(envelope("h.charge", "d", CHARGE | {"charge_id": "C2"}, at=490, committed_at=START_MS + 5_000))
    sent(join, "u", "外科", at=495, committed_at=START_MS + 5_000)
    assert ["内科", "外科"] == wards(join)
    assert ["WITHDRAWN DELETED_AFTER_REPORT"] == join.letters()


def test_another_servers_log_begins_at_lower_places():
    """After a restore from a dump, or a new major version, everything known looked repeated."""
    join = Join()
    sent(join, "c", at=900_000)
    sent(join, "u", "外科", at=7, committed_at=START_MS + 60_000)
    sent(join, "u", "儿科", at=9, committed_at=START_MS + 60_001)
    assert ["内科", "外科", "儿科"] == wards(join)


def test_what_another_server_writes_at_lower_places_and_earlier_times_is_folded():
    """A restored backup, or a standby that lagged: three updates and a delete of known rows were dropped."""
    join = whole(Join(place=900_000))
    sent(join, "u", "外科", at=900_100, committed_at=START_MS + 60_000)
    join.server = "1"
    sent(join, "u", "儿科", at=7)
    sent(join, "u", "眼科", at=8)
    join.send(envelope("h.charge", "d", CHARGE, at=9))
    assert ["内科", "外科", "儿科", "眼科"] == wards(join)
    assert ["WITHDRAWN DELETED_AFTER_REPORT"] == join.letters()


def test_what_another_server_sends_again_is_known_like_what_the_first_one_sent():
    """Its own places are compared with its own."""
    join = Join()
    sent(join, "c", at=900)
    join.server = "1"
    for _ in range(2):
        sent(join, "u", "外科", at=7)
        sent(join, "u", "儿科", at=8)
    assert (["内科", "外科", "儿科"], 2) == (wards(join), join.counts["repeated_change"])


def test_a_clock_that_is_set_back_hides_nothing_and_brings_nothing_back():
    """Servers' clocks are set; what is written meanwhile is as true as ever."""
    join = Join()
    sent(join, "c", at=7, committed_at=START_MS + 1_000)
    sent(join, "u", "外科", at=8, committed_at=START_MS)
    sent(join, "c", at=7, committed_at=START_MS + 1_000)
    sent(join, "u", "外科", at=8, committed_at=START_MS)
    assert ["内科", "外科"] == wards(join)


# Rows that are read again -------------------------------------------------------------------------------------------------------


def test_a_row_that_is_read_again_is_mended():
    """What changed while capture was blind comes by no other way, and neither does a column that was added to the mapping."""
    join = whole(Join())
    join.read("h.visit", ward="外科")
    assert ["内科", "外科"] == wards(join)
    join.read("h.charge", item="头孢")
    assert [*THREE, "mdtrt_d V1", "fee_list_d C1"] == join.reported()


def test_rows_that_are_read_again_as_they_are_known_change_nothing():
    """A table of millions of rows may be read again because of one; nothing is told twice and no state is written."""
    join = whole(Join())
    join.change("h.charge", charge_id="C2", level="?")
    join.change("h.charge", charge_id="C3", settle_no=None)
    join.change("h.charge", charge_id="C4", visit_id="V4", settle_no="S4")
    join.tick(after_ms=LIMITS.wait_ms)
    ready, dead, entries = len(join.ready), len(join.dead), copy.deepcopy(join.entries)
    for at in (None, 600):
        join.read("h.visit", at=at)
        join.read("h.settle", at=at)
        join.read("h.charge", at=at)
        join.read("h.charge", at=at, charge_id="C2", level="?")
        join.read("h.charge", at=at, charge_id="C3", settle_no=None)
        join.read("h.charge", at=at, charge_id="C4", visit_id="V4", settle_no="S4")
    assert (ready, dead, entries) == (len(join.ready), len(join.dead), join.entries)


def test_a_row_that_was_deleted_and_is_read_is_alive():
    """It was inserted again while capture was blind."""
    join = whole(Join())
    join.change("h.charge", "d")
    join.read("h.charge", item="头孢")
    assert [*THREE, "fee_list_d C1"] == join.reported()
    join.change("h.charge", "d")
    assert ["WITHDRAWN DELETED_AFTER_REPORT"] * 2 == join.letters()


def test_a_row_that_is_read_ahead_of_the_stream_is_right_in_the_end():
    """The rows of a snapshot on demand may be newer than what was streamed until then."""
    join = Join()
    sent(join, "c", at=7)
    join.read("h.visit", ward="儿科")
    sent(join, "u", "外科", at=8)
    sent(join, "u", "儿科", at=9)
    assert ["内科", "儿科", "外科", "儿科"] == wards(join)


def test_a_row_without_a_place_is_told_once_however_often_it_is_read():
    """Nobody mends a letter twice, and the time at which a row was read is no difference."""
    join = Join()
    for at, moment in [(500, START_MS), (None, START_MS + 1), (None, START_MS + 2)]:
        join.send(envelope("h.charge", "r", CHARGE | {"visit_id": None}, at=at, committed_at=moment))
    assert ["MAPPING NO_VISIT_KEY"] * 3 == join.letters()
    assert 1 == len({letter_id(letter) for letter in join.dead})


# Order within a visit -----------------------------------------------------------------------------------------------------------


def test_rows_are_reported_in_the_order_in_which_they_came():
    """Places in the log are in no order that means anything: one transaction writes long before it commits."""
    join = Join()
    for number, at in enumerate([50, 70, 40, 60]):
        join.send(envelope("h.charge", "c", CHARGE | {"charge_id": f"C{number}"}, at=at))
    join.change("h.settle")
    join.change("h.visit")
    assert [*THREE[:2], *(f"fee_list_d C{number}" for number in range(4))] == join.reported()


def test_a_row_keeps_its_turn_when_it_is_sent_or_read_again():
    """Otherwise a repetition would report in another order than the first time."""
    join = Join()
    for number in (1, 2):
        join.send(envelope("h.charge", "c", CHARGE | {"charge_id": f"C{number}"}, at=number))
    join.send(envelope("h.charge", "c", CHARGE, at=1))
    join.read("h.charge")
    join.change("h.settle")
    join.change("h.visit")
    assert [*THREE, "fee_list_d C2"] == join.reported()
