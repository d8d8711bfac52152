"""A list as CSV, as spreadsheets write it: in UTF-8, UTF-16 or GBK, divided by commas, semicolons or tabs."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

from streams.deadletter.sheet.columns import is_heading
from streams.deadletter.sheet.taken_in import Row
from streams.errors import Misconfigured

MOST_BYTES: Final = 256 * 1024 * 1024
MOST_ROWS: Final = 1_048_576
_PORTION: Final = 1 << 20
_LOOKED_AT: Final = 20
_DIVIDERS: Final = (",", ";", "\t")


def read_csv(content: bytes, take: Callable[[Row], None]) -> None:
    """Hand over its rows. Raises Misconfigured for what is no such file; nothing of it is repeated."""
    encoding = _encoding(content)
    lines, number = csv.reader(_lines(content, encoding), delimiter=_divider(content, encoding)), 0
    try:
        for cells in lines:
            number += 1
            if number > MOST_ROWS:
                raise Misconfigured(f"the list has more than {MOST_ROWS} rows: divide it")
            take(Row("", number, cells))
    except csv.Error as error:
        raise Misconfigured(f"row {number + 1} of the list is no CSV: save it again as CSV UTF-8, or as .xlsx") from error


def _encoding(content: bytes) -> str:
    """In which the whole of it can be read."""
    if len(content) > MOST_BYTES:
        raise Misconfigured(f"the list has more than {MOST_BYTES >> 20} MiB: divide it")
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ["utf-16"] if is_utf_16 else ["utf-8-sig", "gb18030"]:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for begin in range(0, len(content), _PORTION):
                decoder.decode(content[begin : begin + _PORTION])
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise Misconfigured("the list is neither UTF-8 nor GBK text: save it as CSV UTF-8, or as .xlsx")


def _lines(content: bytes, encoding: str) -> Iterator[str]:
    return (line.replace("\0", "") for line in io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline=""))


def _divider(content: bytes, encoding: str) -> str:
    """By which the titles are found."""
    for divider in _DIVIDERS:
        lines = csv.reader(islice(_lines(content, encoding), _LOOKED_AT), delimiter=divider)
        with suppress(csv.Error):
            if any(map(is_heading, lines)):
                return divider
    return _DIVIDERS[0]
