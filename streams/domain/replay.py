"""A person's order to try a record again: a message in the order of the source's rows, for the join stage.

The join tries it with what it remembers of the row, under the mapping that it has: so nothing older than what was reported can go
out, the order of visit, settlement and fee line is kept, and the record takes its number like every other one. The row's own last
change stays its last change.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import orjson

from streams.domain.records import Header
from streams.errors import Rejected

REPLAY: Final = "replay"
"""What `yibao` says in the message of an order."""

REPLAY_ID: Final = "x-dlq-replay-id"
REPLAY_COUNT: Final = "x-dlq-replay-count"
FIRST_FAILED_AT: Final = "x-dlq-first-failed-at"
"""Headers of a ready record that goes because of an order: its dead letter, where it gets one again, takes them over."""

ANEW: Final = "anew"
"""Header of a ready record that was made anew because a person ordered it: id of the order. Older versions of the record that wait
are not posted any more; where it is on a recall, those with another content hash."""


class Replay(NamedTuple):
    """One order."""

    source: str
    """Debezium's `topic.prefix` of the row."""
    table: str
    """`schema.table` of the row."""
    key: Mapping[str, str]
    """Values of its key columns, by name."""
    visit: str
    """The visit in whose lane it was refused."""
    plan: str
    """Id of the replay plan."""
    letter: str
    """Id of its letter; `""` of a record that waits in `visit.ready`."""
    times: int
    """How often the record was replayed before, as its letter says."""
    first_failed_at: int
    """When it failed first (ms)."""
    resend: str = ""
    """Content hash of what the platform refused, to be sent once more although it is the same; `""`: only what differs is sent."""
    position: str = ""
    """By what the record that was refused is known, as the letter says: as a rule the position of its row's change in the log."""
    last: bool = False
    """Of what waits: all of it was ordered, and what was made anew of it in this visit's lane is in force now. It names no row."""

    def __repr__(self) -> str:
        """Without keys."""
        return f"Replay(source={self.source!r}, table={self.table!r}, plan={self.plan!r}, times={self.times})"

    @property
    def is_of_ready(self) -> bool:
        """Whether it is of a record that waits in `visit.ready`, and of no letter."""
        return not self.letter

    @property
    def headers(self) -> tuple[Header, ...]:
        """What is said of the record from now on."""
        if self.is_of_ready:
            return ((ANEW, self.plan.encode()),)
        said = {
            REPLAY_ID: self.plan,
            REPLAY_COUNT: f"{self.times + 1}",
            FIRST_FAILED_AT: f"{self.first_failed_at}",
        }
        return tuple([(name, value.encode()) for name, value in said.items()])


def replay_value(order: Replay, *, at: int) -> bytes:
    """The value of an order's message. at: the time (ms)."""
    schema, _, table = order.table.partition(".")
    return orjson.dumps(
        {
            "yibao": REPLAY,
            "source": {"name": order.source, "schema": schema, "table": table, "ts_ms": at},
            "key": order.key,
            "visit": order.visit,
            "plan": order.plan,
            "letter": order.letter,
            "times": order.times,
            "first_failed_at": order.first_failed_at,
            "resend": order.resend,
            "position": order.position,
        }
        | ({"last": True} if order.last else {})
    )


def is_anew(headers: Iterable[Header]) -> bool:
    """Whether a record or recall with these headers was made because a person ordered it to be made anew."""
    return any(name == ANEW for name, _ in headers)


def replay_in(envelope: Mapping[str, object]) -> Replay:
    """The order in a parsed message. Raises Rejected."""
    source, key = envelope.get("source"), envelope.get("key")
    texts = [envelope.get(name) for name in ("visit", "plan", "letter", "resend", "position")]
    numbers = [envelope.get(name) for name in ("times", "first_failed_at")]
    if not (isinstance(source, dict) and isinstance(key, dict)):
        raise Rejected("an order to replay names no row")
    if not (all(type(one) is str for one in (*texts, *key.values())) and all(type(one) is int for one in numbers)):
        raise Rejected("an order to replay is not as yibao writes it")
    visit, plan, letter, resend, position = map(str, texts)
    table = f"{source.get('schema')}.{source.get('table')}"
    times, first = (one for one in numbers if type(one) is int)
    return Replay(
        f"{source.get('name')}", table, key, visit, plan, letter, times, first, resend, position, envelope.get("last") is True
    )
