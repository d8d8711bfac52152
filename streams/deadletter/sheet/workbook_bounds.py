"""What a workbook that comes from outside may unpack to, looked at before any of it is parsed.

A part of some kilobytes can unpack to gigabytes, and a parser holds a whole row, and all texts that sheets share, at once. So the
size that each part says it has is bounded (it is not unpacked beyond that), and so is the longest row and the number of texts.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from itertools import chain
from typing import Final

from streams.errors import Misconfigured

MOST_BYTES: Final = 128 << 20
"""Of the file."""
MOST_UNPACKED: Final = 1 << 30
"""Of all parts. A list of 100,000 letters has a fifth of it."""
MOST_PARTS: Final = 1_000
MOST_SHARED_BYTES: Final = 256 << 20
MOST_SHARED: Final = 6_000_000
"""Texts that sheets share."""
MOST_ROW_BYTES: Final = 4 << 20
"""Twenty full cells have less than half of it."""
MOST_OTHER_BYTES: Final = 16 << 20
"""Of a part that is neither a sheet nor the shared texts."""

_ROW: Final = re.compile(rb"[<:]row[\s/>]")
_TEXT: Final = re.compile(rb"[<:]si[\s/>]")
_LONGEST_MARK: Final = 6
_READ_BYTES: Final = 1 << 20


def demand_bounds(content: bytes) -> None:
    """Raises Misconfigured where a workbook is too large to be read, as zipfile where it is none."""
    if len(content) > MOST_BYTES:
        raise Misconfigured(f"the workbook has more than {MOST_BYTES >> 20} MiB: divide the list")
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        parts = book.infolist()
        if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
            raise _too_large(f"it unpacks to more than {MOST_UNPACKED >> 20} MiB or {MOST_PARTS} parts")
        for part in parts:
            _demand_part(book, part)


def _demand_part(book: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    name = part.filename.lower()
    if not name.endswith((".xml", ".rels")):
        return
    if "sharedstrings" in name:
        if part.file_size > MOST_SHARED_BYTES:
            raise _too_large("its texts are too long")
        for count, _ in enumerate(_places(book, part, _TEXT)):
            if count >= MOST_SHARED:
                raise _too_large("its texts are too many")
    elif "worksheets/" in name and not name.endswith(".rels"):
        before = 0
        for place in chain(_places(book, part, _ROW), [part.file_size]):
            if place - before > MOST_ROW_BYTES:
                raise _too_large("one of its rows is too long")
            before = place
    elif part.file_size > MOST_OTHER_BYTES:
        raise _too_large("one of its parts is too long")


def _places(book: zipfile.ZipFile, part: zipfile.ZipInfo, mark: re.Pattern[bytes]) -> Iterator[int]:
    """Where a mark stands in a part. Nothing of the part is kept."""
    begin, rest = 0, b""
    with book.open(part) as content:
        while portion := content.read(_READ_BYTES):
            text = rest + portion
            rest = text[-_LONGEST_MARK + 1 :]
            yield from (begin + one.start() for one in mark.finditer(text))
            begin += len(text) - len(rest)


def _too_large(what: str) -> Misconfigured:
    return Misconfigured(f"the workbook is not read: {what}. Save the list as CSV UTF-8, or divide it")
