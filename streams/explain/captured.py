"""Where the changes of a visit stand in the topics of their sources' rows. The place stage hands each on with the time that it had
there, so a broker finds the place by that.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from connector.contract import table_of
from streams.domain.changes import Incoming
from streams.explain.logs import FETCH_BYTES, Logs
from streams.topics.broker import Broker
from streams.topics.offsets import Reach
from streams.topics.onward import Onward

MOST: Final = 50
"""So many changes, the latest ones: each is a look for itself."""
_NEAR: Final = 5_000
"""So many messages of one moment are looked through; capture hands on some 2,000 at once."""
_SAYS: Final = ("lsn", "txId", "gtid", "file", "pos", "row", "ts_us", "ts_ms", "snapshot")
_ONE_S: Final = 30.0
_AT_ONCE: Final = 400


class _Change(NamedTuple):
    offset: int
    at: int
    block: Mapping[str, Any]


def captured_as(logs: Logs, changes: Sequence[Incoming]) -> dict[int, int]:
    """By offset in `visit.changes`: the offset in `rows.<source>`. What does not stand there any more is left out. Raises
    Unreachable.
    """
    by_source: dict[str, list[_Change]] = defaultdict(list)
    for one in changes[-MOST:]:
        block = _block(one.value)
        if block is not None:
            by_source[f"{block.get('name')}"].append(_Change(one.offset, one.timestamp_ms, block))
    return {offset: there for source, wanted in by_source.items() for offset, there in _of_source(logs, source, wanted)}


def _of_source(logs: Logs, source: str, wanted: Sequence[_Change]) -> Iterable[tuple[int, int]]:
    topic = logs.topics.rows(source)
    with Broker(logs.access) as broker:
        reach = broker.reach(topic).get(0)
        if reach is None:
            return
        begins = {at: broker.since(topic, at) for at in {one.at for one in wanted}}
    with Onward(logs.access, topic, [0], client_id=logs.client_id, most=_AT_ONCE, fetch_bytes=FETCH_BYTES) as reader:
        for at, begin in sorted(begins.items()):
            if begin is not None:
                yield from _of_moment(reader, reach, begin, [one for one in wanted if one.at == at])


def _of_moment(reader: Onward, reach: Reach, begin: int, wanted: Sequence[_Change]) -> Iterable[tuple[int, int]]:
    """Of changes of one moment."""
    left = {one.offset: one for one in wanted}
    for portion in reader.read({0: begin}, {0: min(begin + _NEAR, reach.end)}, deadline_s=_ONE_S):
        for message in portion.messages:
            block = _block(message.value) if message.timestamp == wanted[0].at else None
            for offset, one in list(left.items()):
                if block is not None and _same(block, one.block):
                    del left[offset]
                    yield offset, message.offset
            if not left or message.timestamp > wanted[0].at:
                return


def _same(block: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return table_of(block) == table_of(other) and all(block.get(name) == other.get(name) for name in _SAYS)


def _block(value: bytes | None) -> Mapping[str, Any] | None:
    """What an envelope says of where its change comes from; None of what is no change of a row."""
    try:
        envelope = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(envelope, dict) or "op" not in envelope:
        return None
    block = envelope.get("source")
    return block if isinstance(block, dict) else None
