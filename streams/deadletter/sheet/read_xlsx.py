"""A list as a workbook. It comes from outside: it is read within bounds, and its XML without entities."""

import io
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.xml import DEFUSEDXML

from streams.deadletter.sheet.taken_in import Row
from streams.deadletter.sheet.unread_cells import EXACT, ROUNDED, unread_cells
from streams.deadletter.sheet.workbook_bounds import demand_bounds
from streams.errors import Misconfigured

MOST_SHEETS: Final = 64
MOST_ROWS: Final = 1_048_576
MOST_COLUMNS: Final = 64
_AT_ONCE: Final = 500

_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    InvalidFileException,
    ParseError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What zipfile, the parser and openpyxl raise where a file is not what it says."""


def read_xlsx(content: bytes, take: Callable[[Row], None]) -> None:
    """Hand over the rows of its sheets, hidden ones too. Raises Misconfigured for what is no such file, or too large; nothing of
    it is repeated.
    """
    if not DEFUSEDXML:
        raise Misconfigured("workbooks are read with defusedxml only, and OPENPYXL_DEFUSEDXML forbids it: unset it")
    rows = _rows(content)
    while some := _next(rows):
        for row in some:
            take(row)


def _next(rows: Iterator[Row]) -> list[Row]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that no list needs
            return list(islice(rows, _AT_ONCE))
    except _BROKEN as error:
        told = f"the list cannot be read as a workbook ({type(error).__name__})"
        raise Misconfigured(f"{told}: open it in Excel or WPS and save it as .xlsx, or as CSV UTF-8") from None


def _rows(content: bytes) -> Iterator[Row]:
    demand_bounds(content)
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False, rich_text=False)
    try:
        if len(book.worksheets) > MOST_SHEETS:
            raise Misconfigured(f"the workbook has more than {MOST_SHEETS} sheets: it is not read")
        for sheet in book.worksheets:
            name = f"{sheet.title}"
            sheet.reset_dimensions()  # what a sheet says of its own size is not always so, and rows beyond it would be left out
            unread = unread_cells(book._archive, sheet._worksheet_path, columns=MOST_COLUMNS)  # noqa: SLF001 - as the library opens it
            for number, cells in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True), 1):
                if number > MOST_ROWS:
                    raise Misconfigured(f"a sheet has more than {MOST_ROWS} rows: it is not read")
                if cells.count(None) < len(cells):
                    yield Row(name, number, [_text(cell) for cell in cells], {**unread.of(number), **_rounded(cells)})
    finally:
        book.close()


def _rounded(cells: Sequence[object]) -> dict[int, tuple[str, str]]:
    return {at: ROUNDED for at, cell in enumerate(cells) if isinstance(cell, int | float) and abs(cell) >= EXACT}


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return f"{int(cell)}" if isinstance(cell, float) and cell.is_integer() else f"{cell}"
