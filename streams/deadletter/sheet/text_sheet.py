"""A worksheet of texts that is written row by row: a row at once, and each text that comes again as it was written before.

The library's own way takes a third of a second for a thousand letters, nearly all of it for cells one by one; and it takes a text
between `<r>` and `</r>` for XML of its own making.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import escape

from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from streams.deadletter.sheet.cells import clean

_REMEMBERED: Final = 4_096


class TextSheet(Worksheet):  # type: ignore[misc]  # the library has no types
    """For `Workbook.add_worksheet(…, worksheet_class=TextSheet)`, in constant memory."""

    def __init__(self) -> None:
        super().__init__()
        self._known_styles: list[str] = []

    def write_texts(self, row: int, texts: Sequence[str]) -> None:
        """A whole row of texts in the formats of their columns; `""` leaves a cell empty. Rows come in their order; nothing else
        may be written into the same row.
        """
        if self.table:  # what was written cell by cell before
            self._write_single_row(row)
        self.previous_row = row
        self._check_dimensions(row, 0)
        self._check_dimensions(row, len(texts) - 1)
        number, styles = row + 1, self._styles(len(texts))
        cells = [f'<c r="{_column(at)}{number}"{styles[at]}{_inline(text)}' for at, text in enumerate(texts) if text]
        self.fh.write(f'<row r="{number}">{"".join(cells)}</row>')

    def _styles(self, columns: int) -> Sequence[str]:
        """Of so many columns, whose formats do not change once rows are written."""
        if len(self._known_styles) != columns:
            self._known_styles = [self._style(column) for column in range(columns)]
        return self._known_styles

    def _style(self, column: int) -> str:
        information = self.col_info.get(column)
        if information is None or information.column_format is None:
            return ""
        return f' s="{information.column_format._get_xf_index()}"'  # noqa: SLF001 - where a subclass finds it


@lru_cache(_REMEMBERED)
def _inline(text: str) -> str:
    """A text as the rest of its cell."""
    kept = Worksheet._escape_control_characters(clean(text))  # noqa: SLF001 - where a subclass finds it
    space = ' xml:space="preserve"' if kept != kept.strip() else ""
    return f' t="inlineStr"><is><t{space}>{escape(kept)}</t></is></c>'


@lru_cache(_REMEMBERED)
def _column(at: int) -> str:
    return f"{xl_col_to_name(at)}"
