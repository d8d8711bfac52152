"""Text that nobody sees, or that lost its characters on the way: what counts as blank, and what a clerk is warned of."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from streams.domain.normalise.misread import MISREAD, latin, may_be_misread, misread
from streams.domain.validate.judge import TEXTS
from streams.domain.validate.rules import RuleLevel
from streams.domain.violations import Violation, unfit, warning
from streams.spec.fields import Field, FieldKind

_RANGES: Final = (
    # Default_Ignorable_Code_Point of Unicode 16, which is stable: it only grows within these blocks.
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # Blanks that Unicode calls no white space: the empty braille pattern, a note without a head, a filler of Khitan script.
    "\u2800\U0001d159\U00016fe4"
    # Controls; line and paragraph separators are white space.
    "\x00-\x1f\x7f-\x9f"
)
_UNSEEN: Final = re.compile(f"[\\s{_RANGES}]+")
"""White space, and what nobody sees."""
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Controls but tab and line breaks, which stand in what people type."""
_LOST: Final = "\ufffd"
_NAME: Final = "_NAME"
_HIDES: Final = re.compile(
    # By its first byte each: what shares one stands together, because this is looked for in every record.
    rb"\\|\?|\x7f|\xc2[\x80-\x9f\xad]|\xc3[\x82\x83\xa4-\xa9\xaf]|\xcd\x8f|\xd8\x9c|\xe1(?:\x85[\x9f\xa0]|\x9e[\xb4\xb5]|\xa0[\x8b-\x8f])"
    rb"|\xe2(?:\x80[\x8b-\x8f\xa8-\xae]|\x81[\xa0-\xaf]|\x96[\xa0\xa1\xaf]|\xa0\x80)|\xe3\x85\xa4|\xee"
    rb"|\xef(?:[\x80-\xa3]|\xbc\x9f|\xbb\xbf|\xb8[\x80-\x8f]|\xbe\xa0|\xbf[\xb0-\xb8\xbc\xbd])"
    rb"|\xf0(?:\x96\xbf\xa4|\x9b\xb2[\xa0-\xa3]|\x9d\x85[\x99\xb3-\xba])|\xf3(?:\xa0[\x80-\xbf]|[\xb0-\xbf])|\xf4",
    re.DOTALL,
)
_FILLER: Final = "\u3164".encode()
"""Its first byte begins Chinese punctuation, too: so it is looked for whole."""
_GETA: Final = "〓".encode()


def is_blank(text: str) -> bool:
    """Whether a text says nothing: nobody sees a character of it."""
    return not text.strip() or _UNSEEN.fullmatch(text) is not None


def hides(record: bytes) -> bool:
    """Whether the JSON of a record may hold what `is_blank` or `odd_texts` would find. Asked of every record, so it is cheap: most
    have none of the bytes that such characters begin with.
    """
    # Written out, and by numbers: a loop over one-byte texts takes eight times as long.
    may_hide = 0x3F in record or 0x5C in record or 0x7F in record or 0xC2 in record or 0xE2 in record or 0xEF in record
    may_hide = may_hide or 0xE1 in record or 0xF0 in record or 0xF3 in record or 0xCD in record or 0xD8 in record
    may_hide = may_hide or 0xC3 in record or 0xEE in record or 0xF4 in record
    if may_hide and _HIDES.search(record) is not None:
        return True
    return (0xE3 in record and (_FILLER in record or _GETA in record)) or may_be_misread(record)


def odd_texts(fields: Iterable[Field], values: Mapping[str, str], level: RuleLevel | None) -> list[Violation]:
    """Texts that lost characters on their way, or hold controls (rule TEXT)."""
    found = []
    for field in fields:
        value = values.get(field.name)
        if value and field.kind is FieldKind.TEXT and (message := _oddity(field, value)):
            refusal = unfit(field, TEXTS, value=value, message=message).violation
            found.append(refusal if level == "refuse" else warning(refusal))
    return found if level != "off" else []


def _oddity(field: Field, value: str) -> str:
    if _LOST in value:
        return "含有无法识别的字符（U+FFFD），原文可能已在字符集转换中丢失"
    if _CONTROL.search(value) is not None:
        return "含有看不见的控制字符（如 NUL、ESC）"
    if not field.name.endswith(_NAME):
        return MISREAD if latin(value) else ""
    if "??" in value or not value.strip("?"):
        return "含有“??”，汉字可能已在字符集转换中丢失"
    return misread(value)
