"""A list as CSV, as spreadsheets write it: in UTF-8, UTF-16 or GBK, divided by commas, semicolons or tabs."""

import codecs
import csv
import io
from collections.abc import Callable
from itertools import islice
from typing import Final

from streams.deadletter.sheet.columns import is_heading
from streams.deadletter.sheet.taken_in import Row
from streams.errors import Misconfigured

MOST_BYTES: Final = 256 * 1024 * 1024
MOST_ROWS: Final = 1_048_576
_LOOKED_AT: Final = 20
_DIVIDERS: Final = (",", ";", "\t")


def read_csv(content: bytes, take: Callable[[Row], None]) -> None:
    """Hand over its rows. Raises Misconfigured for what is no such file; nothing of it is repeated."""
    text = _text(content)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_divider(text))
    number = 0
    try:
        for cells in lines:
            number += 1
            if number > MOST_ROWS:
                raise Misconfigured(f"the list has more than {MOST_ROWS} rows: divide it")
            take(Row("", number, cells))
    except csv.Error as error:
        raise Misconfigured(f"row {number + 1} of the list is no CSV: save it again as CSV UTF-8, or as .xlsx") from error


def _text(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise Misconfigured(f"the list has more than {MOST_BYTES >> 20} MiB: divide it")
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ["utf-16"] if is_utf_16 else ["utf-8-sig", "gb18030"]:
        try:
            return content.decode(encoding).replace("\0", "")
        except UnicodeDecodeError:
            continue
    raise Misconfigured("the list is neither UTF-8 nor GBK text: save it as CSV UTF-8, or as .xlsx")


def _divider(text: str) -> str:
    """By which the titles are found."""
    for divider in _DIVIDERS:
        try:
            if any(map(is_heading, islice(csv.reader(io.StringIO(text[:100_000], newline=""), delimiter=divider), _LOOKED_AT))):
                return divider
        except csv.Error:
            continue
    return _DIVIDERS[0]
