"""A list in both forms: nothing in it is a formula, and what a person fills in comes back as it was meant."""

import csv
import io

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.deadletter.sheet.cells import clean
from streams.deadletter.sheet.columns import COLUMNS, TITLES, Line
from streams.deadletter.sheet.decisions import Decision, decision_of
from streams.deadletter.sheet.read_csv import read_csv
from streams.deadletter.sheet.read_xlsx import read_xlsx
from streams.deadletter.sheet.taken_in import TakenIn
from streams.deadletter.sheet.words import OWNERS
from streams.deadletter.sheet.written_csv import CsvList
from streams.deadletter.sheet.written_xlsx import ABOUT, XlsxList
from tests.unit.streams.deadletter.sheet.test_cells import HOSTILE, risky

SITE = "sample"
ID = "0123456789abcdef0123456789abcdef"
LINES = st.lists(
    st.builds(lambda cells: Line(*cells), st.lists(HOSTILE | st.text(), min_size=len(TITLES), max_size=len(TITLES))), max_size=4
)
IN_A_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def line(**cells):
    empty = dict.fromkeys(Line._fields, "")
    return Line(**(empty | {"id": ID, "owner": OWNERS["clerk"], "site": SITE} | cells))


def as_csv(folder, lines):
    out = CsvList(folder / "list.csv")
    for one in lines:
        out.add(one)
    out.close()
    return (folder / "list.csv").read_bytes()


def as_xlsx(folder, lines, **more):
    out = XlsxList(folder / "list.xlsx", beside=folder, about=["站点：sample"], **more)
    for one in lines:
        out.add(one)
    out.close()
    return (folder / "list.xlsx").read_bytes()


WRITERS = {"csv": (as_csv, read_csv), "xlsx": (as_xlsx, read_xlsx)}


def taken(content, read):
    found = TakenIn(SITE)
    read(content, found.take)
    found.end()
    return found


@IN_A_FOLDER
@given(LINES)
def test_no_cell_of_csv_is_a_formula(tmp_path, lines):
    """A diagnosis of `=cmd|…` runs on the clerk's machine."""
    content = as_csv(tmp_path, lines)
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert len(lines) + 1 == len(rows)
    assert [] == [cell for row in rows for cell in row if risky(cell)]


@IN_A_FOLDER
@given(LINES)
def test_every_cell_of_a_workbook_is_a_text(tmp_path, lines):
    """Read as a program reads it, not as the writer meant it."""
    lines = [one._replace(owner=OWNERS["clerk"]) for one in lines]
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx(tmp_path, lines)))
    kinds = {cell.data_type for sheet in book for row in sheet for cell in row if cell.value is not None}
    assert kinds <= {"s", "inlineStr"}
    assert [] == [cell for sheet in book for row in sheet for cell in row if cell.hyperlink]
    shown = [[cell.value or "" for cell in row] for row in book[book.sheetnames[1]].iter_rows(min_row=2)]
    assert [[clean(cell) for cell in one] for one in lines] == shown[: len(lines)]


def test_a_csv_is_one_that_excel_on_chinese_windows_reads(tmp_path):
    """It reads UTF-8 by the mark alone."""
    content = as_csv(tmp_path, [line(reason='他说"不平"，\n第二行')])
    assert content.startswith(b"\xef\xbb\xbf")
    assert (2, content.count(b"\n")) == (content.count(b"\r\n"), 2)
    assert '他说""不平""，' in content.decode("utf-8-sig")


def test_a_workbook_has_a_sheet_for_each_who_mends_it(tmp_path):
    """Titles stay, every column can be filtered, and decisions are chosen from a list."""
    lines = [line(owner=owner) for owner in OWNERS.values()]
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx(tmp_path, lines)))
    assert [ABOUT, *OWNERS.values()] == book.sheetnames
    sheet = book[OWNERS["it"]]
    assert ("B2", f"A1:{openpyxl.utils.get_column_letter(len(COLUMNS))}2") == (sheet.freeze_panes, sheet.auto_filter.ref)
    [choice] = sheet.data_validations.dataValidation
    assert ("list", f'"{",".join(Decision)}"') == (choice.type, choice.formula1)
    assert TITLES[sheet[f"{choice.sqref}".partition(":")[0]].column - 1] == "处理决定"


def test_what_does_not_fit_on_a_sheet_goes_on_in_further_ones(tmp_path):
    """Excel drops what is below its last row without a word."""
    lines = [line(id=f"{number:032x}", decision="重报") for number in range(7)]
    out = XlsxList(tmp_path / "list.xlsx", beside=tmp_path, about=[], most_rows=4)
    for one in lines:
        out.add(one)
    assert ("医保办 2", "医保办 3") == out.close()
    found = taken((tmp_path / "list.xlsx").read_bytes(), read_xlsx)
    assert ([one.id for one in lines], []) == (list(found.decided), found.faults)


@pytest.mark.parametrize("form", WRITERS)
def test_decisions_come_back(tmp_path, form):
    """With their notes and the platform's numbers, row by row."""
    write, read = WRITERS[form]
    lines = [line(id=f"{number:032x}", decision=one.value) for number, one in enumerate(Decision)]
    lines.append(line(id="f" * 32, decision="关闭", note="=测试数据", confirmation="WX-1"))
    found = taken(write(tmp_path, lines), read)
    decided = [one.value for one in Decision if one is not Decision.PENDING]
    assert ([], len(lines), 1) == (found.faults, found.rows, found.pending)
    assert decided == [one.decision.value for one in list(found.decided.values())[: len(decided)]]
    last = found.decided["f" * 32]
    assert ("=测试数据", "WX-1", len(lines) + 1) == (last.note, last.confirmation, last.row.number)


@pytest.mark.parametrize("form", WRITERS)
def test_an_empty_list_comes_back_empty(tmp_path, form):
    """Nothing to do is no fault."""
    write, read = WRITERS[form]
    found = taken(write(tmp_path, []), read)
    assert ([], {}, 0) == (found.faults, found.decided, found.rows)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", Decision.PENDING),
        (" 已在 his 修改 ", Decision.MENDED),
        ("ＣＬＯＳＥ", Decision.CLOSE),
        ("close", Decision.CLOSE),
        ("重报", Decision.REMAKE),
        ("resend", Decision.RESEND),
        ("关掉吧", None),
    ],
)
def test_a_decision_is_understood_in_whatever_width_and_case(written, meant):
    """People type; what is nearly the word is the word, what is not is asked about."""
    assert meant is decision_of(written)
