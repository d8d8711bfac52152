"""Texts as cells of a sheet: without what a spreadsheet would run, change or refuse. Pure.

What stands in a letter comes from hospitals and platforms. In CSV nothing tells a text from a formula but its beginning, so a cell
that a spreadsheet would take for a formula, or for a number that it then rounds, gets an apostrophe before it. `plain` takes it off
again.
"""

import re
import unicodedata
from typing import Final

MOST: Final = 32_767
"""Characters of a cell that Excel keeps, in UTF-16 units."""
CUT: Final = "…（已截断）"
"""What stands at the end of a text that was cut."""

_FORMULA: Final = "=+-@＝＋－＠﹢﹣﹦﹫−"
_QUOTE: Final = "'"
_ROUNDED: Final = re.compile(r"0\d+|\d{12,}|\d+(?:\.\d+)?[eE]\d+")
_RISKY_PART: Final = rf"[\s\"]*[{re.escape(_QUOTE + _FORMULA)}]"
"""What a part begins with for whom a semicolon parts a line; quotes before it are its marks there, and not of its text."""
_PART: Final = re.compile(f";(?={_RISKY_PART})")
_GUARDED_PART: Final = re.compile(f";{_QUOTE}(?={_RISKY_PART})")
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NO_CHARACTERS: Final = frozenset({0xFFFE, 0xFFFF})


def clean(text: str) -> str:
    """A text on one line, without controls, marks that turn its direction, or characters that a workbook cannot hold; cut to
    `MOST`.
    """
    if not text:
        return text
    if not text.isprintable():
        text = "".join([_kept(one) for one in text])
    return text if len(text) <= MOST // 2 else _cut(text)


def guarded(text: str) -> str:
    """A clean text as a cell of CSV. A semicolon within it, at which other dialects part a line, is no way round it."""
    if not text:
        return text
    if ";" in text:
        text = _PART.sub(f";{_QUOTE}", text)
    return f"{_QUOTE}{text}" if _is_risky(text) else text


def plain(cell: str) -> str:
    """The text of a cell that somebody sent back, without blanks around it."""
    text = _GUARDED_PART.sub(";", cell.strip())
    return text[1:].strip() if text.startswith(_QUOTE) else text


def _is_risky(text: str) -> bool:
    begin = text.lstrip()[:1]
    return begin == _QUOTE or (begin != "" and begin in _FORMULA) or _ROUNDED.fullmatch(text.strip()) is not None


def _kept(one: str) -> str:
    kind = unicodedata.category(one)
    if kind in _DROPPED or ord(one) & 0xFFFF in _NO_CHARACTERS:
        return "" if kind == "Cf" else " "
    return one


def _cut(text: str) -> str:
    encoded = text.encode("utf-16-le")
    if len(encoded) <= 2 * MOST:
        return text
    return encoded[: 2 * (MOST - len(CUT))].decode("utf-16-le", "ignore") + CUT
