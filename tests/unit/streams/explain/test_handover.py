"""Which reported records one join alone remembers: of these, another set of topics would tell nobody that their rows went."""

import pytest

from connector.contract import TableRole
from streams.domain.changes import Incoming
from streams.domain.join.entries import dump, key_of
from streams.domain.join.gone import HELD, Gone, dump_gone, gone_key
from streams.domain.join.parts import Part
from streams.explain.handover import Reported, left_with
from tests.unit.streams.explain.test_remembered import SINCE, row

RECORD = "H1/R1"
REPORTED = row(emitted="h1", reported_as=RECORD)
CORRECTED = row(emitted="h2", reported_as=RECORD)
WENT = row(deleted=True, reported_as=RECORD)


def entry(one, visit=b"V1"):
    """A message of a row, or of a record that no row backs."""
    if isinstance(one, Gone):
        return Incoming("visit.state", 0, 0, gone_key(visit, one.role, one.record), dump_gone(one), (), SINCE)
    return Incoming("visit.state", 0, 0, key_of(visit, one.role, one.source, one.table, one.key), dump(one), (), SINCE)


def gone(deadline, record=RECORD, letter=""):
    of = TableRole.FEE, "his", "his.charge", ("F1",), (7,), SINCE, 5, "", record, "h1", SINCE, deadline, "", "", {}
    return Gone(*of, "", letter)


def left(ours, theirs):
    found = left_with(map(entry, ours), Reported(map(entry, theirs)))
    return [(one.kind, one.service, one.institution, one.row.key) for one in found]


@pytest.mark.parametrize(
    "theirs",
    [
        (REPORTED,),
        (CORRECTED,),
        (row("F9", emitted="h", reported_as=RECORD),),
        (gone(SINCE),),
        (gone(0, letter="l"),),
        (REPORTED, WENT),
    ],
)
def test_what_both_remember_is_not_left(theirs):
    """Whatever row backs it there, in whatever version: that one tells when it goes, or has told."""
    assert not left([REPORTED], theirs)
    assert not left([WENT, gone(SINCE)], theirs)


@pytest.mark.parametrize(
    ("ours", "kind"),
    [
        (REPORTED, "unreported"),
        (REPORTED._replace(refused="VALIDATION/R1", letter="l"), "refused"),
        (REPORTED.waiting(f"{Part.SETTLEMENT}", since=SINCE, deadline=SINCE), "waits"),
        (gone(SINCE), "withdrawal"),
        (gone(HELD), "held withdrawal"),
    ],
)
@pytest.mark.parametrize("theirs", [(), (row(),), (row(refused="VALIDATION/R1"),), (row(reported_as=RECORD),)])
def test_what_one_alone_reported_is_left(ours, kind, theirs):
    """The other one never read its row, or made no record of it; a row that only claims the record (COLLISION) reported nothing."""
    assert [(kind, "fee_list_d", "H1", ("F1",))] == left([ours], theirs)


@pytest.mark.parametrize("ours", [(row(),), (row(refused="VALIDATION/R1"),), (WENT, gone(0, letter="l")), (REPORTED, row())])
def test_what_was_never_reported_or_was_told_is_not_left(ours):
    """Nobody needs to be told of it, or somebody was."""
    assert not left(ours, [])


def test_a_row_of_which_the_name_was_not_noted_is_left():
    """An early version did not say as what it reported a row: who does not know must not say that nothing is left."""
    assert [("unnamed", "fee_list_d", "", ("F1",))] == left([row(emitted="h1")], [REPORTED])


def test_another_institution_and_another_service_are_other_records():
    """Two institutions may count alike."""
    visit = row(role=TableRole.VISIT, emitted="h", reported_as=RECORD)
    assert 1 == len(left([REPORTED], [row(emitted="h", reported_as="H2/R1"), visit]))


def test_an_entry_that_went_is_not_left():
    """The topic may hold what compaction has not removed yet."""
    ours = entry(REPORTED)
    assert not left_with([ours, ours._replace(value=None)], Reported([]))
    assert not left_with([ours._replace(key=b"\x1fp"), ours._replace(key=None)], Reported([]))


def test_nothing_of_a_row_is_shown():
    """It ends up in errors and logs."""
    (one,) = left_with([entry(REPORTED)], Reported([]))
    assert "F1" not in repr(one)
