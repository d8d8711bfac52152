"""What the topics tell of how far a stage is, read whole while no worker runs. Synchronous."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

from connector.contract import Topics
from streams.deadletter.record import read_dead_letter
from streams.deliver.receipt import decode_receipt
from streams.domain.changes import Incoming, RowChange, decode
from streams.domain.join import entries
from streams.domain.place import entries as placed_entries
from streams.domain.place.fold import Placer
from streams.domain.ready import RECALL, number_of
from streams.domain.series import number_of as numbered
from streams.errors import Rejected
from streams.lanes import numbers
from streams.lanes.deliver import orphan_entries
from streams.lanes.deliver.letters import STAGE
from streams.lanes.deliver.recovery import DeliverEvidence
from streams.lanes.join.recovery import JoinEvidence
from streams.lanes.marks import join_mark, tail_of
from streams.lanes.place.recovery import PlaceEvidence
from streams.lanes.place.remembered import Remembered
from streams.lanes.recovered import Place, readable

_LAST = 2000
"""Of each partition, so many of the newest placed messages are compared with rows: more than one transaction writes."""

_Change: TypeAlias = tuple[str, str, int]
"""Source, table and time of the commit."""

Read: TypeAlias = Callable[[str], Iterator[Any]]
"""The committed messages of a topic, partition by partition in order (`streams.topics.whole`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What the brokers say of one stage before anything is read."""

    places: Mapping[int, Place]
    """Its input, by partition."""
    state: Mapping[int, int]
    """Ends of `visit.state`."""
    state_id: str
    next_of: Mapping[int, int]
    """The number that the stage beside it goes on with: for the join the deliver stage's, for the deliver stage the join's."""


class _Came(NamedTuple):
    """What a source's series wrote into the topic of changes."""

    last: dict[tuple[str, int], int]
    """The last number by series and partition."""
    placed: set[bytes]
    """Digests of the newest messages of each partition."""
    newest_ms: int | None
    """When the newest was captured; None where there is none."""

    def __repr__(self) -> str:
        """Without the messages' digests."""
        return f"_Came(newest_ms={self.newest_ms})"


def _came(source: str, messages: Iterable[Any]) -> _Came:
    last: dict[tuple[str, int], int] = {}
    newest: dict[int, deque[bytes]] = defaultdict(lambda: deque(maxlen=_LAST))
    newest_ms: int | None = None
    for message in messages:
        series, number = numbered(incoming_of(message))
        if series.startswith(f"{source}/"):
            last[series, message.partition] = number
            newest[message.partition].append(_digest(message.partition, message.value, message.timestamp))
            newest_ms = max(newest_ms or 0, message.timestamp)
    return _Came(last, {one for of_partition in newest.values() for one in of_partition}, newest_ms)


def place_evidence(  # noqa: PLR0913 - the source, what it is placed by, and where it stands
    rows: Place, *, source: str, fold: Placer, partitions: int, topics: Topics, read: Read
) -> PlaceEvidence:
    """Of one source."""
    came = _came(source, read(topics.changes))
    reached = oldest_ms = None
    known = Remembered()
    at_ms = until_ms = 0
    tail, before = "", -1 if rows.said is None else rows.said.offset - 1
    for message in read(rows.at.topic):
        oldest_ms = message.timestamp if oldest_ms is None else min(oldest_ms, message.timestamp)
        at_ms = max(at_ms, message.timestamp)
        if message.offset == before:
            tail = tail_of(message.value)
        incoming = incoming_of(message)
        folded = fold.fold(incoming, source=source)
        known.take(incoming, folded.state, at_ms=at_ms)
        if any(_digest(one.partition, one.value, message.timestamp) in came.placed for one in folded.placed):
            reached, until_ms = message.offset, at_ms
    if known.last is not None:
        known.entries = _entries(read(topics.place_state(source)))
    kept, kept_ms = known.placed() or (None, 0)
    upto = max((one for one in (reached, kept) if one is not None), default=-1)
    return PlaceEvidence(
        rows=rows,
        partitions=partitions,
        reached=reached,
        remembered=known.last,
        kept=kept,
        missing=known.missing(upto),
        oldest_ms=oldest_ms,
        newest_ms=came.newest_ms,
        until_ms=max(until_ms, kept_ms),
        tail=tail,
        last=came.last,
    )


def _entries(messages: Iterator[Any]) -> Mapping[bytes, bytes]:
    """The last value of each row's key."""
    found: dict[bytes, bytes] = {}
    for message in messages:
        if message.value is None:
            found.pop(message.key, None)
        elif placed_entries.is_row(message.key):
            found[message.key] = message.value
    return found


def join_evidence(stand: Stand, *, topics: Topics, read: Read) -> Mapping[int, JoinEvidence]:
    """Of each partition."""
    found = {
        number: JoinEvidence(
            changes=place,
            state_id=stand.state_id,
            state_end=stand.state.get(number, 0),
            delivered=stand.next_of.get(number, numbers.FIRST),
        )
        for number, place in stand.places.items()
    }
    known: dict[int, _Change] = {}
    for message in read(topics.state):
        one = found.get(message.partition)
        if one is not None and message.value is not None and entries.is_row(message.key):
            row = entries.load(message.key, message.value)
            if row.offset is not None and row.offset > (-1 if one.reached is None else one.reached):
                one.reached, known[message.partition] = row.offset, (row.source, row.table, row.committed_at)
    marks = {number: readable(one.changes.said, join_mark) for number, one in found.items()}
    for message in read(topics.changes):
        if (one := found.get(message.partition)) is not None:
            mark = marks[message.partition]
            _compare(one, incoming_of(message), known.get(message.partition), {} if mark is None else mark.taken)
    for message in read(topics.ready):
        if (one := found.get(message.partition)) is not None and (number := _number(message)) is not None:
            one.last_ready = max(one.last_ready, number)
    return found


def _compare(found: JoinEvidence, incoming: Incoming, known: _Change | None, taken: Mapping[str, int]) -> None:
    series, number = numbered(incoming)
    if found.reached is not None and known is not None and incoming.offset == found.reached:
        found.is_there = known == _change(incoming)
    if not series:
        return
    if found.reached is not None and incoming.offset <= found.reached:
        found.before[series] = number
    else:
        found.behind.setdefault(series, number)
    if found.new_at is None and number >= taken.get(series, numbers.FIRST):
        found.new_at, found.new = incoming.offset, (series, number)


def _change(incoming: Incoming) -> _Change | None:
    """By what a row in the state knows its last change again: its key may be capture's own, from before there was a place stage."""
    try:
        event = decode(incoming.value)
    except Rejected:
        return None
    return (event.source, event.table, event.committed_at) if isinstance(event, RowChange) else None


def deliver_evidence(stand: Stand, *, topics: Topics, read: Read) -> Mapping[int, DeliverEvidence]:
    """Of each partition."""
    settled: dict[int, set[int]] = {number: set() for number in stand.places}
    found = {
        number: DeliverEvidence(ready=place, settled=settled[number], joined=stand.next_of.get(number))
        for number, place in stand.places.items()
    }
    for message in read(topics.receipts):
        if (one := found.get(message.partition)) is not None:
            receipt = decode_receipt(message.value)
            settled[message.partition].update(line.number for line in receipt.records)
            one.take_plan(receipt.plan, max(line.number for line in receipt.records))
    for partition, keys in _orphans(read(topics.orphans)).items():
        if partition in found:
            waiting = {orphan_entries.number_in(key) for key in keys if orphan_entries.is_waiting(key)}
            settled[partition] |= waiting
            found[partition].orphans = len(keys) - len(waiting), len(waiting)
    for message in read(topics.dead):
        if message.partition in settled and (number := _letter(message)) is not None:
            settled[message.partition].add(number)
    for message in read(topics.ready):
        if (one := found.get(message.partition)) is not None and (number := _number(message)) is not None:
            one.take_record(number, message.offset, is_recall=RECALL in message.headers)
    return found


def _orphans(messages: Iterator[Any]) -> Mapping[int, set[bytes]]:
    """By partition, the keys of the entries that stand there."""
    found: dict[int, set[bytes]] = defaultdict(set)
    for message in messages:
        if orphan_entries.is_letter(message.key):
            continue
        (found[message.partition].discard if message.value is None else found[message.partition].add)(message.key)
    return found


def _letter(message: Any) -> int | None:
    """The number of the ready record that a dead letter of the deliver stage is of."""
    try:
        letter = read_dead_letter(message)
        return number_of(letter.original_headers) if letter.stage == STAGE else None
    except Rejected:
        return None


def _number(message: Any) -> int | None:
    try:
        return number_of(tuple(message.headers))
    except Rejected:
        return None


def _digest(partition: int, value: bytes | None, timestamp_ms: int) -> bytes:
    return blake2b(b"%d/%d/" % (partition, timestamp_ms) + (value or b""), digest_size=16).digest()


def incoming_of(message: Any) -> Incoming:
    """A message of kafka-python as the domain reads it."""
    return Incoming(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=tuple(message.headers),
        timestamp_ms=message.timestamp,
    )
