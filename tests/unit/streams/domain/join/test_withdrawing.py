"""When a reported record is withdrawn: when no row backs it any more, and not when its row only moves.

A record is known by service, institution and key. Rows come and go under it: an edit is a delete and an insert in many systems,
rows move between day and year tables, between visits, and between the partitions of a table.
"""

from dataclasses import replace

import orjson
import pytest

from streams.domain.join.gone import is_gone
from streams.domain.join.withdrawing import WithdrawalLimits
from tests.unit.streams.domain.join.join_rig import CHARGE, DAY_MS, HOSPITAL, LIMITS, PHARMACY, Join, envelope, whole

GRACE_MS = 10_000
PATIENT = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=GRACE_MS))
THREE = ["mdtrt_d V1", "setl_d S1", "fee_list_d C1"]
DELETED, RENAMED = "WITHDRAWN DELETED_AFTER_REPORT", "WITHDRAWN KEY_CHANGED_AFTER_REPORT"


def patient():
    """A reported visit, and a join that gives rows a grace to come back."""
    return whole(Join(limits=PATIENT))


def open_records(join):
    """Of records whose rows went, the state keys."""
    return [key for entries in join.entries.values() for key in entries if is_gone(key)]


def gone_in_one_transaction(lines, monkeypatch):
    """A patient whose reported lines from C2 on a transaction has deleted that goes on; and what is read of them then."""
    join, read = patient(), []
    for op in ("c", "d"):
        for number in range(2, lines + 2):
            join.change("h.charge", op, charge_id=f"C{number}", tx=7)
    loads = orjson.loads  # also a compiled core asks the module for it

    def noting(value):
        if any(value == document_of(entries[key]) for entries in join.entries.values() for key in entries if is_gone(key)):
            read.append(value)
        return loads(value)

    monkeypatch.setattr(orjson, "loads", noting)
    return join, read


def document_of(entry):
    """Its JSON."""
    return entry[entry.index(b"[") :]


@pytest.mark.parametrize("lines", [3, 60])
def test_a_line_that_comes_back_costs_the_same_however_many_went_with_it(lines, monkeypatch):
    """A stay of 5,000 lines that is saved anew in one transaction must not be read 5,000 times."""
    join, read = gone_in_one_transaction(lines, monkeypatch)
    join.change("h.charge", charge_id="C2", tx=7)
    assert (1, lines - 1) == (len(read), len(open_records(join)))


@pytest.mark.parametrize("lines", [3, 60])
def test_a_line_whose_key_changes_costs_the_same_however_many_go_with_it(lines, monkeypatch):
    """A system that numbers a stay's 5,000 lines anew, in one transaction, writes each of them as a delete and an insert."""
    join, read = gone_in_one_transaction(lines, monkeypatch)
    join.send(
        envelope("h.charge", "c", CHARGE | {"charge_id": "N2"}, at=join.place, txId=7),
        headers=(("from", b"his/b"), ("seq", b"5"), ("formerly", b'{"charge_id":"C2"}')),
    )
    join.change("h.charge", "d", charge_id="C3", tx=7, left=True)
    join.change("h.charge", charge_id="C4", tx=7, settle_no=None)
    join.change("h.charge", "d", charge_id="C4", tx=7)
    assert 3 == len(read)
    join.tick(after_ms=GRACE_MS)
    assert [*[DELETED] * (lines - 2), RENAMED] == sorted(join.letters())


def test_an_edit_that_deletes_and_inserts_is_no_withdrawal():
    """That is how many systems save a bill. Nothing changed for the platform, so nothing is sent and nobody is told."""
    join = patient()
    join.change("h.charge", "d", tx=7)
    join.change("h.charge", tx=7)
    join.tick(after_ms=DAY_MS)
    assert (THREE, [], []) == (join.reported(), join.letters(), open_records(join))


def test_an_edit_that_inserts_another_content_is_a_correction():
    """The platform holds the record under its key; it gets the new content under the same one."""
    join = patient()
    join.change("h.charge", "d", tx=7)
    join.change("h.charge", tx=7, item="头孢")
    join.tick(after_ms=DAY_MS)
    assert ([*THREE, "fee_list_d C1"], []) == (join.reported(), join.letters())
    assert 1 == join.counts["corrected"]


def test_a_record_without_a_row_is_told_after_the_grace_and_once():
    """Across transactions a row may come back for some seconds; then the platform must be told by a person."""
    join = patient()
    join.change("h.charge", "d", tx=7)
    join.tick(after_ms=GRACE_MS - 1)
    assert [] == join.letters()
    join.tick(after_ms=1)
    join.tick(after_ms=DAY_MS)
    assert [DELETED] == join.letters()


def test_while_its_transaction_goes_on_nothing_is_told():
    """A night's move of a million rows lasts longer than any grace, and is one transaction."""
    join = patient()
    join.change("h.charge", "d", tx=7)
    join.tick(after_ms=DAY_MS, source="his", running="7")
    join.tick(after_ms=0, source="clinic")
    assert [] == join.letters()
    join.tick(after_ms=0, source="his", running="8")
    assert [DELETED] == join.letters()


def test_what_comes_back_after_a_person_was_told_is_sent_and_closes_the_letter():
    """The person may have taken it back at the platform."""
    join = patient()
    join.change("h.charge", "d", tx=7)
    join.tick(after_ms=GRACE_MS)
    join.change("h.charge", tx=8)
    assert ([*THREE, "fee_list_d C1"], ["DELETED_AFTER_REPORT C1"], []) == (join.reported(), join.closed(), open_records(join))
    told, closed = join.dead
    assert told.identity == closed.identity
    join.change("h.charge", "d", tx=9)
    join.tick(after_ms=GRACE_MS)
    assert told.identity == join.dead[-1].identity


@pytest.mark.parametrize("deleted_first", [True, False])
def test_a_row_that_moves_to_another_table_takes_its_record_along(deleted_first):
    """By night rows go from the day's table to the year's. They are the same records, and the platform has them."""
    join = Join(limits=PATIENT)
    for table in ("m.register", "m.bill"):
        join.change(table)
    acts = [("m.bill", "d"), ("m.other_bill", "c")]
    for table, op in acts if deleted_first else acts[::-1]:
        join.change(table, op, tx=7)
    join.tick(after_ms=DAY_MS)
    assert (["mdtrt_d R1", "setl_d B1"], [], []) == (join.reported(), join.letters(), open_records(join))
    join.change("m.other_bill", "u", total="30.00")
    assert 1 == join.counts["corrected"]


def test_a_record_that_changes_its_institution_is_withdrawn_and_reported_as_one_letter_says():
    """The platform would hold it for both, and the money twice."""
    join = patient()
    join.change("h.settle", "u", tx=7, org="P")
    join.tick(after_ms=GRACE_MS)
    assert [*THREE, "setl_d S1"] == join.reported()[:4]
    assert PHARMACY == join.ready[3].record.institution
    assert [RENAMED] == join.letters()
    (letter,) = join.dead
    assert (HOSPITAL, "setl_d") == (letter.institution, letter.service)
    assert f"{HOSPITAL}/S1" in letter.message
    assert f"{PHARMACY}/S1" in letter.message
    assert "20.00" == orjson.loads(letter.value)["rows"]["settlement"]["total"]


def test_a_row_whose_key_is_changed_is_one_letter_that_names_both():
    """It arrives as a delete and an insert, which alone would say that a line went and another came."""
    join = patient()
    join.change("h.charge", "d", tx=7)
    inserted = envelope("h.charge", "c", CHARGE | {"charge_id": "C2"}, at=join.place, txId=7)
    join.send(inserted, headers=(("from", b"his/b"), ("seq", b"5"), ("formerly", b'{"charge_id":"C1"}')))
    join.tick(after_ms=GRACE_MS)
    assert ([*THREE, "fee_list_d C2"], [RENAMED]) == (join.reported(), join.letters())
    assert "/C1" in join.dead[0].message
    assert "/C2" in join.dead[0].message


def test_a_record_that_gets_its_institution_back_in_time_is_not_told():
    """A slip of the hand that is mended at once. The platform is told the present content under the first name again."""
    join = patient()
    join.change("h.charge", "u", tx=7, org="P")
    join.change("h.charge", "u", tx=8, org="H")
    join.tick(after_ms=GRACE_MS)
    assert [(HOSPITAL, "C1"), (PHARMACY, "C1")] == [(one.record.institution, one.record.key) for one in join.ready[2:]]
    assert [RENAMED] == join.letters()
    assert PHARMACY == join.dead[0].institution


def test_a_row_that_leaves_for_another_visit_is_no_withdrawal_and_is_reported_again_when_it_comes_back():
    """The other visit reports it under its own id; the platform must not keep that one."""
    join = patient()
    join.change("h.charge", "d", tx=7, left=True)
    join.tick(after_ms=DAY_MS)
    assert (THREE, []) == (join.reported(), join.letters())
    join.change("h.charge", "u", tx=8)
    assert [*THREE, "fee_list_d C1"] == join.reported()


def test_the_deliver_stage_hears_at_once_that_a_row_left_and_when_a_person_hears_that_one_is_gone():
    """What waits there for a refused parent would go when that one is mended: beside what the other visit reports, or though a
    person was told that it is gone. Before a person is told it is an edit, and what comes back unchanged is not sent again.
    """
    join = patient()
    join.change("h.charge", "d", tx=7, left=True)
    assert ["V1 fee_list_d C1"] == join.recalled()
    join.change("h.charge", "u", tx=8)
    join.change("h.charge", "d", tx=9)
    join.change("h.charge", tx=9)
    join.tick(after_ms=DAY_MS)
    assert ["V1 fee_list_d C1"] == join.recalled()
    join.change("h.charge", "d", tx=10)
    assert ["V1 fee_list_d C1"] == join.recalled()
    join.tick(after_ms=DAY_MS)
    assert ([DELETED], ["V1 fee_list_d C1"] * 2) == (join.letters(), join.recalled())
    assert [(b"", True)] * 2 == [(one.record.value, one.is_recall) for one in join.recalls]


def test_a_delete_that_turns_into_a_move_is_heard_of_by_the_deliver_stage():
    """Place tells it behind the delete, at its own place in the log. The other visit reports the row from then on."""
    join = patient()
    join.change("h.charge", "d", tx=7, at=500)
    join.change("h.charge", "d", tx=7, at=500, left=True)
    join.tick(after_ms=DAY_MS)
    assert ([], ["V1 fee_list_d C1"]) == (join.letters(), join.recalled())


def test_a_row_that_leaves_while_another_one_backs_its_record_takes_nothing_back():
    """What was sent of the record is sent for that row, too."""
    join = Join(limits=PATIENT)
    for table in ("m.register", "m.bill", "m.item"):
        join.change(table, tx=1)
    join.change("m.named_item", tx=2)
    assert ["mdtrt_d R1", "setl_d B1", "fee_list_d I1"] == join.reported()
    join.change("m.item", "d", tx=7, left=True)
    assert [] == join.recalled()


def test_a_row_that_is_there_and_refused_is_no_withdrawal():
    """A person is told why it is refused. When it is mended, it is a correction of what the platform holds."""
    join = patient()
    join.change("h.charge", "d", tx=7)
    join.change("h.charge", tx=7, level="?")
    join.tick(after_ms=DAY_MS)
    assert ["DICTIONARY CHRGITM_LV"] == [letter.partition(" ")[0] + " CHRGITM_LV" for letter in join.letters()]
    assert [] == open_records(join)
    join.change("h.charge", "u", tx=8)
    assert (THREE, []) == (join.reported(), open_records(join))


def test_a_row_that_waits_for_a_part_keeps_its_record_open():
    """A settlement that is inserted again before its visit: what becomes of it is not known yet."""
    join = patient()
    for table, key in (("h.charge", 7), ("h.settle", 7), ("h.visit", 7)):
        join.change(table, "d", tx=key)
    join.change("h.settle", tx=7)
    join.change("h.charge", tx=7)
    join.tick(after_ms=500)
    join.change("h.visit", tx=8)
    join.tick(after_ms=DAY_MS)
    assert (THREE, [], []) == (join.reported(), join.letters(), open_records(join))
