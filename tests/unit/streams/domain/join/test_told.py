"""A letter of the join ends when what it told does: with the record, with a later letter, with the row."""

import pytest

from streams.domain.closings import ClosedBy, letter_id
from streams.domain.ready import closes
from tests.unit.streams.domain.join.join_rig import Join, envelope, whole


class Telling(Join):
    """A join that is asked what closed its letters."""

    def ended(self):
        return [(one.by, one.id) for one in self.ends]


def test_the_letter_of_a_mended_row_goes_with_its_record():
    """Only the platform can say that it took the mended version: the deliver stage closes the letter then."""
    join = Telling()
    join.change("h.visit", ward=None)
    [letter] = join.dead
    assert [letter_id(letter)] == [row.letter for row in join.rows()]
    join.change("h.visit", "u")
    assert [letter_id(letter)] == [closes(one.tail) for one in join.ready]
    assert ([], [""]) == (join.ended(), [row.letter for row in join.rows()])
    join.change("h.visit", "u", ward="W2")
    assert "" == closes(join.ready[-1].tail)


def test_a_later_letter_takes_the_place_of_an_earlier_one():
    """Two letters for one row to mend are one too many, and the older one says what is not so any more."""
    join = Telling()
    join.change("h.visit", ward=None)
    join.change("h.visit", "u", ward=None, tel=None)
    first, second = map(letter_id, join.dead)
    assert [(ClosedBy.SUPERSEDED, first)] == join.ended()
    assert [second] == [one.evidence for one in join.ends] == [row.letter for row in join.rows()]


def test_a_row_that_goes_before_it_was_reported_closes_its_letter():
    """There is nothing left to mend; when it comes back as it was, it is told again."""
    join = Telling()
    join.change("h.visit", ward=None)
    join.change("h.visit", "d")
    assert [(ClosedBy.GONE, letter_id(join.dead[0]))] == join.ended()
    join.change("h.visit", ward=None)
    assert 2 == len(join.dead)
    assert letter_id(join.dead[0]) == letter_id(join.dead[1]) == join.rows()[0].letter


def test_a_correction_that_is_taken_back_closes_its_letter():
    """The platform holds what the row says again; nothing is sent for it, so nothing else would close the letter."""
    join = Telling()
    whole(join)
    join.change("h.visit", "u", ward=None)
    join.change("h.visit", "u")
    assert [(ClosedBy.MENDED, letter_id(join.dead[0]))] == join.ended()
    assert 3 == len(join.ready)


def test_a_row_that_waited_in_vain_goes_with_its_letter():
    """What it missed has come: its record says which letter that ends."""
    join = Telling()
    join.change("h.settle")
    join.tick(after_ms=10**9)
    assert ["MISSING_VISIT"] == [letter.rule for letter in join.open()]
    join.change("h.visit")
    assert ["mdtrt_d", "setl_d"] == [one.record.service for one in join.ready]
    assert ["", letter_id(join.dead[0])] == [closes(one.tail) for one in join.ready]


def test_a_row_that_waits_for_something_else_keeps_its_letter():
    """Until its record is sent, a person must know of it."""
    join = Telling()
    join.change("h.visit", ward=None)
    patients, join.patients = join.patients, {}
    join.change("h.visit", "u", ward="W2")
    assert [letter_id(join.dead[0])] == [row.letter for row in join.rows()]
    join.patients = patients
    join.tick(after_ms=1)
    assert [letter_id(join.dead[0])] == [closes(one.tail) for one in join.ready]


def test_an_emptied_table_closes_the_letters_of_its_rows():
    """They are gone as if each had been deleted."""
    join = Telling()
    join.change("h.visit", ward=None)
    join.send(envelope("h.visit", "t", None, at=99))
    join.tick(after_ms=10**6)
    assert [(ClosedBy.GONE, letter_id(join.dead[0]))] == join.ended()


@pytest.mark.parametrize("columns", [{"ward": None}, {"ward": None, "tel": None}])
def test_what_is_told_again_unchanged_is_the_same_letter(columns):
    """A change of something else must not open it anew, nor close it."""
    join = Telling()
    join.change("h.visit", **columns)
    join.read("h.visit", **columns)
    assert (1, []) == (len(join.dead), join.ended())
