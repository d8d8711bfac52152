"""Cells of CSV: whatever a hospital wrote, no spreadsheet runs it, and it comes back as it was."""

import csv
import io
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.deadletter.sheet.cells import CUT, MOST, clean, guarded, plain

BEGINNINGS = "=+-@＝＋－＠\t\r\n'"
ODD = [*BEGINNINGS, ";", ",", '"', " ", "\u3000", "\ufeff", "\u200b", "\u202e", "\0", "A", "1", "|", "金"]
HOSTILE = st.text(st.sampled_from(ODD))


def risky(cell):
    """Whether a spreadsheet takes a cell for a formula: blanks before it do not help."""
    return cell.lstrip()[:1] in set("=+-@＝＋－＠")


@example(["", ';"='])
@example(['a;""=b', '; "=1'])
@given(st.lists(HOSTILE | st.text(), min_size=1, max_size=6))
def test_no_cell_begins_like_a_formula_by_whatever_dialect_it_is_read(cells):
    """A file with commas is opened where semicolons or tabs divide, too."""
    written = io.StringIO(newline="")
    row = [guarded(clean(cell)) for cell in cells]
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows([row, row])
    for divider in (",", ";", "\t"):
        read = csv.reader(io.StringIO(written.getvalue(), newline=""), delimiter=divider)
        assert [] == [cell for row in read for cell in row if risky(cell)]
    as_written = list(csv.reader(io.StringIO(written.getvalue(), newline="")))
    assert [row, row] == as_written
    assert [] == [cell for cell in row if cell[:1] in ("\t", "\r", "\n")]


@given(HOSTILE | st.text())
def test_what_comes_back_is_what_went_out(text):
    """The apostrophe is the list's, not the hospital's."""
    assert clean(text).strip() == plain(guarded(clean(text)))


@given(st.text())
def test_a_clean_text_holds_nothing_that_a_workbook_refuses(text):
    """A control character in one cell makes the whole workbook unreadable."""
    kinds = {unicodedata.category(one) for one in clean(text)}
    assert set() == kinds & {"Cc", "Cs", "Zl", "Zp", "Cf"}
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize("number", ["0012", "1234567890123456789", "12e5", "1.5E3"])
def test_a_number_that_a_spreadsheet_rounds_stays_a_text(number):
    """19 digits become 1.23457E+18 without it, and a leading zero is lost."""
    assert f"'{number}" == guarded(number)
    assert number == plain(guarded(number))


@pytest.mark.parametrize("one", ["中", "𠮷", "a"])
def test_a_text_that_is_too_long_for_a_cell_is_cut_and_says_so(one):
    """Excel counts a rare character twice, and calls the file broken where it is longer."""
    cut = clean(one * (MOST + 5))
    assert cut.endswith(CUT)
    assert len(cut.encode("utf-16-le")) // 2 <= MOST
    assert clean("a" * MOST) == "a" * MOST
