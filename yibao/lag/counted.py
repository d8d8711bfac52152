"""What waits for each stage, by partition: counted by the numbers that the stages commit, and how fast it goes. Pure.

The place stage numbers what it writes for the join, and the join what it writes for delivery. So what waits for those two is known
to the record, whatever marks of transactions stand in the topics. Rows of capture have no numbers: offsets bound them from above.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from connector.contract import Topics
from streams.errors import YibaoError
from streams.lanes.marks import join_mark, place_mark, seq_of
from streams.lanes.numbers import FIRST
from streams.lanes.passed_marks import undelivered
from yibao.lag.marks import DELIVER, JOIN, PLACE, StageMarks

Which: TypeAlias = tuple[str, str | None, int]
"""Stage, source (None of deliver) and partition."""


class Kind(NamedTuple):
    """What waits of one institution and service."""

    waiting: int
    """Records."""
    oldest_ms: int
    """When the change was captured that made the oldest of them; milliseconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """What waits for one stage in one partition, of place and join of one source."""

    stage: str
    """`place`, `join` or `deliver`."""
    source: str | None
    """Of place and join: whose rows; None of deliver."""
    partition: int
    """Of the stage's input."""
    waiting: int | None
    """Rows, of deliver records; None where the stage has no committed offset of ours."""
    at_most: bool = False
    """Whether it may be less: offsets, of which some may be marks of transactions."""
    taken: int = 0
    """How far the stage is, by whatever it is counted by."""
    come: int = 0
    """How much has come for it, by the same."""
    owner: str = ""
    """Who was given the partition; `""` for nobody."""
    oldest_ms: int | None = None
    """When the oldest that waits was captured, by its own time; None where nothing waits, or it was not found at a bounded cost."""
    kinds: Mapping[tuple[str, str], Kind] = field(default_factory=dict)
    """Of deliver, by institution and service."""
    all_kinds: bool = True
    """Whether these are all that waits; otherwise the first of it."""
    rate_per_s: float | None = None
    """What the stage takes a second; None before the second look."""
    coming_per_s: float | None = None
    """What comes for it a second; None before the second look."""

    @property
    def which(self) -> Which:
        """By what it is found again in the next look."""
        return self.stage, self.source, self.partition

    @property
    def drains(self) -> bool | None:
        """Whether it gets less; None where that is not known."""
        if self.waiting == 0:
            return True
        if self.rate_per_s is None or self.coming_per_s is None or self.waiting is None:
            return None
        return self.rate_per_s > self.coming_per_s

    @property
    def drained_in_s(self) -> float | None:
        """In so many seconds nothing waits, at this pace; None where it does not get less, or that is not known."""
        if self.waiting == 0:
            return 0.0
        if not self.drains or self.waiting is None or self.rate_per_s is None or self.coming_per_s is None:
            return None
        return self.waiting / (self.rate_per_s - self.coming_per_s)


def counted(marks: StageMarks, topics: Topics) -> list[Lag]:
    """Each stage's partitions, in the order of the data."""
    return [*_of_place(marks, topics), *_of_join(marks, topics), *_of_deliver(marks, topics)]


def _of_place(marks: StageMarks, topics: Topics) -> Iterator[Lag]:
    for source, one in marks.placed.items():
        end, rows = marks.ends[source], topics.rows(source)
        known = end is not None and one.offset >= 0
        yield Lag(
            stage=PLACE,
            source=source,
            partition=0,
            waiting=max(0, (end or 0) - one.offset) if known else None,
            at_most=True,
            taken=max(0, one.offset),
            come=end or 0,
            owner=marks.owner(PLACE, rows, 0),
        )


def _of_join(marks: StageMarks, topics: Topics) -> Iterator[Lag]:
    """What place numbered for each partition and the join has not taken."""
    for source, one in marks.placed.items():
        placed = None
        with suppress(YibaoError):
            placed = place_mark(one.metadata)
        for number, joined in marks.joined.items():
            lag = Lag(
                stage=JOIN,
                source=source,
                partition=number,
                waiting=None,
                owner=marks.owner(JOIN, topics.changes, number),
            )
            with suppress(YibaoError):
                taken = join_mark(joined.metadata).taken
                if placed is not None and number < len(placed.out):
                    done, out = taken.get(placed.series(source), FIRST), placed.out[number]
                    lag = replace(lag, waiting=max(0, out - done), taken=done, come=out)
            yield lag


def _of_deliver(marks: StageMarks, topics: Topics) -> Iterator[Lag]:
    """What the join numbered for each partition, and has no outcome that is committed."""
    for number, one in marks.delivered.items():
        lag = Lag(stage=DELIVER, source=None, partition=number, waiting=None, owner=marks.owner(DELIVER, topics.ready, number))
        with suppress(YibaoError):
            come = seq_of(marks.joined[number].metadata)
            waiting = undelivered(one.metadata, come)
            lag = replace(lag, waiting=waiting, taken=come - waiting, come=come)
        yield lag


def paced(before: Iterable[Lag], lags: Sequence[Lag], *, elapsed_s: float) -> list[Lag]:
    """The same with what was taken and what came a second since the look before."""
    known = {one.which: one for one in before if one.waiting is not None}
    return [
        lag
        if (one := known.get(lag.which)) is None or lag.waiting is None or elapsed_s <= 0
        else replace(
            lag,
            rate_per_s=max(0, lag.taken - one.taken) / elapsed_s,
            coming_per_s=max(0, lag.come - one.come) / elapsed_s,
        )
        for lag in lags
    ]


def waiting_in(lags: Iterable[Lag]) -> int | None:
    """What waits in several partitions; None where that is not known of one."""
    total = 0
    for lag in lags:
        if lag.waiting is None:
            return None
        total += lag.waiting
    return total


def oldest_in(lags: Iterable[Lag]) -> int | None:
    """When the oldest of several was captured; None where none is known."""
    return min((lag.oldest_ms for lag in lags if lag.oldest_ms is not None), default=None)


def slowest(lags: Sequence[Lag]) -> Lag | None:
    """The partition that drains last; one that is not known to drain comes before all. None where nothing waits."""
    open_lags = [lag for lag in lags if lag.waiting != 0]
    return max(open_lags, key=lambda lag: (lag.drained_in_s is None, lag.drained_in_s or 0, lag.waiting or 0), default=None)


def by_kind(lags: Iterable[Lag]) -> dict[tuple[str, str], Kind]:
    """What waits for delivery, by institution and service, as far as it was looked at."""
    found: dict[tuple[str, str], Kind] = {}
    for lag in lags:
        for which, kind in lag.kinds.items():
            one = found.get(which, Kind(0, kind.oldest_ms))
            found[which] = Kind(one.waiting + kind.waiting, min(one.oldest_ms, kind.oldest_ms))
    return dict(sorted(found.items()))


class Pace(NamedTuple):
    """How fast several partitions go, together."""

    rate_per_s: float | None
    """What they take a second; None where that is not known of one."""
    coming_per_s: float | None
    """What comes for them a second."""
    drains: bool | None
    """Whether they get less, all in all, and none of them stands."""
    drained_in_s: float | None
    """When nothing waits in the slowest of them, at this pace; None where that one does not get less, or it is not known."""


def pace_of(lags: Sequence[Lag]) -> Pace:
    """Of several partitions; of none nothing is known. Between two looks one of them may get more while all together get less: what
    is told of all is their sum. One that takes nothing of what waits is told all the same.
    """
    rates = [lag.rate_per_s for lag in lags if lag.rate_per_s is not None]
    coming = [lag.coming_per_s for lag in lags if lag.coming_per_s is not None]
    worst, known = slowest(lags), bool(lags) and len(rates) == len(lags) == len(coming)
    rate, comes = (sum(rates), sum(coming)) if known else (None, None)
    if worst is None:
        return Pace(rate, comes, True if lags else None, 0.0 if lags else None)
    drains = worst.drains if rate is None or comes is None or worst.drains is None else rate > comes and not stands(lags)
    return Pace(rate, comes, drains, worst.drained_in_s if drains else None)


def stands(lags: Iterable[Lag]) -> bool:
    """Whether one of them takes nothing of what waits in it."""
    return any(lag.waiting != 0 and lag.rate_per_s == 0 for lag in lags)
