"""A person's order to let a row wait no longer for a part that does not come: a message in the order of the source's rows.

It names the wait, not only the row: what the row waits for, and since when. So it ends the wait that the person saw and no other,
however often it comes and however late: what came meanwhile goes, and what waits anew waits its whole time.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from streams.errors import Rejected

RELEASE: Final = "release"
"""What `yibao` says in the message of an order."""


class Release(NamedTuple):
    """One order."""

    source: str
    """Debezium's `topic.prefix` of the row."""
    table: str
    """`schema.table` of the row."""
    key: Mapping[str, str]
    """Values of its key columns, by name."""
    visit: str
    """The visit in whose lane it waits."""
    plan: str
    """Id of the run that ordered it, as the audit log has it."""
    part: str
    """What it waits for, as the join remembers it."""
    since: int
    """When that wait began (ms)."""

    def __repr__(self) -> str:
        """Without keys."""
        return f"Release(source={self.source!r}, table={self.table!r}, plan={self.plan!r}, since={self.since})"


def release_value(order: Release, *, at: int) -> bytes:
    """The value of an order's message. at: the time (ms)."""
    schema, _, table = order.table.partition(".")
    return orjson.dumps(
        {
            "yibao": RELEASE,
            "source": {"name": order.source, "schema": schema, "table": table, "ts_ms": at},
            "key": order.key,
            "visit": order.visit,
            "plan": order.plan,
            "part": order.part,
            "since": order.since,
        }
    )


def release_in(envelope: Mapping[str, object]) -> Release:
    """The order in a parsed message. Raises Rejected."""
    source, key, since = envelope.get("source"), envelope.get("key"), envelope.get("since")
    texts = [envelope.get(name) for name in ("visit", "plan", "part")]
    if not (isinstance(source, dict) and isinstance(key, dict) and key):
        raise Rejected("an order to release names no row")
    if type(since) is not int or not all(type(one) is str for one in (*texts, *key.values())):
        raise Rejected("an order to release is not as yibao writes it")
    visit, plan, part = map(str, texts)
    return Release(f"{source.get('name')}", f"{source.get('schema')}.{source.get('table')}", key, visit, plan, part, since)
