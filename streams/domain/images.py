"""Row images of capture as text: no value of a row becomes a number or a float."""

from decimal import Decimal

import orjson

from streams.domain.records import Row
from streams.errors import Rejected


def row_of(image: object) -> Row | None:
    """A row image after decoding; None where there is none. Raises Rejected."""
    if image is None:
        return None
    if not isinstance(image, dict):
        raise Rejected("a row image is not a JSON object")
    return {name: value if value is None or type(value) is str else text_of(value) for name, value in image.items()}


def text_of(value: object) -> str | None:
    """A JSON value as text. Numbers keep every digit; a float takes its shortest decimal form, never an exponent."""
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
