"""The dead letters of the join: every change that has no place or no record gets one, the same failure the same one."""

import orjson
import pytest

from streams.deadletter.record import letter_id, safe_message
from streams.domain.violations import OF_FIELD, DeadClass
from tests.unit.streams.domain.join.join_rig import CHARGE, HOSPITAL, LIMITS, PATIENT, START_MS, VISIT, Join, envelope, whole


def ids(join):
    return [letter_id(letter) for letter in join.dead]


# Changes without a place --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "columns", "letter"),
    [
        ("h.visit", {"visit_id": None}, "MAPPING NO_VISIT_KEY"),
        ("h.visit", {"visit_id": ""}, "MAPPING NO_VISIT_KEY"),
        ("h.charge", {"visit_id": "        "}, "MAPPING NO_VISIT_KEY"),
        ("h.charge", {"visit_id": "V\x1f1"}, "MAPPING NO_VISIT_KEY"),
        ("h.charge", {"charge_id": None}, "MAPPING NO_KEY"),
        ("h.charge", {"charge_id": " "}, "MAPPING NO_KEY"),
        ("h.charge", {"charge_id": "C\x1f1"}, "MAPPING NO_KEY"),
    ],
)
def test_a_row_that_names_no_visit_or_not_itself_is_told(table, columns, letter):
    """It can be joined with nothing; told apart from others it can be mended in the hospital's system."""
    join = Join()
    join.change(table, **columns)
    assert (join.letters(), join.reported(), join.rows()) == ([letter], [], [])


@pytest.mark.parametrize(("table", "source"), [("h.unknown", "his"), ("h.patient", "his"), ("h.visit", "other")])
def test_a_table_that_nobody_registered_is_told(table, source):
    """Captured and not mapped is a fault of configuration, not something to pass over."""
    join = Join()
    join.send(envelope(table, "c", VISIT, at=7, source=source))
    assert join.letters() == ["MAPPING UNKNOWN_TABLE"]
    assert table in join.dead[0].message


def test_a_column_that_is_gone_is_told_by_its_name():
    """A system's update renamed it; every record would be wrong in silence."""
    join = Join()
    join.send(envelope("h.charge", "c", {name: value for name, value in CHARGE.items() if name != "price"}, at=7))
    assert join.letters() == ["SCHEMA_DRIFT MISSING_COLUMN"]
    assert "price" in join.dead[0].message


@pytest.mark.parametrize("value", [b"", b"\xff\x00", b"[1]", b'{"op":"x"}', b'{"hello":"world"}'], ids=repr)
def test_bytes_that_nobody_can_read_are_kept_as_they_are(value):
    """A replay needs them, and they are the only evidence."""
    join = Join()
    join.send(value)
    assert join.letters() == ["DECODE DECODE"]
    assert (join.dead[0].value, join.dead[0].key) == (value, b"{}")


def test_a_truncate_is_for_a_person():
    """What was reported of a whole table cannot be taken back by a machine."""
    join = whole(Join())
    join.send(envelope("h.charge", "t", None, at=99))
    assert join.letters() == ["WITHDRAWN TRUNCATE"]
    assert len(join.rows()) == 3


def test_a_tombstone_is_nothing():
    """It follows every delete."""
    folded = Join().send(None)
    assert (folded.dead, folded.ready, dict(folded.state), folded.counts) == ((), (), {}, {"tombstone": 1})


@pytest.mark.parametrize(
    ("op", "row"),
    [("c", CHARGE | {"visit_id": None}), ("d", {"charge_id": "C1"}), ("c", {"charge_id": "C1", "visit_id": "V1"})],
)
def test_a_change_that_capture_sends_again_is_the_same_letter(op, row):
    """Its bytes differ: the envelope carries the time at which capture read it."""
    join = Join()
    for ts_ms in (1, 2):
        join.send(envelope("h.charge", op, row, at=7, ts_ms=ts_ms))
    assert len(ids(join)) == 2
    assert len(set(ids(join))) == 1


@pytest.mark.parametrize("at", [7, None], ids=["first snapshot", "snapshot on demand"])
def test_rows_of_a_snapshot_do_not_hide_each_others_letters(at):
    """All rows of a snapshot stand at one place in the log, or at none, and are read at one time."""
    join = Join()
    for number in range(3):
        join.send(envelope("h.charge", "r", CHARGE | {"charge_id": f"C{number}", "visit_id": None}, at=at))
    assert len(set(ids(join))) == 3


# Records that must not be reported ----------------------------------------------------------------------------------------------


def test_all_that_is_wrong_is_told_in_one_letter():
    """A clerk mends a record once, not once for each fault."""
    join = whole(Join())
    join.change("h.charge", charge_id="C2", quantity="x", level="?", item=None)
    (letter,) = join.dead
    document = orjson.loads(letter.value)
    assert {(one["field"], one["rule"]) for one in document["violations"] if one["level"] == "refuse"} == {
        ("CNT", "DECIMAL"),
        ("CHRGITM_LV", "DICTIONARY"),
        ("HILIST_NAME", "REQUIRED"),
        ("MEDINS_LIST_NAME", "REQUIRED"),
    }
    assert all(name in letter.message for name in ("CNT", "CHRGITM_LV", "HILIST_NAME"))
    assert document["rows"].keys() == {"visit", "settlement", "fee"}
    assert document["rows"]["fee"] == CHARGE | {"charge_id": "C2", "quantity": "x", "level": "?", "item": None}


def test_the_words_for_the_clerk_survive_the_masking_of_persons():
    """Every message is masked on its way into a header; ours hold nobody's values, and must stay readable."""
    long = "超" * 300
    join = Join(patients={("P1",): PATIENT | {"name": long, "cert_no": long}})
    join.change("h.visit", tel=long, addr=long, employer=long, contact=long, card=long)
    join.patients["P1",] = PATIENT | {"name": None, "cert_no": None}
    join.change("h.visit", "u", org=None, tel="x", begin_at=None)
    join.change("h.settle", visit_id="V2")
    join.change("h.charge", visit_id="V2", settle_no=None)
    join.tick(after_ms=LIMITS.unsettled_wait_ms)
    assert len(join.dead) >= 4
    assert [letter.message for letter in join.dead if safe_message(letter.message) != letter.message] == []


def test_class_and_rule_are_those_of_the_first_refusal():
    """The letter is sorted by them; the others stand in the document."""
    join = whole(Join())
    join.change("h.charge", "u", level="?")
    join.change("h.charge", "u", item=None)
    assert join.letters() == ["DICTIONARY DICTIONARY", "VALIDATION REQUIRED"]


def test_an_institution_that_nobody_registered_is_refused_at_once():
    """Waiting for its visit would only hide the cause."""
    join = Join()
    join.change("h.settle", org="?")
    join.change("h.charge", org=None)
    assert join.letters() == ["MAPPING UNKNOWN_INSTITUTION"] * 2
    assert [(letter.institution, letter.record_key) for letter in join.dead] == [("", "S1"), ("", "C1")]


def test_the_same_refusal_is_told_once():
    """The visit changes daily; its refused lines do not get worse by that."""
    join = whole(Join())
    join.change("h.charge", charge_id="C2", level="?")
    join.change("h.charge", "u", charge_id="C2", level="?", uninteresting="x")
    join.change("h.visit", "u", insu_id="X2")
    assert join.letters() == ["DICTIONARY DICTIONARY"]


def test_a_refusal_of_other_content_is_another_letter():
    """What was mended wrongly must show again."""
    join = whole(Join())
    for level in ("?", "!", "?"):
        join.change("h.charge", "u", charge_id="C2", level=level)
    assert join.letters() == ["DICTIONARY DICTIONARY"] * 3
    assert len(set(ids(join))) == 2


def test_a_refused_record_that_is_mended_is_reported():
    """The point of a dead letter."""
    join = whole(Join())
    join.change("h.charge", charge_id="C2", level="?")
    join.change("h.charge", "u", charge_id="C2")
    assert join.reported()[3:] == ["fee_list_d C2"]


def test_a_reported_record_that_becomes_wrong_is_told_and_stays_reported():
    """The platform keeps the last version that was right."""
    join = whole(Join())
    join.change("h.charge", "u", level="?")
    join.change("h.charge", "u")
    assert (join.letters(), join.counts["unchanged"], len(join.ready)) == (["DICTIONARY DICTIONARY"], 1, 3)


def test_warnings_are_counted_and_hold_nothing_back():
    """A rule on trial must be visible before it refuses."""
    join = whole(Join())
    assert join.counts["warned_R23"] > 0
    assert join.counts["warned_R23"] == sum(count for what, count in join.counts.items() if what.startswith(f"{OF_FIELD}R23 "))
    assert len(join.ready) == 3


def test_a_letter_says_where_its_bytes_came_from_and_when():
    """Without that nobody finds the message."""
    join = whole(Join())
    join.change("h.charge", charge_id="C2", level="?")
    letter = join.dead[0]
    assert (letter.stage, letter.topic, letter.partition, letter.offset) == ("join", "visit.changes", 0, join.offset)
    assert (letter.failed_at, letter.key, letter.institution) == (START_MS, b"V1", HOSPITAL)
    assert letter.mapping_version.startswith("join-his@")


def test_every_way_to_fail_is_reached_here():
    """The rest of this file would say little if it missed a class of the join."""
    join = whole(Join())
    join.send(b"?")
    join.send(envelope("h.gone", "c", VISIT, at=1))
    join.send(envelope("h.visit", "c", {"visit_id": "V1"}, at=1))
    join.change("h.charge", "u", level="?")
    join.change("h.charge", "u", item=None)
    join.change("h.charge", "d")
    join.change("h.settle", visit_id="V2", settle_no="S2")
    for number in ("R1", "R2"):
        join.change("m.register", register_no=number)
    for table, total in (("m.register", None), ("m.bill", "20.00"), ("m.other_bill", "30.00")):
        join.change(table, visit_id="V9", **({"total": total} if total else {"register_no": "R9"}))
    join.tick(after_ms=10_000)
    reached = {letter.dead_class for letter in join.dead}
    # Sealing, posting and the lanes have the others; of one record's size the tests of `normalise` speak. This mapping sends
    # corrections.
    others = {DeadClass.ENCRYPT, DeadClass.REJECTED, DeadClass.INTERNAL, DeadClass.OVERSIZE, DeadClass.CORRECTION}
    assert reached == {*DeadClass} - others
