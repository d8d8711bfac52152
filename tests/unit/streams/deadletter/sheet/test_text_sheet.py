"""A row at once is the same workbook as cell by cell, but for what the library would take for XML of its own."""

import zipfile

import openpyxl
import pytest
import xlsxwriter

from streams.deadletter.sheet.cells import clean
from streams.deadletter.sheet.columns import Line
from streams.deadletter.sheet.text_sheet import TextSheet
from streams.deadletter.sheet.written_xlsx import XlsxList

ROWS = [
    ["编号", "", " 前后有空格 ", "a & b < c > d \"e\" 'f'"],
    ["=1+1", "_x0041_", "\x07控制\x0b", "两\n行"],
    ["", "", "", "最后一格"],
    ["𠮷" * 20_000, "http://a", "00123", "é"],
]


def book(path, write):
    """The XML of a sheet with titles and formats of columns, whose rows are written so."""
    with xlsxwriter.Workbook(f"{path}", {"constant_memory": True}) as made:
        sheet = made.add_worksheet("a", worksheet_class=TextSheet)
        form = made.add_format({"num_format": "@"})
        for at in range(3):
            sheet.set_column(at, at, 10, form)
        sheet.write_string(0, 0, "title")
        for row, texts in enumerate(ROWS, 1):
            write(sheet, row, texts)
    with zipfile.ZipFile(path) as found:
        return found.read("xl/worksheets/sheet1.xml").decode()


def cell_by_cell(sheet, row, texts):
    for column, text in enumerate(texts):
        if text:
            sheet.write_string(row, column, clean(text))


def test_a_row_at_once_is_what_the_library_writes_cell_by_cell(tmp_path):
    """A new version of it may do otherwise: then this must follow."""
    rows = book(tmp_path / "rows.xlsx", lambda sheet, row, texts: sheet.write_texts(row, texts))
    assert book(tmp_path / "cells.xlsx", cell_by_cell) == rows


@pytest.mark.parametrize("text", ["<r><t>王芳</t></r>", "<r></c><c><f>1+1</f></c></r>", "<r>&</r>"])
def test_a_text_that_looks_like_xml_is_a_text(tmp_path, text):
    """It stood in the sheet as XML: a workbook that does not open, or a cell that a hospital's text wrote."""
    file = tmp_path / "list.xlsx"
    line = Line(**dict.fromkeys(Line._fields, "") | {"id": "5f" * 16, "owner": "医保办", "reason": text})
    made = XlsxList(file, beside=tmp_path, about=["站点：a"])
    made.add(line)
    made.close()
    _, sheet = openpyxl.load_workbook(file).worksheets
    assert text in [cell.value for cell in sheet[2]]
