"""Read single messages of a topic where somebody knows their places."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from streams.topics.access import BrokerAccess
from streams.topics.onward import FETCH_BYTES, Onward

_APART: Final = 5_000
"""Messages. What is less than that from each other is read as one part: to seek costs more than to read that."""


def ranges(offsets: Iterable[int], *, apart: int = _APART) -> list[tuple[int, int]]:
    """The parts of a partition in which these offsets stand: begins, and the ends behind them."""
    found: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if found and offset - found[-1][1] < apart:
            found[-1] = found[-1][0], offset + 1
        else:
            found.append((offset, offset + 1))
    return found


def read_at(  # noqa: PLR0913 - what, and how much at once
    access: BrokerAccess,
    topic: str,
    places: Collection[tuple[int, int]],
    *,
    client_id: str,
    apart: int = _APART,
    fetch_bytes: int = FETCH_BYTES,
) -> Iterator[Any]:
    """The messages that stand at these places (partition, offset). Reads no more than the parts of the topic in which they stand.
    What the topic does not hold any more is left out. Raises Unreachable.

    apart: what is less than so many messages from each other is read as one part. fetch_bytes: as of `Onward`.
    """
    by_partition: dict[int, set[int]] = defaultdict(set)
    for partition, offset in places:
        by_partition[partition].add(offset)
    for partition, offsets in sorted(by_partition.items()):
        with Onward(access, topic, [partition], client_id=client_id, most=apart, fetch_bytes=fetch_bytes) as reader:
            reach = reader.reach()[partition]
            for begin, end in ranges((one for one in offsets if reach.begin <= one < reach.end), apart=apart):
                for portion in reader.read({partition: begin}, {partition: end}, deadline_s=math.inf):
                    yield from (one for one in portion.messages if one.offset in offsets and one.offset < end)
