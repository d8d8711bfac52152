"""A list as CSV: RFC 4180, UTF-8 with a mark at its beginning (Excel and WPS read Chinese by it), every cell in quotes."""

import csv
from functools import lru_cache
from pathlib import Path

from streams.deadletter.sheet.cells import clean, guarded
from streams.deadletter.sheet.columns import TITLES, Line
from streams.private_files import open_private

_MARK = b"\xef\xbb\xbf"
_REMEMBERED = 4_096


class CsvList:
    """An open list, for one after another. Its file is for this account alone."""

    def __init__(self, path: Path) -> None:
        self._file = open_private(path, "wb")
        self._file.write(_MARK)
        self._lines = csv.writer(self, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        self._lines.writerow(TITLES)

    def write(self, text: str) -> int:
        """For the writer of CSV."""
        return self._file.write(text.encode())

    def add(self, line: Line) -> None:
        """One letter."""
        self._lines.writerow([_cell(text) for text in line])

    def close(self) -> tuple[str, ...]:
        """Done. There are no sheets to tell of."""
        self._file.close()
        return ()


@lru_cache(_REMEMBERED)
def _cell(text: str) -> str:
    """Most cells of a list say what others say."""
    return guarded(clean(text))
