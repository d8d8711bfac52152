"""Rows that do not count (`streams.domain.normalise.which`), told as if the database did not have them."""

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

import orjson

from connector.contract import Op
from streams.domain.changes import UNCOUNTED, Incoming
from streams.domain.normalise.which import Which

NOT_COUNTED: Final = "not_counted"
"""Outcome: a row that does not count by its table's `where`."""

_CREATE: Final = Op.CREATE.value
_READ: Final = Op.READ.value
_UPDATE: Final = Op.UPDATE.value
_DELETE: Final = Op.DELETE.value

_Image: TypeAlias = Mapping[str, object]


class Standing(Enum):
    """What a change is for whoever has only the rows that count."""

    COUNTS = "the change that it is"
    STARTS = "an insert"
    STOPS = "a delete"
    ASIDE = "a delete, if the row is known"
    NEVER = "nothing"


class Counted(NamedTuple):
    """A change, as it is for whoever has only the rows that count."""

    standing: Standing
    incoming: Incoming
    envelope: _Image


def counted(which: Which, incoming: Incoming, envelope: _Image) -> Counted:
    """What a change of a row is. Of one that stops counting, or does not count, the message is written anew as a delete."""
    op, before, after = envelope.get("op"), envelope.get("before"), envelope.get("after")
    was = which.image_counts(before) if isinstance(before, dict) else None
    if op == _DELETE:
        return Counted(Standing.NEVER if was is False else Standing.COUNTS, incoming, envelope)
    if op not in (_CREATE, _READ, _UPDATE) or not isinstance(after, dict):
        return Counted(Standing.COUNTS, incoming, envelope)
    if which.image_counts(after) is not False:
        starts = op == _UPDATE and was is False
        return Counted(Standing.STARTS if starts else Standing.COUNTS, incoming, envelope)
    if op == _CREATE or was is False:
        return Counted(Standing.NEVER, incoming, envelope)
    if op == _UPDATE and was is True and isinstance(before, dict):
        return _deleted(Standing.STOPS, incoming, envelope, before)
    return _deleted(Standing.ASIDE, incoming, envelope, after)


def inserted(envelope: _Image) -> _Image:
    """A change of a row that begins to count, as the insert that it is."""
    return {**envelope, "op": _CREATE, "before": None}


def _deleted(standing: Standing, incoming: Incoming, envelope: _Image, image: _Image) -> Counted:
    told = {**envelope, "yibao": UNCOUNTED, "op": _DELETE, "before": image, "after": None}
    return Counted(standing, incoming._replace(value=orjson.dumps(told)), told)
