"""A list as a workbook: one sheet for each who mends something, row by row, so that its size costs no memory.

Every cell is a text, and columns are formatted as text: nothing becomes a formula, an address or a number, neither now nor when a
person edits the cell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from streams.deadletter.sheet.cells import clean
from streams.deadletter.sheet.columns import COLUMNS, TITLES, Line
from streams.deadletter.sheet.decisions import MEANS, Decision
from streams.deadletter.sheet.text_sheet import TextSheet
from streams.private_files import open_private

MOST_ROWS: Final = 1_048_576
"""Rows that Excel has on a sheet."""
ABOUT: Final = "说明"
"""The first sheet."""

_DECISION: Final = [column.name for column in COLUMNS].index("decision")
_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_numbers": False,
    "strings_to_formulas": False,
    "strings_to_urls": False,
}


@dataclass(slots=True)
class _Sheet:
    sheet: Any
    name: str
    rows: int


class XlsxList:
    """An open list. Letters of one who mends stand together, and come one after another.

    path, beside: the file, and a private folder for what is not put together yet. about: lines of the first sheet. most_rows: of a
    sheet, the titles among them; what is more goes on in further sheets.
    """

    def __init__(self, path: Path, *, beside: Path, about: Sequence[str], most_rows: int = MOST_ROWS) -> None:
        open_private(path, "wb").close()
        self._most = most_rows
        self._book = xlsxwriter.Workbook(f"{path}", {**_OPTIONS, "tmpdir": f"{beside}"})
        self._text = self._book.add_format({"num_format": "@"})
        self._title = self._book.add_format({"bold": True, "num_format": "@", "bg_color": "#DDEBF7", "bottom": 1})
        self._open: _Sheet | None = None
        self._owner = ""
        self._further: list[str] = []
        self._write_about(about)

    def add(self, line: Line) -> None:
        """One letter."""
        if self._open is None or line.owner != self._owner:
            self._begin(line.owner, number=1)
        assert self._open is not None
        if self._open.rows == self._most:
            self._begin(line.owner, number=self._number() + 1)
        self._open.sheet.write_texts(self._open.rows, line)
        self._open.rows += 1

    def close(self) -> tuple[str, ...]:
        """Put it together. Names of the sheets that were needed because another was full."""
        self._end()
        if self._owner == "":  # a workbook without a list could not be read again
            self._begin(COLUMNS[1].title, number=1)
            self._end()
        self._book.close()
        return tuple(self._further)

    def _number(self) -> int:
        return 1 + sum(name.startswith(f"{self._owner} ") for name in self._further)

    def _begin(self, owner: str, *, number: int) -> None:
        self._end()
        name = owner if number == 1 else f"{owner} {number}"
        if number > 1:
            self._further.append(name)
        sheet = self._book.add_worksheet(name, worksheet_class=TextSheet)
        for at, column in enumerate(COLUMNS):
            sheet.set_column(at, at, column.width, self._text)
        for at, title in enumerate(TITLES):
            sheet.write_string(0, at, title, self._title)
        sheet.freeze_panes(1, 1)
        self._owner, self._open = owner, _Sheet(sheet, name, 1)

    def _end(self) -> None:
        if self._open is None:
            return
        last = max(1, self._open.rows - 1)
        self._open.sheet.autofilter(0, 0, last, len(COLUMNS) - 1)
        self._open.sheet.data_validation(1, _DECISION, last, _DECISION, _choice())
        self._open = None

    def _write_about(self, lines: Sequence[str]) -> None:
        sheet = self._book.add_worksheet(ABOUT)
        sheet.set_column(0, 0, 18, self._text)
        sheet.set_column(1, 1, 110, self._text)
        for row, (name, text) in enumerate(_about(lines)):
            sheet.write_string(row, 0, clean(name), self._title)
            sheet.write_string(row, 1, clean(text))


def _about(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, text = line.partition("：")
        yield name, text
    yield "处理决定", "在各工作表的“处理决定”列中选择，然后交回导入（yibao dlq import）："
    yield from ((decision.value, means) for decision, means in MEANS.items())


def _choice() -> dict[str, object]:
    return {
        "validate": "list",
        "source": [decision.value for decision in Decision],
        "error_title": "处理决定",
        "error_message": f"请从列表中选择：{'、'.join(Decision)}",
    }
