"""Rows that do not count (`streams.domain.normalise.which`), told as if the database did not have them."""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

import orjson

from connector.contract import Op
from streams.domain.changes import UNCOUNTED, Incoming
from streams.domain.normalise.nulls import Nulls
from streams.domain.normalise.which import Which

NOT_COUNTED: Final = "not_counted"
"""Outcome: a row that does not count by its table's `where`."""

_CREATE: Final = Op.CREATE.value
_READ: Final = Op.READ.value
_UPDATE: Final = Op.UPDATE.value
_DELETE: Final = Op.DELETE.value
_AFTER: Final = (_CREATE, _READ, _UPDATE)

_Image: TypeAlias = Mapping[str, object]


class Taking(NamedTuple):
    """How the rows of a table are taken, where not all are taken as they are."""

    which: Which
    """Which of them count."""
    nulls: Nulls | None = None
    """What stands for NULL in them; None: NULL alone."""


class Counted(NamedTuple):
    """A change, as it is for whoever has only the rows that count."""

    incoming: Incoming
    envelope: _Image
    aside: bool = False
    """Whether it is no change at all for them, unless the row counted until now and that is not in the message."""

    @property
    def is_nothing(self) -> bool:
        """Whether it is none in any case: what stood in the row before did not count either."""
        return self.aside and self.envelope.get("yibao") != UNCOUNTED


def counted(taking: Taking, incoming: Incoming, envelope: _Image, *, direct: bool) -> Counted:
    """What a change of a row is. Of one that stops counting, or does not count, the message is written anew as a delete, and where
    something stands for NULL in it. direct: whether its rows name their visit themselves, so that what stood there before decides
    where it is.
    """
    if taking.nulls is not None:
        incoming, envelope = _with_nulls(taking.nulls, incoming, envelope)
    which = taking.which
    op, before, after = envelope.get("op"), envelope.get("before"), envelope.get("after")
    was = which.image_counts(before) if isinstance(before, dict) else None
    if op == _DELETE:
        return Counted(incoming, envelope, was is False)
    if op not in _AFTER or not isinstance(after, dict):
        return Counted(incoming, envelope)
    if which.image_counts(after) is not False:
        starts = direct and op == _UPDATE and was is False
        return Counted(incoming, {**envelope, "op": _CREATE, "before": None} if starts else envelope)
    if op == _CREATE or was is False:
        return Counted(incoming, envelope, aside=True)
    known = op == _UPDATE and was is True
    told = {**envelope, "yibao": UNCOUNTED, "op": _DELETE, "before": before if known else after, "after": None}
    return Counted(incoming._replace(value=orjson.dumps(told)), told, aside=not known)


def _with_nulls(nulls: Nulls, incoming: Incoming, envelope: _Image) -> tuple[Incoming, _Image]:
    images = {name: image for name in ("before", "after") if isinstance(image := envelope.get(name), dict)}
    read = {name: there for name, image in images.items() if (there := nulls.read(image)) is not image}
    if not read:
        return incoming, envelope
    told = {**envelope, **read}
    return incoming._replace(value=orjson.dumps(told)), told
