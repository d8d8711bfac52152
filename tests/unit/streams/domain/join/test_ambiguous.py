"""Where several rows could be meant, none is taken: the record waits, is told with their names, and goes out when one is left."""

from dataclasses import replace

import orjson
import pytest

from streams.deadletter.record import encode_dead_letter, letter_id, safe_message
from streams.domain.join.fold import Joiner
from tests.unit.streams.domain.join.join_rig import LIMITS, Join, mappings

WHOLE = ["mdtrt_d R1", "setl_d B1", "fee_list_d I1"]


def whole(join):
    """A visit with its registration, bill and line, reported."""
    for table in ("m.register", "m.bill", "m.item"):
        join.change(table)
    assert WHOLE == join.reported()
    return join


def told(join):
    """Rule and row key of the dead letters, in order."""
    return [f"{letter.rule} {letter.record_key}" for letter in join.dead]


def in_vain(join):
    """Let more time pass than anything waits here."""
    for _ in range(2):
        join.tick(after_ms=LIMITS.wait_ms)
    return join


# Several settlements, and a line that names none --------------------------------------------------------------------------------


def test_a_line_without_a_link_is_not_given_to_the_last_of_two_settlements():
    """A half refund writes a second one, and the lines stay with the first; a guess reports the wrong SETL_ID for good."""
    join = Join()
    join.change("m.register")
    join.change("m.bill")
    join.change("m.bill", bill_no="B2", total="-10.00")
    join.change("m.item")
    join.tick(after_ms=LIMITS.wait_ms - 1)
    assert ([*WHOLE[:2], "setl_d B2"], [], [b"V1"]) == (join.reported(), join.letters(), join.waiting())
    join.tick(after_ms=1)
    assert (["AMBIGUOUS AMBIGUOUS_SETTLEMENT"], []) == (join.letters(), join.waiting())
    (letter,) = join.dead
    assert ("fee_list_d", "I1") == (letter.service, letter.record_key)
    assert letter.message.endswith("m.bill/B1、m.bill/B2")
    assert safe_message(letter.message) == letter.message
    assert {"visit", "fee"} == orjson.loads(letter.value)["rows"].keys()


def test_a_line_is_reported_with_the_settlement_that_is_left():
    """A second settlement that goes, before the wait is over or after it, leaves no doubt."""
    for ticks in (0, 2):
        join = Join()
        join.change("m.register")
        join.change("m.bill")
        join.change("m.bill", bill_no="B2")
        join.change("m.item")
        for _ in range(ticks):
            join.tick(after_ms=LIMITS.wait_ms)
        join.change("m.bill", "d")
        assert "fee_list_d I1" == join.reported()[-1]
        assert "B2" == orjson.loads(join.ready[-1].record.value)["SETL_ID"]
        assert [] == join.waiting()


def test_a_reported_line_stays_with_its_settlement_when_another_comes():
    """What was true when it was told is not made doubtful by a refund; nor is it moved to the refund."""
    join = whole(Join())
    join.change("m.bill", bill_no="B2", total="-10.00")
    in_vain(join)
    assert ([*WHOLE, "setl_d B2"], [], []) == (join.reported(), join.letters(), join.waiting())
    join.change("m.item", "u", uninteresting="x")
    join.change("m.bill", "d", bill_no="B2", total="-10.00")
    assert ([*WHOLE, "setl_d B2"], ["DELETED_AFTER_REPORT B2"], []) == (join.reported(), told(join), join.waiting())


@pytest.mark.parametrize(
    ("table", "op", "columns"),
    [("m.item", "u", {"item": "头孢"}), ("m.bill", "u", {"total": "30.00"}), ("m.bill", "d", {})],
    ids=["the line", "its settlement", "its settlement goes"],
)
def test_a_reported_line_that_no_candidate_makes_true_is_told_and_not_corrected(table, op, columns):
    """It is wrong at the platform whichever is meant, and what would be right is not known."""
    join = whole(Join())
    join.change("m.bill", bill_no="B2")
    join.change("m.bill", bill_no="B3")
    join.change(table, op, **columns)
    in_vain(join)
    assert 1 == join.reported().count("fee_list_d I1")
    assert "AMBIGUOUS_SETTLEMENT I1" == told(join)[-1]
    join.change("m.bill", "d", bill_no="B2")
    join.change("m.bill", "d", bill_no="B3" if op == "u" else "B1")
    assert 2 == join.reported().count("fee_list_d I1")


def test_a_line_that_names_its_settlement_is_not_ambiguous():
    """A visit may rightly have several."""
    join = Join()
    join.change("m.register")
    for number in ("B1", "B2"):
        join.change("m.bill", bill_no=number)
    join.change("m.named_item", bill_no="B1")
    in_vain(join)
    assert (["mdtrt_d R1", "setl_d B1", "setl_d B2", "fee_list_d I1"], []) == (join.reported(), join.letters())


def test_a_line_whose_settlement_stands_in_two_tables_is_not_given_to_the_first_of_them():
    """Two tables count for themselves, and their numbers collide."""
    join = Join()
    join.change("m.register")
    join.change("m.bill")
    join.change("m.other_bill")
    join.change("m.named_item")
    in_vain(join)
    assert ["AMBIGUOUS_SETTLEMENT I1"] == told(join)
    assert join.dead[0].message.endswith("m.bill/B1、m.other_bill/B1")


# Several heads ------------------------------------------------------------------------------------------------------------------


def two_heads(join):
    """A visit whose second registration came before its bill and its line."""
    join.change("m.register")
    join.change("m.register", register_no="R2", ward="外科")
    join.change("m.bill")
    join.change("m.item")
    return join


def test_nothing_is_reported_of_a_visit_with_two_heads():
    """Its bills and lines take their MDTRT_ID from the head: the last one captured would give them away to a double."""
    join = two_heads(Join())
    join.tick(after_ms=LIMITS.wait_ms - 1)
    assert ([], [b"V1"]) == (join.letters(), join.waiting())
    in_vain(join)
    assert (["mdtrt_d R1"], []) == (join.reported(), join.waiting())
    assert ["AMBIGUOUS_VISIT R2", "AMBIGUOUS_VISIT B1", "AMBIGUOUS_VISIT I1"] == told(join)
    assert {"AMBIGUOUS"} == {letter.dead_class.value for letter in join.dead}
    assert [True] * 3 == [letter.message.endswith("m.register/R1、m.register/R2") for letter in join.dead]


@pytest.mark.parametrize("ticks", [0, 2], ids=["while it waits", "after it was told"])
@pytest.mark.parametrize(("goes", "stays"), [("R1", "R2"), ("R2", "R1")])
def test_a_visit_is_reported_when_one_head_is_left(ticks, goes, stays):
    """The double is deleted, or was on its way to another visit; nothing else of the visit may have to change for that."""
    join = two_heads(Join())
    for _ in range(ticks):
        join.tick(after_ms=LIMITS.wait_ms)
    join.change("m.register", "d", register_no=goes)
    assert {f"mdtrt_d {stays}", "setl_d B1", "fee_list_d I1"} <= {*join.reported()}
    assert {stays} == {orjson.loads(one.record.value)["MDTRT_ID"] for one in join.ready[1:]}
    assert [] == join.waiting()


def test_what_was_reported_before_the_second_head_came_is_neither_sent_again_nor_told():
    """A double registration is one fault, and its own letter tells it."""
    join = whole(Join())
    join.change("m.register", register_no="R2", ward="外科")
    in_vain(join)
    assert (WHOLE, ["AMBIGUOUS_VISIT R2"]) == (join.reported(), told(join))
    join.change("m.register", "d", register_no="R2")
    assert (WHOLE, 1, []) == (join.reported(), len(join.dead), join.waiting())


def test_a_head_that_changes_beside_another_is_told_and_not_corrected():
    """It may be the double that was edited."""
    join = whole(Join())
    join.change("m.register", register_no="R2")
    join.change("m.register", "u", ward="儿科")
    in_vain(join)
    assert (WHOLE, ["AMBIGUOUS_VISIT R2", "AMBIGUOUS_VISIT R1"]) == (join.reported(), told(join))
    join.change("m.register", "d", register_no="R2")
    assert [*WHOLE, "mdtrt_d R1"] == join.reported()


def test_another_candidate_is_told_and_the_same_ones_are_not_told_again():
    """The letter names them; who mends the data by it must not miss one, nor read one letter ten times."""
    join = in_vain(two_heads(Join()))
    join.change("m.register", "u", register_no="R2", ward="外科", uninteresting="x")
    in_vain(join)
    assert 3 == len(join.dead)
    join.change("m.register", register_no="R3", ward="儿科")
    in_vain(join)
    assert 7 == len(join.dead) == len({letter_id(letter) for letter in join.dead})
    assert join.dead[-1].message.endswith("m.register/R1、m.register/R2、m.register/R3")


def test_a_row_of_an_institution_that_nobody_registered_is_refused_at_once():
    """Of several heads, too, that is the fault to mend first."""
    mapping = mappings()["many"]
    join = mapped(replace(mapping, belonging=replace(mapping.belonging, constants={})))
    join.change("m.register")
    join.change("m.register", register_no="R2")
    assert ["MAPPING UNKNOWN_INSTITUTION"] * 2 == join.letters()


# What goes ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("table", "missing"), [("m.register", ["B1", "I1"]), ("m.bill", ["I1"])])
def test_what_is_left_of_a_row_that_goes_waits_for_it_again(table, missing):
    """A line that stands at the platform under a withdrawn settlement needs a person, unless another settlement comes."""
    join = whole(Join())
    join.change(table, "d")
    assert [b"V1"] == join.waiting()
    join.change(table)
    assert (WHOLE, []) == (join.reported()[:3], join.waiting())
    join.change(table, "d")
    in_vain(join).tick(after_ms=LIMITS.unsettled_wait_ms)
    assert 2 == join.letters().count("WITHDRAWN DELETED_AFTER_REPORT")
    assert missing == [letter.record_key for letter in join.dead if letter.dead_class == "JOIN_INCOMPLETE"]


def test_a_line_is_corrected_when_its_settlement_is_replaced():
    """Cancelled and settled anew under another number: the line itself does not change in the hospital's database."""
    join = whole(Join())
    join.change("m.bill", "d")
    join.change("m.bill", bill_no="B2")
    assert [*WHOLE, "setl_d B2", "fee_list_d I1"] == join.reported()
    assert "B2" == orjson.loads(join.ready[-1].record.value)["SETL_ID"]


# Names that must not be shown ---------------------------------------------------------------------------------------------------


def mapped(mapping):
    """A partition whose visits of the system `many` are mapped so."""
    return Join(joiner=Joiner({"many": mapping}, LIMITS, zone=mapping.dialect.zone))


def test_a_candidates_key_that_is_somebodys_is_in_no_header():
    """A card's number has no shape by which it could be known; the mapping says what the column holds."""
    mapping = mappings()["many"]
    by_card = replace(mapping.tables["m.register"], key=("card",))
    join = mapped(replace(mapping, tables={**mapping.tables, "m.register": by_card}))
    for card in ("K1", "K2"):
        join.change("m.register", card=card)
    join.change("m.item")
    join.change("m.bill")
    in_vain(join)
    assert 3 == len(join.dead)
    for letter in join.dead:
        assert letter.message.endswith("m.register/***、m.register/***")
        assert not [header for header in encode_dead_letter(letter)[2] if b"K1" in header[1] or b"K2" in header[1]]


def test_a_candidates_key_that_looks_like_a_persons_is_hidden():
    """Some hospitals count by identity card."""
    join = Join()
    join.change("m.register")
    join.change("m.register", register_no="51010219381005541X\x1b")
    in_vain(join)
    assert join.dead[0].message.endswith("m.register/***、m.register/R1")


def test_the_candidates_stand_in_the_letters_document():
    """`yibao dlq show` prints it from there, in whole: a header is cut."""
    (letter,) = in_vain(two_heads(Join())).dead[:1]
    (violation,) = orjson.loads(letter.value)["violations"]
    assert ("AMBIGUOUS_VISIT", "AMBIGUOUS", "m.register/R1、m.register/R2") == (
        violation["rule"],
        violation["class"],
        violation["masked"],
    )
