"""The visit key in a row image, as the join reads it."""

from collections.abc import Callable

from streams.domain.images import text_of
from streams.domain.keys import SEPARATOR, VisitKey, names_something
from streams.errors import Rejected


def reader(key: VisitKey) -> Callable[[object], str | None]:
    """A function that finds the visit key in a row image, as the join reads it; None where it names no visit."""
    if key.is_composed:
        return lambda image: key.of({name: _text(image.get(name)) for name in key.columns}) if isinstance(image, dict) else None
    (column,) = key.columns

    def visit_key(image: object) -> str | None:
        # Of one column, as nearly all are: this runs for every row.
        if not isinstance(image, dict):
            return None
        value = image.get(column)
        if type(value) is str:
            return value if value.strip() and SEPARATOR not in value else None
        if type(value) is int:
            return str(value)
        text = _text(value)
        return text if names_something(text) else None

    return visit_key


def _text(value: object) -> str | None:
    try:
        return text_of(value)
    except Rejected:
        return None
