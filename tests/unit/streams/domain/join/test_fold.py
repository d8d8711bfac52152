"""The join: which records come out of which changes, in which order, and how often."""

from itertools import permutations

import orjson
import pytest

from connector.contract import UNAVAILABLE
from tests.unit.streams.domain.join.join_rig import (
    CHARGE,
    HOSPITAL,
    LIMITS,
    PATIENT,
    PHARMACY,
    SETTLE,
    START_MS,
    VISIT,
    Join,
    envelope,
    whole,
)

THREE = ["mdtrt_d V1", "setl_d S1", "fee_list_d C1"]


def content(emission):
    return orjson.loads(emission.record.value)


# Once, and in order -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [*permutations(["h.visit", "h.settle", "h.charge"])], ids=" ".join)
def test_in_whatever_order_the_rows_come_each_record_comes_once_and_in_order(order):
    """Capture gives no order between tables; the platform wants visit, settlement, fee lines (R24)."""
    join = Join()
    for table in order:
        join.change(table)
    assert join.reported() == THREE
    assert (join.letters(), join.waiting()) == ([], [])


def test_a_part_is_reported_with_its_own_row_but_stamped_when_it_became_ready():
    """Freshness counts from the commit that made a record reportable; its position is that of its own row."""
    join = Join()
    join.send(envelope("h.charge", "c", CHARGE, at=5, committed_at=1_000))
    join.send(envelope("h.settle", "c", SETTLE, at=6, committed_at=2_000))
    join.send(envelope("h.visit", "c", VISIT, at=7, committed_at=3_000))
    assert [(one.position, one.committed_at) for one in join.ready] == [("7", 3_000), ("6", 3_000), ("5", 3_000)]


def test_what_was_released_is_captured_when_the_change_that_released_it_was():
    """The parts of freshness describe one change: the one that made the record ready, not the one that its row came with."""
    join = Join()
    join.change("h.charge")
    join.change("h.settle")
    join.now += 5_000
    join.change("h.visit")
    assert [join.now] * 3 == [one.captured_at for one in join.ready]


def test_what_a_lookup_row_releases_counts_from_its_own_commit_and_waits_in_the_join():
    """Nothing tells when the lookup's row was committed; the wait must show, and as the join's."""
    join = Join(patients={})
    join.change("h.visit")
    begun = join.now
    join.patients["P1",] = PATIENT
    join.tick(after_ms=LIMITS.wait_ms - 1)
    assert [(START_MS, begun)] == [(one.committed_at, one.captured_at) for one in join.ready]


def test_what_the_clock_releases_counts_from_that_moment():
    """A lookup row that comes after a quarter of an hour must not make everything look late that waited for it."""
    join = Join(patients={})
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge")
    join.tick(after_ms=LIMITS.wait_ms)
    assert ["JOIN_INCOMPLETE MISSING_LOOKUP"] == join.letters()
    join.patients["P1",] = PATIENT
    join.tick(after_ms=LIMITS.wait_ms)
    assert [(join.now, join.now)] * 3 == [(one.committed_at, one.captured_at) for one in join.ready]


def test_a_fee_line_goes_with_the_settlement_that_it_names():
    """Two settlements of one visit divide its lines."""
    join = whole(Join())
    join.change("h.charge", charge_id="C2", settle_no="S2")
    assert join.reported() == THREE
    join.change("h.settle", settle_no="S2", paid_by="card")
    assert join.reported() == [*THREE, "setl_d S2", "fee_list_d C2"]
    assert [content(one).get("RX_DRORD_NO") for one in join.ready if one.record.service == "fee_list_d"] == ["cash", "card"]


def test_a_fee_line_without_a_link_goes_with_its_visits_settlement():
    """Systems without that column have one settlement a visit."""
    join = Join()
    join.change("c.charge")
    join.change("c.settle", settle_no="S9")
    assert join.reported() == ["setl_d S9", "fee_list_d C1"]
    assert content(join.ready[1])["SETL_ID"] == "S9"


def test_two_systems_with_the_same_numbers_do_not_mix():
    """A visit key of one system says nothing about another's."""
    join = Join()
    join.change("c.charge")
    whole(join)
    assert join.reported() == THREE
    join.change("c.settle")
    assert [one.record.institution for one in join.ready] == [HOSPITAL] * 3 + [PHARMACY] * 2


def test_a_pharmacys_sale_needs_no_visit():
    """Pharmacies do not report visits (§3.3.3)."""
    join = Join()
    join.change("c.settle")
    join.change("c.charge")
    assert (["setl_d S1", "fee_list_d C1"], []) == (join.reported(), join.waiting())
    join.change("h.settle", org="P", settle_no="S2")
    join.change("h.charge", org="P", settle_no="S2")
    join.tick(after_ms=LIMITS.wait_ms)
    assert ["VALIDATION REQUIRED"] == join.letters()  # of what this system's settlements take from a visit


def test_a_visit_row_of_a_pharmacy_is_not_reported():
    """It has no duty to, and the platform has no place for it."""
    join = Join()
    join.change("h.visit", org="P")
    assert (join.reported(), join.letters(), join.counts["not_reported"]) == ([], [], 1)


# Corrections --------------------------------------------------------------------------------------------------------------------


def test_the_same_content_is_not_reported_again():
    """An update of a column that nobody reports is no news."""
    join = whole(Join())
    for table in ("h.visit", "h.settle", "h.charge"):
        join.change(table, "u", uninteresting="x")
    assert join.reported() == THREE
    assert join.counts["unchanged"] == 3


def test_changed_content_is_reported_again_as_a_correction():
    """The platform must have what the database shows last."""
    join = whole(Join())
    join.change("h.charge", "u", item="头孢")
    assert join.reported() == [*THREE, "fee_list_d C1"]
    assert content(join.ready[-1])["HILIST_NAME"] == "头孢"
    assert join.counts["corrected"] == 1


def test_content_that_changes_back_is_reported_a_third_time():
    """Otherwise the platform keeps the version in the middle."""
    join = whole(Join())
    join.change("h.charge", "u", item="头孢")
    join.change("h.charge", "u")
    assert join.reported() == [*THREE, "fee_list_d C1", "fee_list_d C1"]
    assert join.ready[2].record == join.ready[4].record


def test_a_change_of_the_visit_that_fee_lines_do_not_read_touches_them_not():
    """A visit has thousands of lines and changes daily."""
    join = whole(Join())
    before = [row for row in join.rows() if row.role == "fee"]
    join.change("h.visit", "u", ward="外科")
    assert join.reported() == [*THREE, "mdtrt_d V1"]
    assert [row for row in join.rows() if row.role == "fee"] == before
    assert join.counts["unchanged"] == 0


def test_a_change_of_the_visit_that_fee_lines_read_corrects_them():
    """Every record that shows the old value is wrong now."""
    join = whole(Join())
    join.change("h.visit", "u", med_type="12")
    assert join.reported() == [*THREE, "mdtrt_d V1", "fee_list_d C1"]
    join.change("h.settle", "u", paid_by="card")
    assert join.reported()[5:] == ["fee_list_d C1"]


def test_a_line_that_moves_to_another_settlement_is_corrected():
    """Refunds and re-billing move lines."""
    join = whole(Join())
    join.change("h.settle", settle_no="S2", paid_by="card")
    join.change("h.charge", "u", settle_no="S2")
    assert join.reported() == [*THREE, "setl_d S2", "fee_list_d C1"]
    join.change("h.settle", "u", paid_by="cheque")
    assert join.reported()[5:] == []


def test_a_visit_that_is_mended_frees_what_was_refused_because_of_it():
    """The rule compares two rows; mending either must be enough (R22 refuses here)."""
    join = Join()
    join.change("h.visit", begin_at="2024-05-01T13:00:00Z")
    join.change("h.settle")
    assert (join.reported(), join.letters()) == (["mdtrt_d V1"], ["VALIDATION R22"])
    join.change("h.visit", "u")
    assert join.reported()[1:] == ["mdtrt_d V1", "setl_d S1"]


# Deletes ------------------------------------------------------------------------------------------------------------------------


def test_a_row_that_is_deleted_before_it_was_reported_leaves_nothing():
    """Nobody has to take back what nobody was told."""
    join = Join()
    join.change("h.charge")
    join.change("h.charge", "d")
    assert (join.reported(), join.letters(), join.waiting()) == ([], [], [])


def test_a_row_that_is_deleted_after_it_was_reported_goes_to_a_person():
    """The interface has no message that withdraws a record."""
    join = whole(Join())
    join.change("h.charge", "d")
    join.change("h.charge", "d")
    assert (join.reported(), join.letters()) == (THREE, ["WITHDRAWN DELETED_AFTER_REPORT"])
    letter = join.dead[0]
    assert (letter.service, letter.institution, letter.record_key) == ("fee_list_d", HOSPITAL, "C1")
    assert orjson.loads(letter.value)["rows"]["fee"] == CHARGE


def test_a_delete_needs_no_more_than_the_key():
    """What a database remembers of a deleted row differs; the join remembers the rest."""
    join = whole(Join())
    join.send(envelope("h.charge", "d", {"charge_id": "C1", "visit_id": "V1"}, at=1_000))
    assert join.letters() == ["WITHDRAWN DELETED_AFTER_REPORT"]


def test_a_line_waits_again_while_its_settlement_is_gone():
    """Cancelled and settled anew is one of the ways in which hospitals correct."""
    join = whole(Join())
    join.change("h.settle", "d")
    join.change("h.charge", "u", item="头孢")
    assert join.reported() == THREE
    join.change("h.settle", total="30.00")
    assert join.reported() == [*THREE, "setl_d S1", "fee_list_d C1"]


# Values that were not sent ------------------------------------------------------------------------------------------------------


def test_a_large_value_that_was_not_sent_is_taken_from_the_row_before():
    """PostgreSQL does not send large values that did not change."""
    join = Join()
    join.change("h.visit", "u", ward=UNAVAILABLE, before=VISIT | {"ward": "儿科"})
    assert content(join.ready[0])["ADM_DEPT_NAME"] == "儿科"


def test_a_large_value_that_was_not_sent_is_taken_from_memory():
    """Without REPLICA IDENTITY FULL there is no row before."""
    join = Join()
    join.change("h.visit", ward="儿科")
    join.change("h.visit", "u", ward=UNAVAILABLE, med_type="12", before={"ward": UNAVAILABLE})
    assert [(content(one)["ADM_DEPT_NAME"], content(one)["MED_TYPE"]) for one in join.ready] == [("儿科", "11"), ("儿科", "12")]


def test_a_large_value_that_is_nowhere_is_told_and_never_reported():
    """The placeholder is not the value."""
    join = Join()
    join.change("h.visit", "u", ward=UNAVAILABLE)
    assert (join.reported(), join.letters()) == ([], ["SCHEMA_DRIFT UNAVAILABLE_VALUE"])


def test_an_empty_text_and_null_are_both_no_value():
    """The interface knows no NULL; what the database distinguishes stays distinguished in the state only."""
    join = Join()
    join.change("h.visit", tel="", addr=None)
    assert not {"TEL", "ADDR"} & content(join.ready[0]).keys()
    assert [(row.columns["tel"], row.columns["addr"]) for row in join.rows()] == [("", None)]


def test_ids_of_19_digits_keep_every_digit():
    """Two visits that differ in the last digit are two visits."""
    join = Join()
    join.change("h.visit", visit_id=1234567890123456789)
    join.change("h.visit", visit_id=1234567890123456788)
    assert join.reported() == ["mdtrt_d 1234567890123456789", "mdtrt_d 1234567890123456788"]


def test_state_of_a_table_that_the_mapping_no_longer_has_stops_nothing():
    """State outlives mappings; a worker that dies at it dies at every start."""
    join = Join()
    join.change("h.settle")
    join.change("h.charge", settle_no="S9")
    key, value = next((key, value) for entries in join.entries.values() for key, value in entries.items() if b"charge" in key)
    join.entries[b"V1"][key.replace(b"h.charge", b"h.gone")] = value
    join.change("h.visit")
    join.change("h.settle", settle_no="S9")
    join.tick(after_ms=10_000)
    assert join.reported() == ["mdtrt_d V1", "setl_d S1", "setl_d S9", "fee_list_d C1"]
