"""Decode what stands in `visit.changes` and in the lookup topics: row changes, truncates, ticks, tombstones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import orjson

from connector.contract import UNAVAILABLE, DatabaseKind, Mark, Op, Position, mark, position, transaction_of, whole
from streams.domain.images import row_of, text_of
from streams.domain.recapture import RECAPTURED, NotThere, not_there_in
from streams.domain.records import Header, Row
from streams.domain.release import RELEASE, Release, release_in
from streams.domain.replay import REPLAY, Replay, replay_in
from streams.domain.ticks import END_OF_TIME, Tick, tick_in
from streams.domain.told import Told, told_in
from streams.errors import Rejected

ARRIVED: Final = "arrived"
"""Header of a row that came from another visit: what was reported of it there may stand at the platform."""
FREED: Final = "freed"
"""What `yibao` says in the message of a row whose record no other visit claims any more: nothing was done to the row itself."""
UNCOUNTED: Final = "uncounted"
"""What the place stage says of the delete that it makes of a row which does not count (`streams.domain.place.counting`)."""
SERVER: Final = "server"
"""Third header of a message that the place stage wrote: the server that it comes from; absent of a source's first one."""

DOUBTED: Final = "doubted"
"""Header of a row that may have come from another visit: it is not known."""
CLAIMED: Final = "claimed"
"""Header of a row whose record a row of another visit claimed first: table and key of that, joined by 0x1f. It is not sent."""
PASSED: Final = "passed"
"""Header of the message by which a row gives up a record that another visit holds from then on."""
FORMERLY: Final = "formerly"
"""Header of a row whose key was changed: the columns of its former key, as JSON. Its former row went by the message before."""

_ALWAYS: Final = 2
"""Headers that each message has which the place stage wrote."""
NUMBER: Final = "seq"
"""The second one of them, with the message's number in its series (`streams.domain.series`)."""


class Incoming(NamedTuple):
    """One message as it was read, undecoded.

    A named tuple, like everything that is made for every message: it costs half of what a frozen data class does.
    """

    topic: str
    """Where it was read."""
    partition: int
    """Partition of that topic."""
    offset: int
    """Offset in that partition."""
    key: bytes | None
    """None where the message has none."""
    value: bytes | None
    """None for a tombstone."""
    headers: tuple[Header, ...]
    """In their order."""
    timestamp_ms: int
    """The message's own time, milliseconds since the epoch."""

    @property
    def is_plain(self) -> bool:
        """Whether the place stage says nothing of its row besides its number."""
        return len(self.headers) == _ALWAYS and self.headers[1][0] == NUMBER

    @property
    def formerly(self) -> bytes | None:
        """The columns of the former key of its row; None where that did not change."""
        return self.headers[-1][1] if len(self.headers) > 0 and self.headers[-1][0] == FORMERLY else None

    @property
    def arrived(self) -> bool:
        """Whether its row came from another visit."""
        return len(self.headers) > 0 and self.headers[-1][0] == ARRIVED

    @property
    def doubted(self) -> bool:
        """Whether its row may have come from another visit."""
        return len(self.headers) > _ALWAYS and any(name == DOUBTED for name, _ in self.headers[_ALWAYS:])

    @property
    def claimed(self) -> str:
        """By which row of another visit its record is claimed; `""` for none."""
        if len(self.headers) <= _ALWAYS:
            return ""
        return next(((value or b"").decode("utf-8", "replace") for name, value in self.headers if name == CLAIMED), "")

    @property
    def passed(self) -> bool:
        """Whether another visit holds the record that its row gives up."""
        return len(self.headers) > _ALWAYS and any(name == PASSED for name, _ in self.headers)

    def __repr__(self) -> str:
        """Without what the message holds: it ends up in errors and logs."""
        return f"Incoming(topic={self.topic!r}, partition={self.partition}, offset={self.offset}, timestamp_ms={self.timestamp_ms})"


class RowChange(NamedTuple):
    """One change of one row."""

    source: str
    """Debezium's `topic.prefix`."""
    table: str
    """`schema.table`."""
    op: Op
    """What happened to the row."""
    row: Row
    """The row after the change; of a delete, the row as it was."""
    before: Row | None
    """The row before the change. Kept only where `row` lacks a value that was not sent (TOAST); otherwise None."""
    position: Position | None
    """Where the change stands in the database's log; None for rows of an incremental snapshot."""
    committed_at: int
    """Milliseconds of the commit in the database."""
    mark: Mark | None
    """By what the change is recognised when it is sent again; None of a row that was read."""
    told: Told | None = None
    """What the place stage says of it; None where the row itself names its visit."""
    transaction: str = ""
    """Its transaction, as the database names it; `""` where capture does not say."""
    left: bool = False
    """Whether the row left its visit for another one: it is no delete."""
    now: Row | None = None
    """Of a row that left, what stands in it now, where that is known."""
    absent: bool = False
    """Whether nobody saw it go: a reading of its whole table has not found it (`streams.domain.absent`). It goes only where nothing
    was done to it since it was compared.
    """
    compared: int | None = None
    """Of such a row: the offset of its last change, as the join knew it."""
    freed: bool = False
    """Whether nothing was done to it: no other visit claims its record any more."""
    uncounted: bool = False
    """Whether it is there, and does not count: for the join it was deleted."""

    def __repr__(self) -> str:
        """Without what the row holds."""
        return f"RowChange(source={self.source!r}, table={self.table!r}, op={self.op!r}, position={self.position})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated:
    """A whole table was emptied by TRUNCATE."""

    source: str
    """Debezium's `topic.prefix`."""
    table: str
    """`schema.table`."""
    committed_at: int
    """Milliseconds of the commit in the database."""
    position: Position | None = None
    """Where it stands in the database's log."""
    mark: Mark | None = None
    """By what it is recognised when it is sent again."""
    transaction: str = ""
    """As of a RowChange."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A message without a value: Kafka's mark for compaction. Carries nothing for the join."""


Event: TypeAlias = RowChange | Truncated | Tick | Tombstone | Replay | Release | NotThere

_OPS: Final[Mapping[object, Op]] = {op.value: op for op in Op}
_TRUNCATE: Final = Op.TRUNCATE
_DELETE: Final = Op.DELETE
_KINDS: Final[Mapping[object, DatabaseKind]] = {kind.value: kind for kind in DatabaseKind}


def server_of(incoming: Incoming) -> str:
    """Which of a source's servers a message comes from, `""` for the first one."""
    headers = incoming.headers
    if len(headers) < 3 or headers[2][0] != SERVER:
        return ""
    return (headers[2][1] or b"").decode("utf-8", "replace")


def decode(value: bytes | None, *, server: str = "") -> Event:
    """The event in one message's value. Raises Rejected, whose text says what is wrong without quoting the content.

    server: as `server_of` says it.
    """
    if value is None:
        return Tombstone()
    try:
        envelope = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise Rejected("the value is not JSON") from None
    if not isinstance(envelope, dict):
        raise Rejected("the value is not a JSON object")
    return event_of(envelope, server=server)


def event_of(envelope: Mapping[str, object], *, server: str = "") -> Event:
    """The event in one message's parsed value. Raises as `decode`. server: see there."""
    if "op" not in envelope:
        return _OURS.get(f"{envelope.get('yibao')}", tick_in)(envelope)
    source = envelope.get("source")
    if not isinstance(source, dict):
        raise Rejected("the envelope has no source block")
    return _row_change(envelope, source, server)


def mark_of(op: Op, source: Mapping[str, object], *, server: str) -> Mark | None:
    """By what a change is recognised whose envelope is not decoded otherwise. Raises Rejected. server: as `server_of` says it."""
    try:
        known_by = mark(op, source, position(_KINDS[source["connector"]], source))
    except (KeyError, TypeError, ValueError) as exc:
        raise Rejected(f"the envelope is not one of a known database: {type(exc).__name__}") from None
    return _of_server(known_by, server)


def _of_server(known_by: Mark | None, server: str) -> Mark | None:
    """With which life of the database it was, beside what the change says itself of who numbered it."""
    if not server or known_by is None:
        return known_by
    return known_by._replace(server=f"{server} {known_by.server}" if known_by.server else server)


def key_in(columns: bytes, names: Sequence[str]) -> tuple[str, ...]:
    """A row's key from the key of its message; () where it is not there."""
    try:
        found = orjson.loads(columns)
        return tuple(f"{text_of(found[name])}" for name in names)
    except (orjson.JSONDecodeError, KeyError, TypeError, Rejected):
        return ()


def dotted(place: Position | None) -> str:
    """A position as headers hold it; empty where there is none."""
    return ".".join(map(str, place or ()))


_OURS: Final[Mapping[str, Callable[[Mapping[str, object]], Event]]] = {
    REPLAY: replay_in,
    RELEASE: release_in,
    RECAPTURED: not_there_in,
}


def _row_change(envelope: Mapping[str, object], source: Mapping[str, object], server: str) -> RowChange | Truncated:
    try:
        op = _OPS[envelope["op"]]
        kind = _KINDS[source["connector"]]
        schema = source["schema"] if "schema" in source else source["db"]
        name, table = f"{source['name']}", f"{schema}.{source['table']}"
        committed_at = whole(source["ts_ms"])
    except (KeyError, TypeError, ValueError) as exc:
        raise Rejected(f"the envelope is not one of a known database: {type(exc).__name__}") from None
    if not 0 <= committed_at < END_OF_TIME:
        raise Rejected("the envelope's time of commit is impossible")
    place = position(kind, source)
    known_by = _of_server(mark(op, source, place), server) if server else mark(op, source, place)
    if op is _TRUNCATE:
        return Truncated(
            source=name, table=table, committed_at=committed_at, position=place, mark=known_by, transaction=transaction_of(source)
        )
    row = row_of(envelope.get("before" if op is _DELETE else "after"))
    if row is None:
        raise Rejected(f"the envelope of op {op.value!r} carries no row")
    before = row_of(envelope.get("before")) if UNAVAILABLE in row.values() else None
    transaction = transaction_of(source)
    if "place" not in envelope and "yibao" not in envelope:  # as nearly all
        return RowChange(name, table, op, row, before, place, committed_at, known_by, None, transaction)
    told = told_in(envelope["place"]) if "place" in envelope else None
    ours = envelope.get("yibao")
    left, absent = ours == "left", ours == "absent"
    now = row_of(envelope.get("now")) if left else None
    compared = envelope.get("compared") if absent else None
    compared = compared if type(compared) is int else None
    known_by = known_by if told is None or left else None
    left = left or (told is not None and told.moved == "left")
    said = told, transaction, left, now, absent, compared, ours == FREED, ours == UNCOUNTED
    # By position: by name, it costs more than half as much again as reading the row.
    return RowChange(name, table, op, row, before, place, committed_at, known_by, *said)
