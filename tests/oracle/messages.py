"""What reaches the join, as capture writes it, and what else happens in a course."""

from dataclasses import dataclass, replace
from enum import Enum

import orjson

from tests.oracle.database import NULL, SOURCE_OF, Row


class Kind(Enum):
    """What reaches the join."""

    ROW = "row"
    LOOKUP = "lookup"
    TICK = "tick"
    COMPARED = "a whole table was read and is compared with what the join remembers"
    ABSENT = "what was not found is told"
    WORKER = "another worker begins with what is committed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """value: as capture writes it; of a tick, None. at: its time (ms). repeated: whether the log's change was sent before. server:
    which of the source's servers an operator said that it comes from. table: that was read whole. seen: key and visit of each row
    of it that was read, or whose changes came meanwhile.
    """

    kind: Kind
    at: int
    value: bytes | None = None
    repeated: bool = False
    server: str = ""
    table: str = ""
    seen: tuple[tuple[str, str], ...] = ()
    otherwise: bytes | None = None
    """What a hospital tells instead that has no rows but those that count; None: nothing."""


def without_others(message: Message) -> Message:
    """What a hospital tells that has no rows but those that count."""
    return replace(message, value=message.otherwise) if message.kind is Kind.ROW else message


def with_nulls(message: Message) -> Message:
    """What a hospital tells that writes something for NULL. Of lookup rows nothing changes."""
    if message.kind is not Kind.ROW or message.value is None:
        return message
    told = orjson.loads(message.value)
    for image in ("before", "after"):
        if told[image] is not None:
            told[image] = {name: NULL if value is None else value for name, value in told[image].items()}
    return replace(message, value=orjson.dumps(told))


def as_known(message: Message) -> Message:
    """The same, and of a row that is read and does not count that it is not there. A row that begins to count is no second one
    under its key: what was read before may have shown it as it became.
    """
    told = without_others(message)
    if message.kind is not Kind.ROW or message.value is None:
        return told
    value = orjson.loads(message.value)
    if told.value is not None:
        begins = value["op"] == "u" and (other := orjson.loads(told.value))["op"] == "c"
        return replace(told, value=orjson.dumps({**other, "op": "u"})) if begins else told
    if value["op"] != "r":
        return told
    return replace(message, value=orjson.dumps({**value, "op": "d", "before": value["after"], "after": None}))


def envelope(
    op: str,
    table: str,
    row: Row,
    *,
    lsn: int | None,
    ts_us: int,
    snapshot: str,
    before: Row | None = None,
    transaction: int | None = None,
) -> bytes:
    """A change as capture writes it."""
    schema, _, name = table.partition(".")
    named = {"connector": "postgresql", "name": SOURCE_OF[schema], "schema": schema, "table": name}
    source = named | {"snapshot": snapshot, "lsn": lsn, "txId": transaction}
    times = {"ts_ms": ts_us // 1000, "ts_us": ts_us}
    images = {"before": row if op == "d" else before, "after": None if op == "d" else row}
    return orjson.dumps({**images, "source": source | times, "op": op})
