"""What reaches the join, as capture writes it, and what else happens in a course."""

from dataclasses import dataclass
from enum import Enum

import orjson

from tests.oracle.database import SOURCE_OF, Row


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
