"""Rule R24 over refusals: what belongs to a visit or settlement that cannot be sent waits for it, and goes when it is mended."""

import pytest

from streams.deadletter.record import letter_id
from streams.domain.join import parents
from streams.domain.ready import ALONE, REPORTED
from tests.unit.streams.domain.join import join_rig
from tests.unit.streams.domain.join.join_rig import LIMITS, PATIENT, Join, whole

THREE = ["mdtrt_d V1", "setl_d S1", "fee_list_d C1"]
LONG_MS = 400 * join_rig.DAY_MS
BAD_VISIT, BAD_SETTLE = {"ward": "外" * 200}, {"total": "20.0001"}


@pytest.fixture
def levelled(monkeypatch):
    """The site with R24 at another level."""

    def level(value):
        for mapping in join_rig.mappings().values():
            monkeypatch.setitem(mapping.dialect.levels, "R24", value)

    return level


def bad(table):
    return {"h.visit": BAD_VISIT, "h.settle": BAD_SETTLE}.get(table, {})


@pytest.mark.parametrize(
    ("refused", "sent", "held"), [("h.visit", [], THREE), ("h.settle", THREE[:1], THREE[1:])], ids=["visit", "settlement"]
)
@pytest.mark.parametrize("first", [True, False], ids=["children last", "children first"])
def test_what_belongs_to_a_refused_row_is_held_and_goes_when_it_is_mended(refused, sent, held, first):
    """A platform that checks refuses an orphan; one that does not keeps lines of a settlement that it never heard of. One letter
    is told, of the row that is wrong: its lines are in order.
    """
    join = Join()
    tables = ["h.visit", "h.settle", "h.charge"]
    for table in tables if first else reversed(tables):
        join.change(table, **bad(table) if table == refused else {})
    join.tick(after_ms=LONG_MS)
    assert (sent, 1) == (join.reported(), len(join.dead))
    assert len(held) - 1 == join.counts[parents.HELD]
    join.change(refused, "u")
    assert (THREE, 1, []) == (join.reported(), len(join.dead), join.waiting())
    assert len(held) - 1 == join.counts[parents.FREED]


def test_what_belongs_to_a_visit_that_is_given_up_waits_for_it():
    """The visit's letter says that its patient is not known. The settlement needs the same patient, and is not told beside it."""
    join = Join(patients={})
    for table in ("h.visit", "h.settle", "h.charge"):
        join.change(table)
    for _ in range(3):
        join.tick(after_ms=LIMITS.wait_ms)
    assert ([], ["JOIN_INCOMPLETE MISSING_LOOKUP"]) == (join.reported(), join.letters())
    join.patients["P1",] = PATIENT
    join.tick(after_ms=1)
    assert (THREE, []) == (join.reported(), join.waiting())


def test_a_mended_column_that_no_child_reads_frees_them_too():
    """The lines of a settlement read neither its total nor what made it wrong; they must not wait for another reason to change."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle", **BAD_SETTLE)
    join.change("h.charge")
    join.change("h.settle", "u", total="30.00")
    assert THREE == join.reported()


def test_a_parent_that_is_refused_again_for_another_reason_still_holds_its_children():
    """Mended by halves."""
    join = Join()
    join.change("h.visit", **BAD_VISIT)
    join.change("h.settle")
    join.change("h.charge")
    join.change("h.visit", "u", ward=None)
    assert ([], 2) == (join.reported(), len(join.dead))


def test_a_row_that_is_refused_after_it_was_reported_holds_nothing_back():
    """The platform has it, in its older version."""
    join = Join()
    join.change("h.visit")
    join.change("h.visit", "u", **BAD_VISIT)
    join.change("h.settle")
    assert THREE[:2] == join.reported()


def test_a_held_line_whose_parent_goes_waits_for_another_and_is_told():
    """It is held by a letter that says what to mend; when the row is deleted there is nothing to mend any more."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle", **BAD_SETTLE)
    join.change("h.charge")
    join.change("h.settle", "d", **BAD_SETTLE)
    join.tick(after_ms=LIMITS.wait_ms)
    assert "JOIN_INCOMPLETE MISSING_SETTLEMENT" == join.letters()[-1]


def test_a_refund_waits_with_the_line_that_it_takes_back():
    """A letter would say that there is no such line."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle", **BAD_SETTLE)
    join.change("h.charge")
    join.change("h.settle", settle_no="S2")
    join.change("h.charge", charge_id="C9", settle_no="S2", quantity="-2.0000", amount="-20.00")
    join.tick(after_ms=LIMITS.wait_ms)
    assert ([*THREE[:1], "setl_d S2"], 1) == (join.reported(), len(join.dead))
    join.change("h.settle", "u")
    assert ["setl_d S1", "fee_list_d C1", "fee_list_d C9"] == join.reported()[2:]


def test_a_site_decides_about_the_rule(levelled):
    """Off and warn: a line goes without its settlement; warn counts it. Refuse is what holds where the site says nothing."""
    seen = {}
    for level in ("off", "warn", "refuse"):
        levelled(level)
        join = Join()
        join.change("h.visit")
        join.change("h.settle", **BAD_SETTLE)
        join.change("h.charge")
        seen[level] = join.reported()[1:], join.counts["warned_R24"]
    assert {"off": (THREE[2:], 0), "warn": (THREE[2:], 1), "refuse": ([], 0)} == seen


def test_what_a_version_before_sent_without_its_parent_is_not_sent_again(levelled):
    """The state of an earlier version knows lines that went without their settlement."""
    levelled("off")
    join = Join()
    join.change("h.visit")
    join.change("h.settle", **BAD_SETTLE)
    join.change("h.charge")
    levelled("refuse")
    join.change("h.charge", "u", item="头孢")
    assert [*THREE[:1], THREE[2]] == join.reported()
    join.change("h.settle", "u")
    assert ["setl_d S1", "fee_list_d C1"] == join.reported()[2:]


def test_the_letter_of_a_deleted_row_names_what_was_reported_of_it():
    """Whoever tells the platform to delete a settlement must know which of its lines stand there."""
    join = whole(Join())
    join.change("h.charge", charge_id="C2")
    join.change("h.charge", charge_id="C3", item=None)
    join.change("h.settle", "d")
    assert "h.charge/C1、h.charge/C2" in join.dead[-1].message
    assert "C3" not in join.dead[-1].message
    join.change("h.visit", "d")
    assert "h.charge/C1、h.charge/C2" in join.dead[-1].message


def test_a_letter_has_the_id_that_it_would_have_without_children():
    """An earlier version named none; what it told and what this one tells of the same delete is one letter."""
    alone, with_children = Join(), whole(Join())
    alone.change("h.visit")
    alone.change("h.settle")
    for join in (alone, with_children):
        join.change("h.settle", "d")
    assert letter_id(alone.dead[-1]) == letter_id(with_children.dead[-1])


def test_a_child_whose_key_is_a_persons_is_hidden_in_the_letter_of_its_parent():
    """Letters are read on screens; a key that looks like an identity number is one."""
    join = whole(Join())
    join.change("h.charge", charge_id="11010519491231002X")
    join.change("h.settle", "d")
    assert "11010519491231002X" not in join.dead[-1].message
    assert b"11010519491231002X" not in join.dead[-1].value


def test_the_deliver_stage_is_told_what_it_cannot_see():
    """It holds what belongs to a visit that the platform refused; not where the platform has an older version of it, nor where the
    site lets records go alone. Lines hold nothing, and say nothing.
    """
    join = Join()
    for table in ("h.visit", "h.settle", "h.charge"):
        join.change(table)
    join.change("h.visit", "u", ward="W2")
    join.change("h.charge", "u", amount="2.00")
    told = [(emission.record.service.value, emission.tail) for emission in join.ready]
    assert {("mdtrt_d", ()), ("setl_d", ()), ("fee_list_d", ()), ("mdtrt_d", (REPORTED,))} == {*told}


@pytest.mark.parametrize("level", ["off", "warn"])
def test_records_that_may_go_alone_say_so(levelled, level):
    """The level of the rule is the mapping's; the deliver stage knows no mapping."""
    levelled(level)
    join = Join()
    join.change("h.visit")
    join.change("h.visit", "u", ward="W2")
    assert [(ALONE,), (REPORTED, ALONE)] == [emission.tail for emission in join.ready]
