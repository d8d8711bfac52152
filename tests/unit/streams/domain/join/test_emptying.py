"""A table that is emptied by TRUNCATE empties every visit, and nobody lists the rows."""

from dataclasses import replace

import orjson
import pytest

from streams.domain.join.withdrawing import WithdrawalLimits
from tests.unit.streams.domain.join.join_rig import CHARGE, DAY_MS, LIMITS, Join, envelope, whole

GRACE_MS = 10_000
PATIENT = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=GRACE_MS))
THREE = ["mdtrt_d V1", "setl_d S1", "fee_list_d C1"]
TOLD = "WITHDRAWN TRUNCATE"


def emptied(join, table="h.charge", *, at=None, tx=9):
    """The table is emptied."""
    join.place = at or join.place + 1
    join.send(envelope(table, "t", None, at=join.place, txId=tx))
    return join


def counted(join):
    """What the letters with counts say."""
    return [orjson.loads(one.value)["records"] for one in join.dead if one.rule == "TRUNCATE_COUNTED"]


def test_records_without_a_row_are_counted_in_one_letter():
    """A million letters of one statement would bury all others."""
    join = whole(Join(limits=PATIENT))
    join.change("h.charge", charge_id="C2")
    join.change("h.charge", charge_id="C3", level="?")
    told = len(join.dead)
    emptied(join)
    join.tick(after_ms=GRACE_MS)
    join.tick(after_ms=DAY_MS)
    assert ([TOLD, "WITHDRAWN TRUNCATE_COUNTED"], [2]) == (join.letters()[told:], counted(join))
    assert [] == join.waiting()


def test_what_waited_never_goes_out_afterwards():
    """Its row is gone; the platform would get a record that the hospital does not have."""
    join = Join(limits=PATIENT)
    join.change("h.charge")
    emptied(join)
    join.change("h.visit")
    join.change("h.settle")
    join.tick(after_ms=GRACE_MS)
    join.tick(after_ms=DAY_MS)
    assert (THREE[:2], [], [TOLD]) == (join.reported(), counted(join), join.letters())


@pytest.mark.parametrize("told", [False, True])
def test_what_is_gone_is_not_corrected(told):
    """A visit that changes afterwards would send lines again that the hospital does not have."""
    join = emptied(whole(Join(limits=PATIENT)))
    if told:
        join.tick(after_ms=GRACE_MS)
    join.change("h.visit", "u", insu_id="X2", ward="外科")
    assert [*THREE, "mdtrt_d V1"] == join.reported()


def test_a_table_that_is_emptied_and_filled_again_sends_what_differs():
    """Some systems write a whole table anew by night."""
    join = whole(Join(limits=PATIENT))
    join.change("h.charge", charge_id="C2")
    emptied(join)
    join.change("h.charge", tx=9)
    join.change("h.charge", charge_id="C2", tx=9, item="头孢")
    join.tick(after_ms=DAY_MS)
    assert ([*THREE, "fee_list_d C2", "fee_list_d C2"], []) == (join.reported(), counted(join))


def test_what_comes_again_after_a_person_was_told_is_sent():
    """The person may have taken it back at the platform."""
    join = emptied(whole(Join(limits=PATIENT)))
    join.tick(after_ms=GRACE_MS)
    join.change("h.charge")
    assert [*THREE, "fee_list_d C1"] == join.reported()
    assert ["V1 fee_list_d C1"] == join.recalled()


def test_a_truncate_that_capture_sends_again_empties_nothing():
    """After a crash it comes behind rows that were inserted after it; those are not sent again, because they are known."""
    join = emptied(whole(Join(limits=PATIENT)), at=500)
    join.change("h.charge", charge_id="C2", at=501)
    emptied(join, at=500)
    join.send(envelope("h.charge", "c", CHARGE | {"charge_id": "C2"}, at=501))
    join.tick(after_ms=DAY_MS)
    assert [1] == counted(join)
    join.change("h.visit", "u", insu_id="X2")
    assert "fee_list_d C2" == join.reported()[-1]


def test_each_partition_counts_and_one_tells_at_once():
    """All of them hear of it, because its rows stand in all of them."""
    join = whole(Join(limits=PATIENT))
    incoming = join.incoming
    join.incoming = lambda value, **more: incoming(value, **more)._replace(partition=3)
    emptied(join).tick(after_ms=GRACE_MS)
    assert ["WITHDRAWN TRUNCATE_COUNTED"] == join.letters()
