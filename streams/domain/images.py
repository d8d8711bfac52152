"""Row images of capture as text: no value of a row becomes a number or a float."""

from decimal import Decimal
from itertools import compress
from typing import Final

import orjson

from streams.domain.records import Row
from streams.errors import Rejected

_NO_TEXT: Final = frozenset({int, float, bool, dict, list})
"""What JSON has besides text and null."""


def row_of(image: object) -> Row | None:
    """A row image after decoding; None where there is none. Raises Rejected."""
    if image is None:
        return None
    if not isinstance(image, dict):
        raise Rejected("a row image is not a JSON object")
    # Most values are text or NULL. Asking each one in Python takes longer than all else that is done with a row here.
    others = [*compress(image, map(_NO_TEXT.__contains__, map(type, image.values())))]
    if not others:
        return image
    row = image.copy()
    for name in others:
        row[name] = text_of(image[name])
    return row


def text_of(value: object) -> str | None:
    """A JSON value as text. Numbers keep every digit; a float takes its shortest decimal form, never an exponent."""
    if type(value) is int:
        return str(value)
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return format(Decimal(repr(value)), "f")
        case _:
            return _nested(value)


def _nested(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        raise Rejected("a column's value is nested too deeply") from None
