"""Platforms quote the record they refuse: take its personal values out of their words before anybody stores or shows them."""

from collections.abc import Sequence

import orjson

from streams.domain.records import ReadyRecord
from streams.spec.fields import Service
from streams.spec.masking import mask, mask_text

_SHORTEST = 2  # a single character stands in too many words


def without_echo(text: str, records: Sequence[ReadyRecord], service: Service) -> str:
    """`text` with every personal value of `records` masked as its field demands, and then as free text is.

    This finds names and addresses, which have no shape that a pattern could know.
    """
    values: dict[str, str] = {}
    for record in records:
        values.update({value: name for name, value in _personal(record, service) if value in text})
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, mask(values[value], value))
    return mask_text(text)


def _personal(record: ReadyRecord, service: Service) -> list[tuple[str, str]]:
    try:
        decoded = orjson.loads(record.value)
    except orjson.JSONDecodeError:
        return []
    if not isinstance(decoded, dict):
        return []
    found = ((field.name, decoded.get(field.name)) for field in service.fields if field.personal)
    return [(name, value) for name, value in found if isinstance(value, str) and len(value) >= _SHORTEST]
