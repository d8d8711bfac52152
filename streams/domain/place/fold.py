"""Where the rows of one source belong: each goes to the partition of its visit, in the order of the database's log.

A pure function of one message. A row that changes its visit leaves the old one and comes to the new one: two messages, which the
caller writes in one transaction. What cannot be placed goes to partition 0 as it is: the join knows the letter for it.
"""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Final, NamedTuple, TypeAlias

import orjson

from connector.contract import Op
from streams.domain.changes import Incoming, text_of
from streams.domain.keys import names_something
from streams.domain.place.partitions import partition_of
from streams.errors import Rejected

UNPLACED: Final = 0
"""The partition of what belongs to no visit."""

_DELETE: Final = Op.DELETE.value
_UPDATE: Final = Op.UPDATE.value
_REMEMBERED: Final = 65_536

_Image: TypeAlias = Mapping[str, object]


class Placed(NamedTuple):
    """One message for `visit.changes`."""

    partition: int
    key: bytes | None
    """The visit key; None where there is none."""
    value: bytes | None
    """A Debezium envelope, or a tick."""

    def __repr__(self) -> str:
        """Without what the message holds."""
        return f"Placed(partition={self.partition})"


class Folded(NamedTuple):
    """What one message leads to."""

    placed: tuple[Placed, ...]
    outcome: str
    """To be counted by the caller."""


class Placer:
    """The fold. visit_keys: by source and table (`schema.table`), the column with the visit key. partitions: of `visit.changes`."""

    def __init__(self, visit_keys: Mapping[tuple[str, str], str], *, partitions: int) -> None:
        self._visit_keys = visit_keys
        self._partitions = partitions
        self._partition_of = lru_cache(_REMEMBERED)(partial(partition_of, partitions=partitions))

    def fold(self, incoming: Incoming) -> Folded:
        """Place one message. Never raises for what a message holds."""
        try:
            envelope = orjson.loads(incoming.value or b"null")
        except orjson.JSONDecodeError:
            envelope = None
        if not isinstance(envelope, dict):
            return _unplaced(incoming)
        if envelope.get("yibao") == "tick":
            return self._tick(envelope)
        return self._row(incoming, envelope)

    def _tick(self, envelope: _Image) -> Folded:
        """To the partitions that asked to be told the time; to all where it names none."""
        named = envelope.get("partitions")
        asked = [one for one in named if type(one) is int] if isinstance(named, list) else range(self._partitions)
        value = orjson.dumps({"yibao": "tick", "at": envelope.get("at")})
        return Folded(placed=tuple(Placed(one, None, value) for one in asked if 0 <= one < self._partitions), outcome="tick")

    def _row(self, incoming: Incoming, envelope: _Image) -> Folded:
        source = envelope.get("source")
        if not isinstance(source, dict):
            return _unplaced(incoming)
        column = self._visit_keys.get((f"{source.get('name')}", f"{source.get('schema')}.{source.get('table')}"))
        if column is None:
            return _unplaced(incoming)
        op, before = envelope.get("op"), envelope.get("before")
        visit = _visit_key(before if op == _DELETE else envelope.get("after"), column)
        was = _visit_key(before, column) if op == _UPDATE and before else None
        arrived = Placed(UNPLACED if visit is None else self._partition_of(visit), _bytes(visit), incoming.value)
        if was is None or was == visit:
            return Folded((arrived,), "direct" if visit is not None else "unplaced")
        left = orjson.dumps({**envelope, "op": _DELETE, "after": None})
        return Folded(placed=(Placed(self._partition_of(was), _bytes(was), left), arrived), outcome="moved")


def _visit_key(image: object, column: str) -> str | None:
    """The visit key in a row image, as the join reads it; None where it names no visit."""
    if not isinstance(image, dict):
        return None
    value = image.get(column)
    if type(value) is not str:
        try:
            value = text_of(value)
        except Rejected:
            return None
    return value if names_something(value) else None


def _bytes(visit: str | None) -> bytes | None:
    return None if visit is None else visit.encode()


def _unplaced(incoming: Incoming) -> Folded:
    return Folded(placed=(Placed(UNPLACED, incoming.key, incoming.value),), outcome="unplaced")
