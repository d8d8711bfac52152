"""What comes back is not what went out: other encodings and dividers, broken and hostile files. All is told, none is repeated."""

import io
import tracemalloc
import zipfile

import openpyxl
import pytest

from streams.deadletter.sheet import read_xlsx as reader
from streams.deadletter.sheet import workbook_bounds
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
