"""How old the oldest is that waits, and of whom it is: by its own time and headers, read from the topics at a bounded cost."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from connector.contract import Topics
from streams.domain.changes import Incoming
from streams.domain.ready import Brief, brief_of
from streams.domain.series import number_of
from streams.errors import YibaoError
from streams.lanes.deliver.aside import Aside
from streams.lanes.marks import deliver_mark, place_mark
from streams.topics.ahead import Ahead, Lookahead, Place, Seen
from yibao.lag.counted import Kind, Lag
from yibao.lag.marks import DELIVER, JOIN, PLACE, StageMarks

_MOST: Final = {PLACE: 5_000, JOIN: 500, DELIVER: 2_000}
"""Messages of a partition that are looked at. Of place they are counted, of the join only the first that waits is looked for."""
_ALL_S: Final = 6.0
"""For all partitions of all stages."""


def aged(lags: Sequence[Lag], marks: StageMarks, topics: Topics, ahead: Lookahead) -> list[Lag]:
    """The same with the age of what waits, its institutions and services, and rows of capture counted. Nothing is read of what is
    drained. Raises Unreachable.
    """
    until = time.monotonic() + _ALL_S
    waiting = [lag for lag in lags if lag.waiting]

    def look(stage: str, offsets: Mapping[Place, int]) -> dict[Place, Ahead]:
        return ahead.behind(offsets, most=_MOST[stage], deadline_s=max(0.0, until - time.monotonic()))

    rows = look(PLACE, {(topics.rows(f"{lag.source}"), 0): lag.taken for lag in waiting if lag.stage == PLACE})
    joined = {lag.partition: marks.joined[lag.partition].offset for lag in waiting if lag.stage == JOIN}
    changes = look(JOIN, {(topics.changes, number): offset for number, offset in joined.items()})
    lanes = {lag.partition: _lane_of(lag.partition, marks) for lag in waiting if lag.stage == DELIVER}
    ready = look(DELIVER, {(topics.ready, number): one.offset for number, one in lanes.items()})
    before = look(DELIVER, {(topics.ready, number): one.aside_from for number, one in lanes.items() if one.aside})
    found: list[Lag] = []
    for lag in lags:
        if not lag.waiting:
            found.append(replace(lag, at_most=False))
        elif lag.stage == PLACE:
            found.append(_placed(lag, rows[topics.rows(f"{lag.source}"), 0]))
        elif lag.stage == JOIN:
            found.append(_joined(lag, marks, changes[topics.changes, lag.partition]))
        else:
            at = topics.ready, lag.partition
            found.append(_delivered(lag, lanes[lag.partition], ready[at], before.get(at)))
    return found


def _placed(lag: Lag, ahead: Ahead) -> Lag:
    """Rows alone: a tick waits for nobody."""
    rows = [one.timestamp_ms for one in ahead.seen if not one.tells_time]
    return replace(lag, waiting=len(rows) + ahead.left, at_most=not ahead.whole, oldest_ms=min(rows, default=None))


def _joined(lag: Lag, marks: StageMarks, ahead: Ahead) -> Lag:
    """Rows alone, without the ticks among their numbers; where not all were looked at, there may be a tick more. Rows keep their
    time when they are placed: it is that of their capture.
    """
    series = place_mark(marks.placed[f"{lag.source}"].metadata).series(f"{lag.source}")
    own = [
        one
        for one in ahead.seen
        if (named := number_of(Incoming("", 0, one.offset, None, None, one.headers, 0)))[0] == series and named[1] >= lag.taken
    ]
    rows = [one.timestamp_ms for one in own if not one.tells_time]
    waiting = max(len(rows), (lag.waiting or 0) - (len(own) - len(rows)))
    return replace(lag, waiting=waiting, at_most=not ahead.whole, oldest_ms=rows[0] if rows else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lane:
    """Where a deliver lane is."""

    offset: int
    number: int
    aside: Mapping[str, Aside]

    @property
    def aside_from(self) -> int:
        """Where the first record may stand that is aside."""
        return min(one.offset for one in self.aside.values())


def _lane_of(number: int, marks: StageMarks) -> _Lane:
    committed = marks.delivered[number]
    with suppress(YibaoError):
        mark = deliver_mark(committed.metadata)
        return _Lane(offset=committed.offset, number=mark.seq, aside=mark.aside)
    return _Lane(offset=committed.offset, number=0, aside={})


def _delivered(lag: Lag, lane: _Lane, ahead: Ahead, before: Ahead | None) -> Lag:
    """before: from the first that is aside on; what stands there from the lane's own number on is in `ahead`."""

    def waits(one: Brief) -> bool:
        return one.number >= lane.number and (one.institution not in lane.aside or one.number >= lane.aside[one.institution].number)

    def is_aside(one: Brief) -> bool:
        return one.institution in lane.aside and lane.aside[one.institution].number <= one.number < lane.number

    kinds: dict[tuple[str, str], Kind] = {}
    _count(ahead.seen, waits, kinds)
    whole = ahead.whole
    if before is not None:
        _count(before.seen, is_aside, kinds)
        whole = whole and (before.whole or before.seen[-1].offset >= lane.offset if before.seen else before.whole)
    oldest = min((kind.oldest_ms for kind in kinds.values()), default=None)
    return replace(lag, oldest_ms=oldest, kinds=kinds, all_kinds=whole)


def _count(seen: Iterable[Seen], counts: Callable[[Brief], bool], kinds: dict[tuple[str, str], Kind]) -> None:
    for brief, at in _briefs(seen):
        if counts(brief):
            which = brief.institution, brief.service
            one = kinds.get(which, Kind(0, at))
            kinds[which] = Kind(one.waiting + 1, min(one.oldest_ms, at))


def _briefs(seen: Iterable[Seen]) -> Iterator[tuple[Brief, int]]:
    """Each with when its change was captured."""
    for one in seen:
        if (brief := brief_of(one.headers)) is not None:
            yield brief, brief.captured_at or one.timestamp_ms
