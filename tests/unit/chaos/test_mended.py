"""Rows that were mended while capture began: they are excused, and no other ones."""

from datetime import datetime

from sandbox.hospital import Transaction, Verb
from sandbox.hospital.changes import Change, Flaw
from sandbox.hospital.tables import FEES, PATIENTS
from tests.chaos.in_flight import Mended

WRONG = Flaw(name="amount", dead_class="VALIDATION", rule="R1")


def committed(key, *, flaw=None, verb=Verb.UPDATE, table=FEES):
    change = Change(table=table, verb=verb, row={table.key: key}, flaw=flaw)
    return Transaction(at=datetime(2026, 1, 1), changes=(change,))  # noqa: DTZ001 - the hospital's wall clock


def test_what_was_wrong_and_then_was_not_before_all_is_read_may_never_be_told():
    """Also what was deleted; not what stays wrong, what was right, or what is mended later."""
    mended = Mended({FEES.name: "fee_list_d"})
    for key in (1, 2, 3, 5):
        mended.take(committed(key, flaw=WRONG, verb=Verb.INSERT))
    mended.take(committed(7, flaw=WRONG, table=PATIENTS))
    mended.take(committed(7, table=PATIENTS))
    mended.take(committed(1))
    mended.take(committed(2, flaw=WRONG, verb=Verb.DELETE))
    mended.take(committed(3, flaw=WRONG))
    mended.take(committed(4))
    mended.capture_reads_all()
    mended.take(committed(5))
    assert {("fee_list_d", "1"), ("fee_list_d", "2")} == mended.unread


def test_what_was_right_and_then_was_not_before_all_is_read_may_never_be_reported():
    """Not what was wrong from the beginning, and not what becomes wrong later."""
    mended = Mended({FEES.name: "fee_list_d"})
    for key in (1, 3):
        mended.take(committed(key, verb=Verb.INSERT))
    mended.take(committed(2, flaw=WRONG, verb=Verb.INSERT))
    for key in (1, 2):
        mended.take(committed(key, flaw=WRONG))
    mended.capture_reads_all()
    mended.take(committed(3, flaw=WRONG))
    assert {("fee_list_d", "1")} == mended.spoilt
