"""What comes back is not what went out: other encodings and dividers, broken and hostile files. All is told, none is repeated."""

import io
import tracemalloc
import zipfile

import openpyxl
import pytest

from streams.deadletter.sheet import read_xlsx as reader
from streams.deadletter.sheet import unread_cells, workbook_bounds
from streams.deadletter.sheet.read_csv import read_csv
from streams.deadletter.sheet.read_xlsx import read_xlsx
from streams.errors import Misconfigured
from tests.unit.streams.deadletter.sheet.test_there_and_back import ID, as_xlsx, line, taken

OTHER = "f" * 32
TITLES = "编号,处理决定,备注,平台确认号,站点"
SECRET = "欧阳百里51010219381005541X"


def rows(*lines, titles=TITLES):
    return "\r\n".join([titles, *lines]).encode()


def told(content, read=read_csv):
    return [(one.row, one.column, one.what) for one in taken(content, read).faults]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("divider", [",", ";", "\t"])
def test_a_list_is_read_as_spreadsheets_write_it(encoding, divider):
    """Excel on Chinese Windows saves GBK; "Unicode text" is UTF-16 with tabs; other regions divide by semicolons."""
    text = f"{TITLES}\r\n{ID},关闭,测试数据,,\r\n".replace(",", divider)
    found = taken(text.encode(encoding), read_csv)
    assert ([], ["测试数据"]) == (found.faults, [one.note for one in found.decided.values()])


def test_columns_are_found_by_their_titles_wherever_they_stand():
    """A clerk moves, adds and drops columns, and writes a line above the titles."""
    found = taken(f"五月清单,,,\r\n备注,处理决定,我的列,编号\r\n已核对,关闭,x,{ID}\r\n".encode(), read_csv)
    assert ([], "已核对") == (found.faults, found.decided[ID].note)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (f"{ID},关掉吧,,,", (2, "处理决定", "不认识这个决定")),
        ("1.23E+31,关闭,x,,", (2, "编号", "编号被电子表格改成了数字")),
        (f"{ID[:12]},关闭,x,,", (2, "编号", "不是死信编号")),
        (",关闭,x,,", (2, "编号", "没有编号")),
        (f"{ID},关闭,x,,another", (2, "站点", "这一条属于另一个站点")),
        (f"{ID},关闭,x,51010219381005541X,", (2, "平台确认号", "不是平台给的确认号")),
        (f"{ID},重报,x,WX-1,", (2, "平台确认号", "填了平台确认号，决定却不是“关闭”")),
        (f"{ID},,x,WX-1,", (2, "平台确认号", "填了平台确认号，决定却不是“关闭”")),
    ],
)
def test_what_is_not_understood_is_told_by_row_and_column(row, fault):
    """A row that is passed over in silence is a letter that everybody thinks is done."""
    assert [fault] == told(rows(row))


def test_two_decisions_about_one_letter_are_told():
    """Which of them is meant is nobody's guess; the same one twice is one."""
    assert [(3, "处理决定", "与第 2 行是同一条，内容却不同")] == told(rows(f"{ID},关闭,x,,", f"{ID},重报,x,,"))
    assert [] == told(rows(f"{ID},关闭,x,,", f"{ID},关闭,x,,"))


@pytest.mark.parametrize(
    "lines",
    [
        (f"{ID},关闭,x,,", f"{ID},重报,x,,"),
        (f"{ID},待处理,,,", f"{ID},关闭,x,,"),
        (f"{ID},关闭,x,,", f"{ID},待处理,,,"),
        (f"{ID},关掉吧,,,", f"{ID},关闭,x,,"),
        (f"{ID},关闭,x,,", f"{ID},重报,x,WX-1,"),
        (f"{ID},关闭,x,,", f"{ID},关闭,x,,another"),
    ],
)
def test_of_a_letter_in_doubt_nothing_is_decided(lines):
    """`--partial` does what is understood: which of two rows of one letter is right, is not."""
    found = taken(rows(*lines), read_csv)
    assert ({}, 1) == (dict(found.decided), len(found.faults))


def test_a_row_that_says_nothing_does_not_contradict():
    """Of two copies of a row one was filled in."""
    found = taken(rows(f"{ID},,,,", f"{ID},关闭,x,,"), read_csv)
    assert ([], [ID], 1) == (found.faults, list(found.decided), found.pending)


def test_two_columns_of_one_title_that_differ_are_told():
    """A clerk added a second column for decisions: the first alone would be read, and hers be lost in silence."""
    twice = f"{TITLES},处理决定"
    assert [(2, "处理决定", "有两列都是这个标题，内容却不同")] == told(rows(f"{ID},,x,,,关闭", titles=twice))
    assert [] == told(rows(f"{ID},关闭,x,,,关闭", titles=twice))


def test_a_contradiction_between_sheets_names_the_other_sheet(tmp_path):
    """Row 2 of which sheet?"""
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx(tmp_path, [line(decision="重报")])))
    further = book.create_sheet("草稿")
    further.append(["编号", "处理决定"])
    further.append([ID, "待处理"])
    found = taken(saved(book), read_xlsx)
    assert ({}, ["与工作表“医保办”第 2 行是同一条，内容却不同"]) == (found.decided, [one.what for one in found.faults])


@pytest.mark.parametrize("content", [b"", b"\r\n", b"a,b\r\n1,2\r\n", f"编号,备注\r\n{ID},x\r\n".encode()])
def test_a_file_without_our_titles_is_no_list(content):
    """To do nothing and say "done" would be a lie."""
    assert 1 == len(taken(content, read_csv).faults)


def test_a_sheet_that_lost_its_titles_is_told(tmp_path):
    """Its letters would be passed over beside the sheets that have theirs."""
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx(tmp_path, [line(decision="重报"), line(id=OTHER, owner="信息科")])))
    book["信息科"].delete_rows(1)
    book.create_sheet("空")
    found = taken(saved(book), read_xlsx)
    assert ([ID], [("信息科", 0)]) == (list(found.decided), [(one.sheet, one.row) for one in found.faults])


def saved(book):
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook_that_excel_saved_again_is_read(tmp_path):
    """With shared texts, numbers, dates and rows that a filter hides."""
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx(tmp_path, [line(), line(id=OTHER)])))
    sheet = book["医保办"]
    place = {cell.value: cell.column for cell in sheet[1]}
    sheet.cell(2, place["处理决定"], "关闭")
    sheet.cell(2, place["备注"], 12.0)
    sheet.cell(3, place["处理决定"], "重报")
    sheet.row_dimensions[3].hidden = True
    found = taken(saved(book), read_xlsx)
    assert ([], [ID, OTHER], "12") == (found.faults, list(found.decided), found.decided[ID].note)


def packed(parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return out.getvalue()


def opened(content):
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return {name: book.read(name) for name in book.namelist()}


def changed(content, name, change):
    parts = opened(content)
    return packed(parts | {name: change(parts[name])})


SHEET = "xl/worksheets/sheet2.xml"
HOSTILE = {
    "a row of millions of cells": (
        SHEET,
        lambda was: was.replace(b"</sheetData>", b"<row>" + b"<c/>" * 3_000_000 + b"</row></sheetData>"),
    ),
    "a part of styles without end": ("xl/styles.xml", lambda was: was + b" " * (17 << 20)),
    "an entity that grows": (
        SHEET,
        lambda was: (
            b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
            + was.partition(b"?>")[2].replace(b"<t>", b"<t>&b;")
        ),
    ),
    "an entity of a file": (
        SHEET,
        lambda was: (
            b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>' + was.partition(b"?>")[2].replace(b"<t>", b"<t>&a;")
        ),
    ),
    "a row beyond the last": (SHEET, lambda was: was.replace(b'<row r="2"', b'<row r="99999999999"')),
    "a cell beyond all columns": (SHEET, lambda was: was.replace(b'r="A2"', b'r="ZZZZZZZ2"')),
    "no xml": (SHEET, lambda _: b"\0\1\2" + SECRET.encode()),
    "half of it": (SHEET, lambda was: was[: len(was) // 2]),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_workbook_is_refused_within_bounds(tmp_path, monkeypatch, kind):
    """A file of some kilobytes must not take the machine's memory, nor its files, nor a night."""
    monkeypatch.setattr(reader, "MOST_ROWS", 10_000)
    name, change = HOSTILE[kind]
    content = as_xlsx(tmp_path, [line(decision="重报", reason=SECRET)])
    content = changed(content, name, change)
    tracemalloc.start()
    try:
        with pytest.raises(Misconfigured) as refused:
            taken(content, read_xlsx)
        assert tracemalloc.get_traced_memory()[1] < 600 << 20
    finally:
        tracemalloc.stop()
    assert SECRET not in f"{refused.value}"


def test_what_a_workbook_unpacks_to_is_bounded_before_it_is_read(tmp_path, monkeypatch):
    """By what its parts say; none is unpacked beyond that."""
    content = as_xlsx(tmp_path, [line()])
    content = packed(opened(content) | {"xl/sharedStrings.xml": b"<sst><si/><si/></sst>"})
    assert [] == taken(content, read_xlsx).faults
    for name in ("MOST_UNPACKED", "MOST_PARTS", "MOST_BYTES", "MOST_SHARED", "MOST_SHARED_BYTES", "MOST_ROW_BYTES"):
        with monkeypatch.context() as smaller:
            smaller.setattr(workbook_bounds, name, 1)
            with pytest.raises(Misconfigured):
                taken(content, read_xlsx)


def test_rows_beyond_what_a_sheet_says_of_its_size_are_read(tmp_path):
    """Some programs write a wrong size; what is below it was decided all the same."""
    content = as_xlsx(tmp_path, [line(decision="重报")])
    small = changed(content, SHEET, lambda was: was.replace(b'<dimension ref="A1:T2"/>', b'<dimension ref="A1"/>'))
    assert content != small
    assert [ID] == list(taken(small, read_xlsx).decided)


def test_a_workbook_without_sheets_is_no_list(tmp_path):
    """Nothing was decided, and that is told."""
    content = changed(as_xlsx(tmp_path, []), "xl/workbook.xml", lambda _: b"<workbook/>")
    assert 1 == len(taken(content, read_xlsx).faults)


def test_a_part_that_lies_about_its_size_is_not_unpacked_beyond_it(tmp_path):
    """The size that a part says it has is what is bounded."""
    content = bytearray(as_xlsx(tmp_path, [line(reason="A" * 30_000)]))
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as book:
        size = book.getinfo(SHEET).file_size.to_bytes(4, "little")
    at = content.rfind(size)
    content[at : at + 4] = (100).to_bytes(4, "little")
    with pytest.raises(Misconfigured):
        taken(bytes(content), read_xlsx)


def test_a_workbook_is_not_read_where_entities_would_be(tmp_path, monkeypatch):
    """An environment variable of the reader's turns that on."""
    monkeypatch.setattr(reader, "DEFUSEDXML", False)
    with pytest.raises(Misconfigured, match="defusedxml"):
        taken(as_xlsx(tmp_path, []), read_xlsx)


@pytest.mark.parametrize("content", [b"\x81\xff\xfe" * 9, b'"' + b"x" * 200_000, "编号".encode("utf-16")[:-1]])
def test_what_is_no_text_is_no_list(content):
    """Whatever it is, nothing of it is repeated."""
    with pytest.raises(Misconfigured, match="list"):
        taken(content, read_csv)


def a_workbook(*lines, change=lambda _sheet: None):
    book = openpyxl.Workbook()
    for one in (TITLES.split(","), *lines):
        book.active.append(one)
    change(book.active)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_decision_merged_over_several_rows_is_told_for_each_row_that_has_none():
    """Whoever merged them believes to have decided all of them; the file says so of the first alone."""
    content = a_workbook(
        [ID, "关闭", "x"], [OTHER, None, "x"], ["e" * 32, None, "x"], change=lambda sheet: sheet.merge_cells("B2:B4")
    )
    found = taken(content, read_xlsx)
    assert [ID] == [*found.decided]
    assert 0 == found.pending
    assert [(3, "处理决定"), (4, "处理决定")] == [(one.row, one.column) for one in found.faults]
    assert all("合并" in one.what for one in found.faults)


def test_a_decision_merged_with_the_cell_on_its_left_is_told():
    """Its text stands in another column then."""
    content = a_workbook([ID, "关闭", "x"], change=lambda sheet: sheet.merge_cells("A2:B2"))
    assert [(2, "处理决定", "与别的单元格合并，只有合并区域的第一格有内容")] == told(content, read_xlsx)


def test_merged_cells_above_the_titles_and_in_other_columns_are_nobodys_concern():
    """A clerk puts a title above the list."""

    def titled(sheet):
        sheet.insert_rows(1)
        sheet["A1"] = "五月清单"
        sheet.merge_cells("A1:E1")
        sheet.merge_cells("F3:F4")

    found = taken(a_workbook([ID, "关闭", "x"], [OTHER, "重报"], change=titled), read_xlsx)
    assert ([], {ID, OTHER}) == (found.faults, found.decided.keys())


@pytest.mark.parametrize(("cell", "column"), [("B2", "处理决定"), ("C2", "备注"), ("A2", "编号"), ("D2", "平台确认号")])
def test_a_formula_that_was_never_calculated_is_told(cell, column):
    """It looked like an empty cell, and the letter like one that nobody decided about."""

    def formula(sheet):
        sheet[cell] = '=IF(1=1,"关闭","")'

    content = a_workbook([ID, "关闭", "x", None], [OTHER, "关闭", "x"], change=formula)
    found = taken(content, read_xlsx)
    assert [(2, column, "是没有计算结果的公式")] == [(one.row, one.column, one.what) for one in found.faults]
    assert [OTHER] == [*found.decided]


@pytest.mark.parametrize("number", [12345678901234567, 1.2345678901234568e17])
def test_a_confirmation_that_became_a_number_of_too_many_digits_is_told(number):
    """Spreadsheets keep fifteen digits: what the platform gave ended otherwise."""
    assert [(2, "平台确认号")] == [one[:2] for one in told(a_workbook([ID, "关闭", "x", number]), read_xlsx)]
    assert [] == told(a_workbook([ID, "关闭", "x", 123456789012]), read_xlsx)


def test_a_list_put_below_another_with_other_columns_is_read_by_its_own_titles():
    """Read by the first titles its decisions stood in the wrong column, and were taken for none."""
    found = taken(rows(f"{ID},关闭,x,,", "备注,编号,站点,处理决定,平台确认号", f"y,{OTHER},,重报,"), read_csv)
    assert ([], {ID: "关闭", OTHER: "重报"}) == (found.faults, {one.letter: one.decision for one in found.decided.values()})


def test_marks_that_stand_between_two_portions_are_found(monkeypatch):
    """A sheet is read by portions, and a cell may begin in one and end in the next."""
    monkeypatch.setattr(unread_cells, "_READ_BYTES", 7)
    content = a_workbook(
        [ID, "=A1", "x"], [OTHER, "关闭", "x"], ["e" * 32, None, "x"], change=lambda sheet: sheet.merge_cells("B3:B4")
    )
    assert [(2, "处理决定"), (4, "处理决定")] == [one[:2] for one in told(content, read_xlsx)]
