"""Corrections that go by a person alone (`records.SERVICE.corrections: dead_letter`)."""

from dataclasses import replace

import pytest

from streams.domain.closings import ClosedBy, letter_id
from streams.domain.join.fold import Joiner
from streams.domain.replay import replay_value
from streams.mapping import BadFiles, compile_site, load_site
from streams.spec.fields import ServiceCode
from tests.unit.streams.domain.join.join_rig import LIMITS, SITE, Join, mappings, whole
from tests.unit.streams.domain.join.test_replaying import order

HELD = "CORRECTION CORRECTION"
FEE, SETTLEMENT, VISIT = ServiceCode.FEE, ServiceCode.SETTLEMENT, ServiceCode.VISIT


def joiner(*services):
    """Of the site, with corrections of these services held."""
    of = {}
    for name, mapping in mappings().items():
        records = {one: replace(record, holds_corrections=one in services) for one, record in mapping.records.items()}
        of[name] = replace(mapping, records=records)
    return Joiner(of, LIMITS, zone=of["his"].dialect.zone)


def begin(*services):
    return whole(Join(joiner=joiner(*services)))


def replay(join, table, letter=None):
    """Order what a letter tells, by default the one that is open."""
    if letter is None:
        letter = next((letter_id(one) for one in join.open()), "5f" * 16)
    return join.send(replay_value(order(table)._replace(letter=letter), at=join.now))


def line(join, amount, op="u"):
    join.change("h.charge", op, amount=amount, price=f"{amount}0000", quantity="1.0000")


@pytest.mark.parametrize(
    ("table", "service", "change"),
    [
        ("h.charge", FEE, {"item": "头孢"}),
        ("h.settle", SETTLEMENT, {"settled_at": "2024-05-01T13:00:00Z"}),
        ("h.visit", VISIT, {"ward": "外科"}),
    ],
)
def test_what_was_reported_and_changes_is_a_letter_and_goes_once_a_person_says_so(table, service, change):
    """An office that must ask the platform first sends nothing by itself."""
    join = begin(service)
    before = len(join.ready)
    join.change(table, "u", **change)
    assert ([HELD], before) == (join.letters(), len([one for one in join.ready if one.record.service is service]) + before - 1)
    (letter,) = join.dead
    for _ in range(2):  # whoever sends orders may be killed in between
        replay(join, table)
    sent = [one for one in join.ready if one.record.service is service]
    assert (2, True) == (len(sent), sent[0].record.content_hash != sent[1].record.content_hash)
    assert ([], [letter]) == (join.open(), join.dead)


def test_a_person_says_so_of_what_a_letter_tells_and_of_nothing_later():
    """Between the order and its carrying out the row changed: nobody has seen that."""
    join = begin(FEE)
    sent = len(join.ready)
    line(join, "21.00")
    seen = letter_id(join.open()[0])
    line(join, "22.00")
    replay(join, "h.charge", seen)
    assert (sent, 1) == (len(join.ready), len({letter_id(one) for one in join.open()}))
    replay(join, "h.charge")
    assert (sent + 1, []) == (len(join.ready), join.open())


def test_what_waits_for_the_platform_is_made_anew_without_a_question():
    """It was not reported yet: a person has all of it made anew, after the mapping was mended."""
    join = begin(FEE)
    line(join, "21.00")
    replay(join, "h.charge", "")
    assert "fee_list_d C1" == join.reported()[-1]


def test_what_comes_back_as_it_was_reported_closes_its_letter():
    """The mistake was mended in the hospital, and nothing of it went out."""
    join = begin(FEE)
    sent = len(join.ready)
    line(join, "21.00")
    join.change("h.charge", "u")
    assert ([HELD], sent, []) == (join.letters(), len(join.ready), join.open())
    assert [ClosedBy.MENDED] == [one.by for one in join.ends]


def test_there_is_one_open_letter_of_a_record_and_it_tells_the_last_content():
    """A row that changes ten times is one question to the office, and what was answered stays answered."""
    join = begin(FEE)
    for amount in ("21.00", "22.00", "22.00", "23.00"):
        line(join, amount)
    assert ([HELD] * 3, 1) == (join.letters(), len(join.open()))
    replay(join, "h.charge")
    assert [] == join.open()
    line(join, "24.00")
    assert 1 == len(join.open()), "each correction is asked for"


def test_a_record_that_another_row_changes_is_held_likewise():
    """A line says what its visit says; told once for each content."""
    join = begin(FEE)
    for ward in ("V1", "V2"):
        join.patients[("P1",)] = {**join.patients[("P1",)], "name": ward}
    sent = len([one for one in join.ready if one.record.service is FEE])
    join.change("h.visit", "u", med_type="14")
    assert sent == len([one for one in join.ready if one.record.service is FEE])
    assert [HELD] == join.letters()
    join.change("h.visit", "u", med_type="11")
    assert [] == join.open()
    join.change("h.visit", "u", med_type="14")
    join.change("h.visit", "u", med_type="21")
    assert 1 == len(join.open())


def test_the_first_report_and_other_services_go_by_themselves():
    """The word is of one service."""
    join = begin(SETTLEMENT)
    line(join, "21.00")
    assert ([], 4) == (join.letters(), len(join.ready))


def test_what_belongs_to_a_held_correction_goes_on():
    """The platform has the settlement: its lines need not wait for a question about it."""
    join = begin(SETTLEMENT)
    join.change("h.settle", "u", settled_at="2024-05-01T13:00:00Z")
    join.change("h.charge", charge_id="C2")
    assert ("fee_list_d C2", [HELD]) == (join.reported()[-1], join.letters())


def test_a_row_that_goes_while_its_correction_is_held_is_told_as_withdrawn():
    """The platform has what was reported first."""
    join = begin(FEE)
    line(join, "21.00")
    join.change("h.charge", "d")
    join.tick(after_ms=1)
    assert ["WITHDRAWN DELETED_AFTER_REPORT"] == [f"{one.dead_class.value} {one.rule}" for one in join.open()]


def test_a_row_that_is_deleted_and_written_again_is_a_correction():
    """Bills are edited so; within the grace nobody is told of the delete."""
    join = begin(FEE)
    join.change("h.charge", "d", tx=7)
    join.change("h.charge", "c", tx=7, amount="21.00", price="21.000000", quantity="1.0000")
    assert [HELD] == join.letters()
    join.change("h.charge", "u", tx=8)
    assert [] == join.open()


def test_without_the_word_what_was_held_goes_with_its_next_change():
    """A site that changes its mind."""
    join = begin(FEE)
    line(join, "21.00")
    join.joiner = joiner()
    line(join, "22.00")
    assert ([], 4) == (join.open(), len(join.ready))


def test_the_letter_says_what_it_is_about_and_whose_it_is():
    """The record by its key, and nothing personal in its words."""
    join = begin(FEE)
    line(join, "21.00")
    (letter,) = join.dead
    assert ("fee_list_d", "C1", "CORRECTION") == (letter.service, letter.record_key, letter.rule)
    assert "已上报" in letter.message


def test_the_word_stands_in_the_mapping_at_a_service(tmp_path):
    """Another word than these two is an error with its place."""
    for file in SITE.parent.iterdir():
        (tmp_path / file.name).write_text(file.read_text("utf-8"), "utf-8")
    mapping = tmp_path / "his.yaml"
    text = mapping.read_text("utf-8")
    mapping.write_text(text.replace("  fee_list_d:\n", "  fee_list_d:\n    corrections: dead_letter\n"), "utf-8")
    records = compile_site(load_site(tmp_path / SITE.name))["his"].records
    assert {VISIT: False, SETTLEMENT: False, FEE: True} == {one: record.holds_corrections for one, record in records.items()}
    mapping.write_text(text.replace("  fee_list_d:\n", "  fee_list_d:\n    corrections: dead-letter\n"), "utf-8")
    with pytest.raises(BadFiles, match="corrections"):
        load_site(tmp_path / SITE.name)
