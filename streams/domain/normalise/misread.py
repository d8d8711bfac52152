"""Names that were read in another character set than they were written in: what stands there is text, and nobody's name."""

import re
from typing import Final

MISREAD: Final = "疑似乱码：原文可能以另一种字符集（UTF-8、GBK、Latin-1）读出"
"""What is wrong, as a clerk reads it."""
_OTHERS: Final = bytes(range(0x80, 0xA0)).decode("cp1252", errors="ignore")
_AFTER: Final = f"[\u0080-\u00bf{_OTHERS}]"
_AS_LATIN: Final = re.compile(
    f"(?<![A-Za-z])\u00c2\u00b7|[\u00c2\u00c3][\u0080-\u00b6\u00b8-\u00bf]|[\u00e4-\u00e9\u00ef]{_AFTER}{_AFTER}"
)
"""UTF-8 that was read as Latin-1 or Windows-1252: `Ã©` for é, `Â·` for the dot in a name, `å¼ ` for 张, `ï¿½` for what was lost."""
_ALWAYS: Final = ("锟斤拷", "烫烫烫", "屯屯屯")
"""What GBK shows of lost characters in UTF-8, and of memory that nobody filled."""
_IN_PLACE: Final = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]|[□■▯〓\ufffc]|？？")
"""Characters of a private font, and what stands in the place of one that could not be written."""
_CUT: Final = "?？\ufffd"
_COMMON: Final = 0xD7
"""First byte in GB 2312 of the last of the 3,755 characters that are common."""


def _first_ones() -> frozenset[str]:
    """What GBK makes of the first two bytes of a Chinese character in UTF-8."""
    pairs = (bytes((lead, after)) for lead in range(0xE4, 0xEA) for after in range(0x80, 0xC0) if after != 0x7F)
    return frozenset(text for pair in pairs if len(text := pair.decode("gbk", errors="ignore")) == 1)


_FIRST: Final = _first_ones()


def _pattern() -> bytes:
    """Of the bytes of `_FIRST`, one after the other."""
    places: dict[int, dict[int, list[int]]] = {}
    for one, two, three in (one.encode() for one in sorted(_FIRST)):
        places.setdefault(one, {}).setdefault(two, []).append(three)
    return b"|".join(
        b"\\x%02x(?:" % one
        + b"|".join(b"\\x%02x[%s]" % (two, b"".join(b"\\x%02x" % three for three in threes)) for two, threes in seconds.items())
        + b")"
        for one, seconds in places.items()
    )


_MAY_BE: Final = re.compile(b'_NAME":"(?:%s|%s)' % (_pattern(), "烫烫|屯屯".encode()))
"""Begins with what each record has: nothing is looked at but the beginnings of names."""
_LOST_TWICE: Final = _ALWAYS[0].encode()


def may_be_misread(record: bytes) -> bool:
    """Whether a name in the JSON of a record may be one that `misread` says something of, and that has no byte of its own."""
    return _MAY_BE.search(record) is not None or _LOST_TWICE in record


def misread(name: str) -> str:
    """What is wrong with a name, as a clerk reads it; `""` where nothing is."""
    if _IN_PLACE.search(name) is not None or not name.strip("？"):
        return "含有自造字（私用区字符）、“？？”或占位符（□、〓），无法确认是哪个字"
    if any(one in name for one in _ALWAYS) or latin(name) or _as_gbk(name):
        return MISREAD
    return ""


def latin(text: str) -> bool:
    """Whether a text holds UTF-8 that was read as Latin-1."""
    return not text.isascii() and _AS_LATIN.search(text) is not None


def _as_gbk(name: str) -> bool:
    """Whether it is UTF-8 that was read as GBK: its bytes in GBK are common characters in UTF-8, two at least, and one of its own
    is none of GB 2312, as half of what comes out so are.
    """
    if name[:1] not in _FIRST:
        return False
    written = _decoded(name.rstrip(_CUT))
    if len(written) < len("张三") or _in_gb2312(name.rstrip(_CUT)):
        return False
    common = [_first_byte(one) for one in written if not one.isascii()]
    return len(common) > 1 and all(common) and sum(first <= _COMMON for first in common) * 2 >= len(common)


def _decoded(name: str) -> str:
    """A name as UTF-8 where its bytes in GBK are; the last character may be cut off. `""` where they are not."""
    try:
        raw = b"\x80".join(part.encode("gbk") for part in name.split("€"))  # as Windows shows a byte that is none
    except UnicodeEncodeError:
        return ""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        return raw[: error.start].decode() if error.end == len(raw) and len(raw) - error.start < len("张".encode()) else ""


def _in_gb2312(text: str) -> bool:
    return all(one.isascii() or _first_byte(one) for one in text)


def _first_byte(one: str) -> int:
    """Of a Chinese character in GB 2312; 0 where it has none."""
    try:
        first = one.encode("gb2312")[0]
    except UnicodeEncodeError:
        return 0
    return first if first > 0xA0 else 0
