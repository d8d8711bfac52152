"""Cells of a workbook whose value nobody knows: a spreadsheet shows something there, and the file says nothing.

Of merged cells only the first has a value, whatever a person believes to have written beside all of them; and a formula that was
never calculated has none. Both look like empty cells to a reader.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from openpyxl.utils import column_index_from_string

from streams.errors import Misconfigured

MERGED: Final = "与别的单元格合并，只有合并区域的第一格有内容", "请取消合并，在每一行分别填写"
UNCALCULATED: Final = "是没有计算结果的公式", "请用 Excel 或 WPS 打开并保存，或直接填写内容"
ROUNDED: Final = "被电子表格改成了数字，末尾几位可能已变", "请把单元格设为文本格式后重新填写"
"""What is wrong with a cell, and how to mend it."""

EXACT: Final = 10**15
"""From here on spreadsheets round whole numbers."""

_MERGED: Final = re.compile(rb'mergeCell\s[^>]{0,300}?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_FORMULA: Final = re.compile(
    rb"<(?:\w+:)?c\s([^>]{0,300})>\s*<(?:\w+:)?f\b[^<]*(?:</(?:\w+:)?f>)?\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_PLACE: Final = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_READ_BYTES: Final = 1 << 20
_LONGEST: Final = 16 << 10
"""Bytes of a formula with its cell: Excel's longest has half of it."""
MOST: Final = 100_000


class _Area(NamedTuple):
    """Rows and columns, the last ones included; rows from 1, columns from 0."""

    first_row: int
    first: int
    last_row: int
    last: int


@dataclass(slots=True)
class UnreadCells:
    """Those of a sheet. Its rows are asked for in their order."""

    _areas: list[_Area]
    """That begin further down, the last one first."""
    _formulas: Mapping[int, list[int]]
    """Columns by row."""
    _open: list[_Area] = field(default_factory=list)

    def of(self, row: int) -> dict[int, tuple[str, str]]:
        """By column, from 0, why nobody knows what stands there."""
        while self._areas and self._areas[-1].first_row <= row:
            self._open.append(self._areas.pop())
        if not self._open and row not in self._formulas:
            return {}
        self._open = [one for one in self._open if one.last_row >= row]
        found = dict.fromkeys(self._formulas.get(row, ()), UNCALCULATED)
        for one in self._open:
            first = one.first + 1 if one.first_row == row else one.first
            found |= dict.fromkeys(range(first, one.last + 1), MERGED)
        return found


def unread_cells(book: zipfile.ZipFile, part: str, *, columns: int) -> UnreadCells:
    """Those of the sheet in a part of a workbook, in so many columns. Raises Misconfigured where they are too many."""
    areas: list[_Area] = []
    formulas: dict[int, list[int]] = {}
    for count, found in enumerate(_found(book, part)):
        if count >= MOST:
            raise Misconfigured(f"a sheet has more than {MOST} merged or uncalculated cells: save the list as CSV UTF-8")
        if found.re is _MERGED:
            first, first_row, last, last_row = found.groups()
            areas.append(_Area(int(first_row), _column(first), int(last_row), min(_column(last), columns - 1)))
        elif place := _PLACE.search(found[1]):
            formulas.setdefault(int(place[2]), []).append(_column(place[1]))
    return UnreadCells(sorted(areas, reverse=True), formulas)


def _column(letters: bytes) -> int:
    return int(column_index_from_string(letters.decode())) - 1


def _found(book: zipfile.ZipFile, part: str) -> Iterator[re.Match[bytes]]:
    """Merged areas and formulas without a value. Nothing of the part is kept."""
    rest = b""
    with book.open(part) as content:
        while portion := content.read(_READ_BYTES):
            text, last = rest + portion, 0
            for pattern in (_FORMULA, _MERGED):
                for one in pattern.finditer(text):
                    last = max(last, one.end())
                    yield one
            rest = text[max(last, len(text) - _LONGEST) :]
