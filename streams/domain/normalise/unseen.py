"""Text that nobody sees, or that lost its characters on the way: what counts as blank, and what a clerk is warned of."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from streams.domain.validate.judge import TEXTS
from streams.domain.validate.rules import RuleLevel
from streams.domain.violations import Violation, unfit, warning
from streams.spec.fields import Field, FieldKind

_UNSEEN: Final = re.compile("[\\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]*")
"""White space, controls, soft hyphens, and what has no width."""
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Controls but tab and line breaks, which stand in what people type."""
_LOST: Final = "\ufffd"
_NAME: Final = "_NAME"
_HIDES: Final = re.compile(
    rb"\\|\?|\x7f|\xc2[\x80-\x9f\xad]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xef\xbf\xbd", re.DOTALL
)


def is_blank(text: str) -> bool:
    """Whether a text says nothing: nobody sees a character of it."""
    return not text.strip() or (not text.isprintable() and _UNSEEN.fullmatch(text) is not None)


def hides(record: bytes) -> bool:
    """Whether the JSON of a record may hold what `is_blank` or `odd_texts` would find. Asked of every record, so it is cheap: most
    have none of the bytes that such characters begin with.
    """
    # Written out, and by numbers: a loop over one-byte texts takes eight times as long.
    may_hide = 0x3F in record or 0x5C in record or 0x7F in record or 0xC2 in record or 0xE2 in record or 0xEF in record
    return may_hide and _HIDES.search(record) is not None


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
    if field.name.endswith(_NAME) and ("??" in value or not value.strip("?")):
        return "含有“??”，汉字可能已在字符集转换中丢失"
    return ""
