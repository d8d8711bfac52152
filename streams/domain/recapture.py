"""A person's order to read a row again from its database, because of its dead letters: messages in the order of the source's rows.

First comes the order itself: the place stage keeps it, and gives it to what comes of the row next, so that the join knows with the
row why it was read. When the reading is over, that is said, too: of a row of which nothing came meanwhile, the place stage then
says that it is not there. So what closes a letter is decided where the row would have come, and not by whoever reads.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from streams.domain.records import Header
from streams.domain.replay import Replay
from streams.errors import Rejected

RECAPTURE: Final = "recapture"
"""What `yibao` says in the message of an order; and the header of a row that was read, or changed, because of one."""
RECAPTURED: Final = "recaptured"
"""What `yibao` says in the message that a reading is over, and in the one that a row was not there."""


class Asked(NamedTuple):
    """One letter for which a row is read again."""

    letter: str
    """Its id."""
    times: int
    """How often its record was replayed before."""
    first_failed_at: int
    """When it failed first (ms)."""
    visit: str
    """The visit in whose lane it was told; `""` where its row had no place."""
    own: bool
    """Whether it is the join's: then it closes with what comes of the row. Of its own letters the deliver stage knows itself."""

    def __repr__(self) -> str:
        """Without the visit key."""
        return f"Asked(letter={self.letter!r}, times={self.times})"


class Recapture(NamedTuple):
    """One order: of one row, for all of its letters."""

    source: str
    """Debezium's `topic.prefix` of the row."""
    table: str
    """`schema.table` of the row."""
    key: Mapping[str, str]
    """Values of its key columns, by name."""
    plan: str
    """Id of the replay plan."""
    letters: tuple[Asked, ...]
    """The letters."""
    reading: str = ""
    """Of the reading: what ends another one, of the same plan even, says nothing of this."""

    def __repr__(self) -> str:
        """Without the key."""
        return f"Recapture(source={self.source!r}, table={self.table!r}, plan={self.plan!r}, letters={len(self.letters)})"


class NotThere(NamedTuple):
    """A row was read again, and is not there: nothing came of it from the order to the end of the reading."""

    row: Recapture
    """The row, and those of its letters that were told in this lane, or in none."""

    def __repr__(self) -> str:
        """Without the row's key."""
        return "NotThere()"


def order_value(order: Recapture, *, at: int) -> bytes:
    """The value of an order's message. at: the time (ms)."""
    return _value(RECAPTURE, order, at=at)


def ended_value(order: Recapture, *, at: int) -> bytes:
    """The value of the message that the reading of a row is over; as the place stage writes it: that the row is not there. at: the
    time (ms).
    """
    return _value(RECAPTURED, order, at=at)


def header_of(plan: str, letters: Sequence[Asked]) -> Header:
    """What a row is told that comes after an order."""
    return RECAPTURE, orjson.dumps([plan, [*map(tuple, letters)]])


def header_in(headers: Sequence[Header]) -> tuple[str, tuple[Asked, ...]] | None:
    """The plan and the letters because of which a row came; None where it was not ordered."""
    for name, value in headers:
        if name == RECAPTURE:
            plan, letters = orjson.loads(value or b"null")
            return plan, tuple([Asked(*one) for one in letters])
    return None


def as_replay(plan: str, letters: Sequence[Asked], *, visit: str, source: str, table: str) -> Replay:
    """What is said of a record that comes of such an order: it is a replay like others."""
    times, first = max(one.times for one in letters), min(one.first_failed_at for one in letters)
    return Replay(source, table, {}, visit, plan, letters[0].letter, times, first)


def recapture_in(envelope: Mapping[str, Any]) -> Recapture:
    """The order in a parsed message. Raises Rejected."""
    source, key, letters = envelope.get("source"), envelope.get("key"), envelope.get("letters")
    if not (isinstance(source, dict) and isinstance(key, dict) and isinstance(letters, list) and letters):
        raise Rejected("an order to read a row again names no row, or no letter")
    if not key or not all(type(one) is str for one in (envelope.get("plan"), envelope.get("reading"), *key.values())):
        raise Rejected("an order to read a row again is not as yibao writes it")
    table = f"{source.get('schema')}.{source.get('table')}"
    return Recapture(
        f"{source.get('name')}", table, key, f"{envelope['plan']}", tuple(map(_asked, letters)), f"{envelope['reading']}"
    )


def not_there_in(envelope: Mapping[str, Any]) -> NotThere:
    """What is said of a row that is not there. Raises Rejected."""
    return NotThere(recapture_in(envelope))


def _asked(members: object) -> Asked:
    match members:
        case [str(letter), int(times), int(first), str(visit), bool(own)]:
            return Asked(letter, times, first, visit, own)
        case _:
            raise Rejected("an order to read a row again names a letter otherwise than yibao does")


def _value(said: str, order: Recapture, *, at: int) -> bytes:
    schema, _, table = order.table.partition(".")
    source = {"name": order.source, "schema": schema, "table": table, "ts_ms": at}
    letters = [*map(tuple, order.letters)]
    about = {"plan": order.plan, "reading": order.reading, "letters": letters}
    return orjson.dumps({"yibao": said, "source": source, "key": order.key, **about})
