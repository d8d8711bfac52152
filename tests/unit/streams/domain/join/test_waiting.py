"""Waiting for a part: how long, what is said when it does not come, and what happens when it comes after all."""

from dataclasses import replace

import orjson

from streams.deadletter.causes import cause_of
from streams.domain.join.fold import LEFT
from tests.unit.streams.domain.join.join_rig import DAY_MS, LIMITS, PATIENT, VISIT, Join, whole

THREE = ["mdtrt_d V1", "setl_d S1", "fee_list_d C1"]


def test_a_row_waits_no_longer_than_agreed_and_the_letter_names_what_is_missing():
    """A clerk has to know what to look for."""
    join = Join()
    join.change("h.settle")
    join.tick(after_ms=LIMITS.wait_ms - 1)
    assert (join.letters(), join.waiting()) == ([], [b"V1"])
    join.tick(after_ms=1)
    join.tick(after_ms=LIMITS.wait_ms)
    assert (join.letters(), join.waiting()) == (["JOIN_INCOMPLETE MISSING_VISIT"], [])
    assert (join.dead[0].service, join.dead[0].record_key) == ("setl_d", "S1")
    assert "就诊" in join.dead[0].message
    assert orjson.loads(join.dead[0].value)["rows"].keys() == {"settlement"}


def test_the_time_of_another_source_ends_no_wait():
    """What is missing may stand in the rows of its own source, behind a pause or a fault: a tick of another source passes them by.
    Its own one comes behind them.
    """
    join = Join()
    join.change("h.settle")
    join.tick(after_ms=10 * LIMITS.wait_ms, source="clinic")
    assert (join.letters(), join.waiting()) == ([], [b"V1"])
    join.change("h.visit")
    join.tick(source="his")
    assert join.reported() == THREE[:2]
    assert join.letters() == []


def test_the_time_of_its_own_source_ends_a_wait():
    """Nothing of before is on its way any more."""
    join = Join()
    join.change("h.settle")
    join.tick(after_ms=LIMITS.wait_ms, source="clinic")
    join.tick(source="his")
    assert (join.letters(), join.waiting()) == (["JOIN_INCOMPLETE MISSING_VISIT"], [])


def test_a_lookup_that_comes_ends_a_wait_at_any_tick_and_that_it_does_not_come_at_one_of_the_own_source():
    """Lookups come by themselves, in nobody's order."""
    join = Join(patients={})
    join.change("h.visit")
    join.tick(after_ms=10 * LIMITS.wait_ms, source="clinic")
    assert join.letters() == []
    join.patients["P1",] = PATIENT
    join.tick(source="clinic")
    assert (join.reported(), join.letters()) == (THREE[:1], [])


def test_a_part_that_comes_late_still_completes_the_record():
    """The letter says that it is late, not that it is lost."""
    join = Join()
    join.change("h.charge")
    join.change("h.settle")
    join.tick(after_ms=LIMITS.wait_ms)
    assert join.letters() == ["JOIN_INCOMPLETE MISSING_VISIT"] * 2
    join.change("h.visit")
    assert join.reported() == THREE


def test_a_line_waits_for_the_settlement_that_it_names():
    """Named and not there is a fault; it shows soon."""
    join = Join()
    join.change("h.visit")
    join.change("h.charge")
    join.tick(after_ms=LIMITS.wait_ms)
    assert join.letters() == ["JOIN_INCOMPLETE MISSING_SETTLEMENT"]


def test_a_line_that_may_not_wait_is_told_when_it_comes_with_all_that_is_known():
    """A site may set the wait to nothing. The letter shows the visit, as one after a wait does."""
    join = Join(limits=replace(LIMITS, wait_ms=0))
    join.change("h.visit")
    join.change("h.charge")
    assert (join.letters(), join.waiting()) == (["JOIN_INCOMPLETE MISSING_SETTLEMENT"], [])
    assert orjson.loads(join.dead[0].value)["rows"].keys() == {"visit", "fee"}


def test_a_line_that_is_not_settled_yet_waits_as_long_as_a_stay_may_last():
    """Lines of an inpatient are written daily and settled at the end."""
    join = Join()
    join.change("h.visit")
    join.change("h.charge", settle_no=None)
    join.tick(after_ms=59 * DAY_MS)
    assert (join.letters(), join.waiting()) == ([], [b"V1"])
    join.tick(after_ms=DAY_MS)
    assert join.letters() == ["JOIN_INCOMPLETE MISSING_UNSETTLED"]


def test_a_line_that_is_settled_in_time_waits_no_more():
    """The link comes with an update of the line."""
    join = Join()
    join.change("h.visit")
    join.change("h.charge", settle_no="")
    join.tick(after_ms=30 * DAY_MS)
    join.change("h.settle")
    assert join.reported() == THREE[:2]
    join.change("h.charge", "u")
    assert (join.reported(), join.waiting()) == (THREE, [])


def test_waiting_is_not_begun_anew_by_ticks_and_unrelated_changes():
    """A row that is touched every minute would wait for ever."""
    join = Join()
    join.change("h.settle")
    for _ in range(9):
        join.now += LIMITS.wait_ms // 10
        join.change("h.settle", "u", uninteresting=join.now)
        join.tick()
    join.tick(after_ms=LIMITS.wait_ms // 10)
    assert join.letters() == ["JOIN_INCOMPLETE MISSING_VISIT"]


def test_a_row_that_changes_after_it_was_given_up_waits_anew():
    """What is missing now may be another thing; said again is better than never reported."""
    join = Join()
    join.change("h.settle")
    join.tick(after_ms=LIMITS.wait_ms)
    join.change("h.settle", "u", total="30.00")
    join.tick(after_ms=LIMITS.wait_ms - 1)
    assert (len(join.dead), join.waiting()) == (1, [b"V1"])
    join.tick(after_ms=1)
    assert (len(join.dead), join.waiting()) == (2, [])
    assert join.dead[0].identity != join.dead[1].identity


def test_a_lookup_row_that_comes_later_is_seen_at_a_tick():
    """Lookups have topics of their own: no change of the visit tells that one came. What reads none of it keeps its place (R24)."""
    join = Join(patients={})
    whole(join)
    assert join.reported() == []
    join.patients["P1",] = PATIENT
    join.tick(after_ms=1)
    assert join.reported() == THREE
    assert (join.letters(), join.waiting()) == ([], [])


def test_a_lookup_row_that_does_not_come_is_named_and_still_waited_for():
    """A lookup table that is captured hours later, as in a first snapshot, must not leave records behind."""
    join = Join(patients={})
    join.change("h.visit")
    for _ in range(3):
        join.tick(after_ms=LIMITS.wait_ms)
    assert join.letters() == ["JOIN_INCOMPLETE MISSING_LOOKUP"]
    assert join.dead[0].message.endswith("：h.patient.patient_id=P1")
    join.patients["P1",] = PATIENT
    join.tick(after_ms=1)
    assert (join.reported(), join.waiting()) == (["mdtrt_d V1"], [])


def test_every_row_of_a_lookup_that_a_record_lacks_is_named(mended):
    """Whoever put the first row there would wait in vain for a record that lacks a second one."""
    join = Join(patients={})
    join.joiner = mended("DEPT_NAME: ward", "DEPT_NAME: {lookup: patient, by: [ward], column: name}")
    join.change("h.visit", ward="P2")
    join.tick(after_ms=LIMITS.wait_ms)
    named = join.dead[0].message.partition("（R24）：")[2].split("；")
    assert {"h.patient.patient_id=P1", "h.patient.patient_id=P2"} == {*named}
    assert ("", named[0]) == cause_of("JOIN_INCOMPLETE", "MISSING_LOOKUP", join.dead[0].message, None)


def test_a_key_that_the_mapping_reports_as_a_persons_is_not_named(mended):
    """It stands in a header and in the summary, where everybody reads it."""
    join = Join(patients={})
    join.joiner = mended("TEL: tel", "TEL: patient_id")
    join.change("h.visit")
    join.tick(after_ms=LIMITS.wait_ms)
    assert join.dead[0].message.endswith("：h.patient.patient_id=***")
    assert ("", "h.patient.patient_id") == cause_of("JOIN_INCOMPLETE", "MISSING_LOOKUP", join.dead[0].message, None)


def test_a_visit_that_is_given_another_patient_waits_for_that_one():
    """The wrong patient was given up; the right one comes a moment after the visit's row."""
    join = Join(patients={})
    join.change("h.visit", patient_id="P9")
    join.tick(after_ms=LIMITS.wait_ms)
    join.change("h.visit", "u")
    join.patients["P1",] = PATIENT
    join.tick(after_ms=1)
    assert (join.reported(), len(join.dead)) == (["mdtrt_d V1"], 1)


def test_a_tick_with_nothing_due_changes_nothing():
    """State that is written at every tick fills the changelog for nothing."""
    join = Join(patients={})
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge", visit_id="V2")
    assert dict(join.tick(after_ms=1).state) == {}
    for _ in range(2):  # the visit is given up first, then its settlement, which needs the same lookup row
        join.tick(after_ms=LIMITS.wait_ms)
    assert dict(join.tick(after_ms=LIMITS.wait_ms).state) == {}


def test_a_line_whose_waiting_visit_is_deleted_waits_for_a_visit_again():
    """It would wait for ever for the record of a row that is no more."""
    join = Join(patients={})
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.visit", "d")
    join.tick(after_ms=LIMITS.wait_ms)
    assert join.letters() == ["JOIN_INCOMPLETE MISSING_VISIT"]


def test_a_deleted_row_waits_for_nothing():
    """A letter about a row that is no more sends a clerk on a search for nothing."""
    join = Join()
    join.change("h.charge")
    join.change("h.charge", "d")
    join.tick(after_ms=LIMITS.wait_ms)
    assert join.letters() == []


def test_a_tick_reports_in_order():
    """A visit and its settlement wait for the same patient."""
    join = Join(patients={})
    join.change("h.settle")
    join.change("h.visit")
    join.patients["P1",] = PATIENT
    join.tick(after_ms=1)
    assert join.reported() == THREE[:2]
    assert VISIT["patient_id"] == "P1"


def test_a_row_that_goes_before_its_lookup_comes_needs_no_letter():
    """A registration that is cancelled at once: nothing was reported, so nothing is to be taken back."""
    join = Join(patients={})
    join.change("h.visit")
    join.change("h.visit", "d")
    join.tick(after_ms=LIMITS.wait_ms)
    assert (join.reported(), join.letters(), join.waiting()) == ([], [], [])


def test_a_row_that_waited_in_vain_and_is_inserted_again_still_asks_for_its_lookup_row():
    """Deleted and inserted again is how some systems save; what was given up before must not keep it from asking."""
    join = Join(patients={})
    join.change("h.visit")
    join.tick(after_ms=LIMITS.wait_ms)
    join.change("h.visit", "d")
    join.change("h.visit")
    assert ["JOIN_INCOMPLETE MISSING_LOOKUP"] == join.letters()
    join.patients["P1",] = PATIENT
    join.tick()
    assert (["mdtrt_d V1"], []) == (join.reported(), join.waiting())


def test_a_tick_gives_up_no_more_than_one_transaction_may_hold():
    """What a night let wait must not be one transaction that passes the broker's time-out, again and again."""
    join = Join(limits=replace(LIMITS, rows_a_tick=2))
    for number in range(5):
        join.change("h.settle", visit_id=f"V{number // 3}", settle_no=f"S{number}")
    told = []
    for after_ms in (LIMITS.wait_ms, 1, 1, 1):
        folded = join.tick(after_ms=after_ms)
        told.append((len(join.letters()), folded.counts.get(LEFT, 0)))
    assert [(2, 1), (4, 1), (5, 0), (5, 0)] == told
    assert {f"S{number}" for number in range(5)} == {letter.record_key for letter in join.dead}
    assert [] == join.waiting()


def test_rows_that_a_tick_can_do_nothing_for_keep_none_from_those_behind_them():
    """Rows that wait for a lookup's row are tried by every tick, and may be many."""
    join = Join(limits=replace(LIMITS, rows_a_tick=2), patients={})
    for number in range(5):
        join.change("h.visit", visit_id=f"L{number}")
    join.change("h.settle")
    join.tick(after_ms=LIMITS.wait_ms)
    for _ in range(3):
        join.tick(after_ms=1)
    assert 6 == len(join.letters())
