"""Wait until orders that were written into the rows of the sources are answered: placed, and folded by the join."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from streams.errors import Refused
from streams.lanes.marks import JoinMark, join_mark, place_mark
from streams.lanes.numbers import FIRST
from streams.mapping import Site
from streams.topics.broker import Broker

_WAIT_S: Final = 0.5


def await_answers(site: Site, broker: Broker, *, deadline_s: float, again: str) -> None:
    """Return when place and join have taken all that stands in the rows of the sources now. Raises Refused, of each of the two
    after so many seconds. again: what is so then, for people.
    """
    written = {source: broker.ends(site.topics.rows(source)).get(0, 0) for source in site.sources}
    await_true(lambda: _is_placed(site, broker, written), "the place stage has not taken all orders", deadline_s, again)
    placed = _placed(site, broker)
    await_true(lambda: _is_answered(site, broker, placed), "the join has not answered all orders", deadline_s, again)


def await_true(done: Callable[[], bool], what: str, deadline_s: float, again: str) -> None:
    """Return when it is done. Raises Refused. what: that it is not, for people."""
    until = time.monotonic() + deadline_s
    while not done():
        if time.monotonic() > until:
            raise Refused(f"{what} within {deadline_s:g} s (`yibao connector status`): {again}")
        time.sleep(_WAIT_S)


def joined(site: Site, broker: Broker) -> dict[int, JoinMark]:
    """The join's marks, by partition."""
    topics = site.topics
    said = broker.committed(topics.group("join"), topics.changes, range(site.kafka.partitions))
    return {number: join_mark(one.metadata) for number, one in said.items()}


def _is_placed(site: Site, broker: Broker, ends: Mapping[str, int]) -> bool:
    topics = site.topics
    return all(broker.committed(topics.group("place"), topics.rows(one), [0])[0].offset >= end for one, end in ends.items())


def _placed(site: Site, broker: Broker) -> dict[tuple[str, int], int]:
    """What the place stage numbers next, by series and partition."""
    topics, found = site.topics, {}
    for source in site.sources:
        mark = place_mark(broker.committed(topics.group("place"), topics.rows(source), [0])[0].metadata)
        found.update({(mark.series(source), number): out for number, out in enumerate(mark.out)})
    return found


def _is_answered(site: Site, broker: Broker, placed: Mapping[tuple[str, int], int]) -> bool:
    marks = joined(site, broker)
    return all(marks[number].taken.get(series, FIRST) >= out for (series, number), out in placed.items())
