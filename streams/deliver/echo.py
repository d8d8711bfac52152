"""Platforms quote the record they refuse: take its personal values out of their words before anybody stores or shows them."""

import json
import re
from collections.abc import Sequence

import orjson

from streams.domain.records import ReadyRecord
from streams.spec.fields import Service
from streams.spec.masking import mask, mask_text

_SHORTEST = 2  # a single character stands in too many words


def without_echo(text: str, records: Sequence[ReadyRecord], service: Service) -> str:
    """`text` with every personal value of `records` masked as its field demands, and then as free text is.

    This finds names and addresses, which have no shape that a pattern could know, in either case, and where JSON was quoted as
    text and its characters stand as escapes.
    """
    masks: dict[str, str] = {}
    for record in records:
        for name, value in _personal(record, service):
            masks |= dict.fromkeys((value, json.dumps(value)[1:-1]), mask(name, value))
    lowered = text.lower()
    for form in sorted((form for form in masks if form.lower() in lowered), key=len, reverse=True):
        text = re.sub(re.escape(form), masks[form].replace("\\", r"\\"), text, flags=re.IGNORECASE)
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
